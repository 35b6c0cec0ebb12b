"""The terminal of the live view: curses, with or without colours, of any size."""

import contextlib
import curses
import os
import sys

from maintenance.commands.live_view.live import LiveKey, LiveView
from maintenance.commands.live_view.top import ScreenLine, Style
from worker.clocks import monotonic

REFRESH_S = 2.0
"""How often the screen is drawn, which is as often as the bot publishes what it shows."""

_KEYS = {
    curses.KEY_UP: LiveKey.UP,
    ord("k"): LiveKey.UP,
    curses.KEY_DOWN: LiveKey.DOWN,
    ord("j"): LiveKey.DOWN,
}
_KEYS |= {ord(key): key for key in LiveKey if len(key) == 1}

_COLOURS = {Style.WARNING: curses.COLOR_YELLOW, Style.CRITICAL: curses.COLOR_RED}
_ATTRIBUTES = {Style.HEAD: curses.A_REVERSE, Style.CHOSEN: curses.A_BOLD}
_ATTRIBUTES |= dict.fromkeys(_COLOURS, curses.A_BOLD)


def trouble() -> str | None:
    """Why nothing can be shown here; None if it can."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return "top needs a terminal; top --once prints a snapshot"
    name = os.environ.get("TERM", "")
    try:
        curses.setupterm()
        can_move = bool(curses.tigetstr("cup"))
    except curses.error:
        can_move = False
    if can_move:
        return None
    return f"top cannot draw on this terminal (TERM={name}); top --once prints a snapshot"


def show(view: LiveView) -> None:
    """Show a view until it ends, or somebody presses ^C."""
    with contextlib.suppress(KeyboardInterrupt):
        curses.wrapper(_run, view)


def _run(window: curses.window, view: LiveView) -> None:
    with contextlib.suppress(curses.error):
        curses.curs_set(0)
    attributes = _attributes()
    refresh_at = monotonic() + REFRESH_S
    while True:
        _draw(window, view, attributes)
        window.timeout(max(0, int(1000 * (refresh_at - monotonic()))))
        key = window.getch()
        if monotonic() >= refresh_at:
            view.refresh()
            refresh_at = monotonic() + REFRESH_S
        if key in (-1, curses.KEY_RESIZE):
            continue
        if not view.press(_KEYS.get(key, "")):
            return


def _attributes() -> dict[Style, int]:
    """How each style looks on this terminal."""
    found = dict(_ATTRIBUTES)
    with contextlib.suppress(curses.error):
        if curses.has_colors():
            curses.use_default_colors()
            for number, (style, colour) in enumerate(_COLOURS.items(), start=1):
                curses.init_pair(number, colour, -1)
                found[style] = curses.color_pair(number)
    return found


def _draw(window: curses.window, view: LiveView, attributes: dict[Style, int]) -> None:
    height, width = window.getmaxyx()
    window.erase()
    for row, line in enumerate(view.lines(width, height)[:height]):
        _put(window, row, width, line, attributes.get(line.style, curses.A_NORMAL))
    window.refresh()


def _put(window: curses.window, row: int, width: int, line: ScreenLine, attribute: int) -> None:
    encoding = window.encoding
    text = line.text.encode(encoding, "replace").decode(encoding)
    # The last cell of the screen cannot be written without a complaint.
    with contextlib.suppress(curses.error):
        window.addnstr(row, 0, text, width, attribute)
