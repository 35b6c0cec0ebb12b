"""Plots of answered links: bars of characters for a terminal, and a picture in SVG."""

import html
from collections.abc import Iterator, Sequence

from worker.ledger.upkeep.history import Group

BLOCKS = " ▏▎▍▌▋▊▉█"
"""Eighths of a character's width, from none to all of it."""

ASCII = " #"

_COLOURS = (
    ("media", "#2a9d5c"),
    ("from memory", "#8ccfa8"),
    ("failed", "#d1495b"),
    ("cancelled", "#b8b8b8"),
)
_ROW, _NAME, _BARS, _NUMBER, _TOP = 24, 260, 480, 90, 64
_LONGEST_NAME = 28


def blocks_of(encoding: str | None) -> str:
    """The characters from which bars can be made in this encoding."""
    try:
        BLOCKS.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return BLOCKS


def bar(share: float, width: int, blocks: str = BLOCKS) -> str:
    """A bar of at most `width` characters. It is empty only for 0."""
    steps = len(blocks) - 1
    length = round(share * width * steps)
    if share > 0:
        length = max(1, length)
    whole, rest = divmod(length, steps)
    return blocks[-1] * whole + (blocks[rest] if rest else "")


def draw(title: str, groups: Sequence[Group]) -> str:
    """An SVG picture: a bar for each group, divided by what became of its links."""
    height = _TOP + _ROW * len(groups) + _ROW // 2
    width = _NAME + _BARS + _NUMBER
    most = max((each.links for each in groups), default=1)
    rows = [
        line for place, each in enumerate(groups) for line in _row(each, _TOP + _ROW * place, most)
    ]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="13">'
    )
    paper = f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
    name = _text(12, 22, title, "start", ' font-weight="bold"')
    return "\n".join((head, paper, name, *_legend(), *rows, "</svg>\n"))


def _legend() -> Iterator[str]:
    for place, (name, colour) in enumerate(_COLOURS):
        left = _NAME + place * 120
        yield f'<rect x="{left}" y="36" width="12" height="12" fill="{colour}"/>'
        yield _text(left + 18, 47, name, "start")


def _row(group: Group, top: int, most: int) -> Iterator[str]:
    yield _text(_NAME - 10, top + 14, group.key or "-", "end")
    left = float(_NAME)
    fetched = group.media - group.remembered
    parts = (fetched, group.remembered, group.failed, group.cancelled)
    for (_, colour), links in zip(_COLOURS, parts, strict=True):
        width = links / most * _BARS
        if links:
            yield (
                f'<rect x="{left:.1f}" y="{top + 2}" width="{width:.1f}" height="{_ROW - 8}"'
                f' fill="{colour}"/>'
            )
        left += width
    yield _text(round(left) + 8, top + 14, str(group.links), "start")


def _text(x: int, y: int, text: str, anchor: str, style: str = "") -> str:
    # XML has no place for most control characters, not even as references.
    shown = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
    if len(shown) > _LONGEST_NAME:
        shown = shown[: _LONGEST_NAME - 1] + "…"
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}"{style}>{html.escape(shown)}</text>'
