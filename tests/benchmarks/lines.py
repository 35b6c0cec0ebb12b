"""How large videos end over slow lines, with the bot's default settings.

Each has to end in the media, or in a sentence before twice the time that the line alone takes.
"""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.file_server import serve
from tests.benchmarks.line import CASES, Case, make_files
from tests.benchmarks.sides import SMALL_BYTES, make_padded, whole_bot
from tests.sandbox.api import BotApi
from tests.sandbox.chats import ChatMessage

LINES_BPS = (2_500_000, 700_000)
LENGTHS_S = (61, 203)
"""Of videos of 46 and 152 MB."""

_MAX_TIMES_ALONE = 2.0
# A text without buttons is the answer once it has stood for so long.
_SETTLED_S = 3.0
_PATIENCE_S = 1200.0


@dataclass(frozen=True)
class Ending:
    """What came of a link: seconds until then, the files, and the text without any."""

    took_s: float
    files: int
    text: str

    def told(self, times_alone: float) -> str:
        """The ending in words."""
        is_kept = self.files or times_alone <= _MAX_TIMES_ALONE
        what = f"{self.files} file(s)" if self.files else f"{self.text!r}"
        return f"{what} after {times_alone:.2f} times the line{'' if is_kept else ': TOO LATE'}"


def run() -> Iterator[str]:
    """The lines of the report."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as directory:
        home = Path(directory)
        # A bot's first link waits for its workers to start.
        make_padded(home / "clip.mp4", SMALL_BYTES)
        for length_s in LENGTHS_S:
            make_files(home / str(length_s), length_s)
        for bps in LINES_BPS:
            with serve(home, line_bps=bps) as server, whole_bot(home / f"at-{bps}") as bot:
                bot.fetch(f"{server}/clip.mp4")
                for length_s in LENGTHS_S:
                    for case in CASES:
                        yield _run(home, length_s, case, server, bps, bot.api)


def _run(home: Path, length_s: int, case: Case, server: str, bps: int, api: BotApi) -> str:
    files = home / str(length_s)
    size = sum(path.stat().st_size for path in files.glob(case.files))
    ending = _ending(api, f"{server}/{length_s}/{case.path}", api.open(1 + len(api.chat_ids)))
    told = ending.told(ending.took_s * bps / size)
    return f"{size / 1e6:.0f} MB as {case.name} at {bps / 1e6} MB/s: {told}"


def _ending(api: BotApi, url: str, chat_id: int) -> Ending:
    """Send a link, and wait for its answer."""
    began = time.monotonic()
    link_id = api.say(url, chat_id)
    seen: tuple[str, float] = "", began

    def answered() -> bool:
        nonlocal seen
        status = _first_answer(api.chat(chat_id), link_id)
        text = "" if status is None or status.is_under_way else status.text or ""
        if text != seen[0]:
            seen = text, time.monotonic()
        is_text = bool(text) and time.monotonic() - seen[1] >= _SETTLED_S
        return is_text or (status is not None and status.media is not None)

    api.wait_for(answered, _PATIENCE_S)
    took_s = (seen[1] if seen[0] else time.monotonic()) - began
    files = sum(message.media is not None for message in api.chat(chat_id))
    return Ending(took_s, files, seen[0])


def _first_answer(messages: list[ChatMessage], link_id: int) -> ChatMessage | None:
    """The bot's message that turns into the answer to a link."""
    answers = (m for m in messages if m.from_bot and m.reply_to == link_id and not m.deleted)
    return next(answers, None)
