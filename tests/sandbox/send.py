"""A conversation on the command line: send links and save the files that come back."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from .api import DEFAULT_CHAT, BotApi
from .bot_process import BotDied, BotProcess
from .chats import ChatMessage, MediaSent
from .transcript import describe_event, size_text
from .world import Event

DOWNLOADS = Path("sandbox-downloads")
CAME, REFUSED, COULD_NOT = 0, 1, 2
# A text without buttons is the bot's last word once it has stood for so long.
_SETTLED_S = 2.0


def send_links(api: BotApi, bot: BotProcess, links: Sequence[str], timeout_s: float) -> int:
    """Send `links` one after the other, print the conversation, save what comes.

    Each may take `timeout_s`. Returns the exit code: that of the worst.
    """
    try:
        bot.wait_until_polling()
        unsubscribe = api.events.subscribe(_show)
        try:
            return max(_send(api, bot, link, timeout_s) for link in links)
        finally:
            unsubscribe()
    except (BotDied, TimeoutError) as error:
        print(f"could not run: {error}", flush=True)
        if bot.log_end() not in str(error):
            print(f"--- end of the bot's log\n{bot.log_end()}", flush=True)
        return COULD_NOT


def _send(api: BotApi, bot: BotProcess, link: str, timeout_s: float) -> int:
    began = time.monotonic()
    answer = _final_answer(api, bot, api.say(link), timeout_s)
    if answer.media is None:
        print("no media came: the bot answered with the sentence above", flush=True)
        return REFUSED
    took_s = time.monotonic() - began
    path = save(answer.media, DOWNLOADS)
    size = path.stat().st_size
    print(f"saved  {path} ({size_text(size)}, {size} bytes) after {took_s:.1f} s", flush=True)
    return CAME


def _show(event: Event) -> None:
    line = describe_event(event)
    if line is not None:
        print(line, flush=True)


def _final_answer(api: BotApi, bot: BotProcess, link_id: int, timeout_s: float) -> ChatMessage:
    settled: tuple[int, float] | None = None

    def final() -> ChatMessage | None:
        nonlocal settled
        code = bot.exit_code
        if code is not None:
            raise BotDied(code, bot.log_end())
        answers = [m for m in api.chat(DEFAULT_CHAT) if m.from_bot and m.message_id > link_id]
        answers = [m for m in answers if not m.deleted]
        with_media = [message for message in answers if message.media is not None]
        if with_media:
            return with_media[0]
        if not answers or answers[-1].is_under_way:
            settled = None
            return None
        state = len(answers) + sum(len(message.history) for message in answers)
        if settled is None or settled[0] != state:
            settled = (state, time.monotonic())
        return answers[-1] if time.monotonic() - settled[1] >= _SETTLED_S else None

    found = api.wait_for(final, timeout_s)
    assert found is not None
    return found


def save(media: MediaSent, folder: Path) -> Path:
    """A copy of the file under a safe name in `folder`; no other file is overwritten."""
    folder.mkdir(exist_ok=True)
    name = Path(safe_name(media.file_name or media.title or media.kind))
    suffix = name.suffix or media.path.suffix
    number = 1
    while True:
        path = folder / (f"{name.stem}{suffix}" if number == 1 else f"{name.stem}-{number}{suffix}")
        try:
            with path.open("xb") as target, media.path.open("rb") as source:
                shutil.copyfileobj(source, target)
        except FileExistsError:
            number += 1
        else:
            return path


def safe_name(name: str) -> str:
    """The name without directories, hidden names and odd characters, at most 100 long."""
    plain = re.sub(r"[^\w .()-]+", "_", name.replace("\\", "/").rpartition("/")[2])
    stem, dot, suffix = plain.strip(" .").rpartition(".")
    if not dot:
        stem, suffix = suffix, ""
    return f"{stem[:80].strip(' .') or 'file'}{dot}{suffix[:10]}"
