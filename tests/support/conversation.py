"""Conversations as a person sees them, compared with the files of tests/bot/golden."""

import os
import re
from itertools import count
from pathlib import Path

from tests.sandbox.transcript import describe_event
from tests.sandbox.world import Event
from tests.support.scene import Scene

GOLDEN = Path(__file__).parents[1] / "bot" / "golden"
_FLEETING = re.compile(r"  (Downloading|Almost there|Waiting|Uploading)| / Done: \d+ · Waiting: ")
# With these words it is certain to be seen in a test that waits for it.
_LASTING = re.compile(r"  (Downloading ▰|Waiting|Uploading)")
# What stood in a message that is gone depends on how far its link was.
_DELETED = re.compile(r"(?<=  \(deleted\)).*")
_BAR = re.compile(r"Downloading ▰.* left")
_BAR_OF_MANY = "Downloading ▰▰▰▰▱▱▱▱▱▱ 42 % / 12.3 MB of 29.0 MB · 1.2 MB/s · 0:14 left"
_COUNTDOWN = re.compile(r"Recording: .* left / \S+ [kM]?B")
_COUNTDOWN_OF_MANY = "Recording: 4:42 left / 123 kB"
# What differs from run to run: the site's port, an error's id; and with ffmpeg's version a size.
_VARYING = (
    (re.compile(r"127\.0\.0\.1:\d+"), "site.example"),
    (re.compile(r"\(error [0-9a-f]{6}\)"), "(error 123abc)"),
    (re.compile(r"(<[^>]*,|Uploading) [0-9.]+ kB"), r"\1 some kB"),
    (_BAR, _BAR_OF_MANY),
    (_COUNTDOWN, _COUNTDOWN_OF_MANY),
    # What yt-dlp adds to the title of a live stream, and how much of that was recorded.
    (re.compile(r"20\d\d-\d\d-\d\d \d\d[: ]\d\d"), "2026-11-29 10:30"),
    (re.compile(r"[0-9.]+ MB(?=: golden 2026)"), "some kB"),
    (re.compile(r"\d+ s(?=, some kB: golden 2026)"), "some s"),
    (re.compile(r"\d:\d\d(?= / The recording)"), "0:12"),
)
_NUMBER = re.compile(r"#(\d+)")
_PRESS, _NOTICE = "user  presses ", "bot   notice: "
_chats = count(2000)


class Conversation:
    """One chat with the bot, written down as it happens; `in_full` with what flits by."""

    def __init__(self, scene: Scene, *, in_full: bool = False) -> None:
        self.scene = scene
        self._in_full = in_full
        self.chat_id = next(_chats)
        self._lines: list[str] = []
        self._numbers: dict[str, int] = {}
        scene.api.events.subscribe(self._listen)

    @property
    def lines(self) -> list[str]:
        """What was seen so far."""
        return self._lines

    def send(self, path: str, answers: int = 1) -> None:
        """The person sends a link and waits until there are so many answers."""
        self.scene.send(path, self.chat_id)
        self.scene.wait_for_answers(answers, self.chat_id)

    def say(self, text: str, answers: int = 1) -> None:
        """The person says something and waits until there are so many answers."""
        self.scene.api.say(text, self.chat_id)
        self.scene.wait_for_answers(answers, self.chat_id)

    def assert_as_in(self, name: str) -> None:
        """Compare all that was seen with `tests/bot/golden/NAME.txt`."""
        seen = "".join(f"{line}\n" for line in self._lines)
        path = GOLDEN / f"{name}.txt"
        if os.environ.get("GOLDEN") == "write":
            path.write_text(seen)
        assert seen == path.read_text()

    def _listen(self, event: Event) -> None:
        line = describe_event(event) if event.chat_id == self.chat_id else None
        if line is None:
            return
        line = _DELETED.sub("", line)
        if _FLEETING.search(line) and not (self._in_full and _LASTING.search(line)):
            return
        for pattern, word in _VARYING:
            line = pattern.sub(word, line)
        line = _NUMBER.sub(self._renumbered, line)
        is_of_many = _BAR.search(line) or _COUNTDOWN.search(line)
        if line.startswith(_NOTICE):
            self._lines.insert(self._behind_the_last_press(), line)
        elif not is_of_many or line != self._lines[-1]:
            self._lines.append(line)

    def _behind_the_last_press(self) -> int:
        """Where what answers a press stands, though it may come behind what the press leads to."""
        presses = [at for at, line in enumerate(self._lines) if line.startswith(_PRESS)]
        return presses[-1] + 1

    def _renumbered(self, number: re.Match[str]) -> str:
        return f"#{self._numbers.setdefault(number[1], len(self._numbers) + 1)}"
