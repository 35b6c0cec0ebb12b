"""Solve a small challenge of YouTube's kind as a download would, to see whether that works here.

    python -m worker.downloads.challenge MEMORY_MB

prints as JSON how long and how much memory it took. The runtime is the one that downloads use,
confined and limited as it is there. It is a process of its own: yt-dlp takes 40 MB, and a broken
one may raise anything.
"""

import contextlib
import json
import os
import select
import sys
import tempfile
import time
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from worker.downloads import workspace
from worker.downloads.challenge_attempt import ChallengeAttempt
from worker.downloads.channel import Sender
from worker.downloads.confinement.isolation import Confinement, isolate
from worker.downloads.file_names import LOG_NAME
from worker.downloads.limits import DownloadLimits
from worker.downloads.text import clean
from worker.downloads.ytdlp.packages import copies
from worker.downloads.ytdlp.players import javascript
from worker.processes import memory, process_setup, process_table, signals

_PLAYER = Path(__file__).with_name("ytdlp") / "player.js"
_SCRAMBLED, _SOLVED_N, _SOLVED_SIGNATURE = "scrambled", "delbmarcs!", "delbmarcs"
_URL = "https://www.youtube.com/s/player/00000000/player.js"
_TIMEOUT_S = 60.0
_POLL_EVERY_S = 0.02
_DETAIL_LIMIT = 300


def attempt(limits: DownloadLimits) -> ChallengeAttempt:
    """Solve the challenge once. Call it in a process of one thread, whose children are its own."""
    runtime = javascript.find().runtime
    if runtime is None:
        return ChallengeAttempt(trouble="no JavaScript runtime")
    with tempfile.TemporaryDirectory(prefix="challenge-") as home:
        directory = Path(home, "downloads", "1")
        workspace.create(directory)
        started = time.monotonic()
        answer, peak_bytes = _answer(directory, limits)
        took_s = time.monotonic() - started
        trouble = "" if answer == b"solved" else _trouble(directory / LOG_NAME)
    return ChallengeAttempt(f"{runtime.name} {runtime.version}", took_s, peak_bytes, trouble)


def _answer(directory: Path, limits: DownloadLimits) -> tuple[bytes, int]:
    """What the forked process says, and the most memory that it and its programs used."""
    read_fd, write_fd = os.pipe2(os.O_CLOEXEC)
    confinement = Confinement(0, directory, os.getpid())
    pid = os.fork()
    if pid == 0:
        _run(confinement, limits, write_fd)
    os.close(write_fd)
    peak_bytes, ends_at = 0, time.monotonic() + _TIMEOUT_S
    try:
        while time.monotonic() < ends_at:
            if select.select([read_fd], [], [], _POLL_EVERY_S)[0]:
                return os.read(read_fd, 100), peak_bytes
            below = process_table.descendants(os.getpid())
            peak_bytes = max(peak_bytes, sum(memory.private_bytes(p.pid) for p in below))
        return b"", peak_bytes
    finally:
        os.close(read_fd)
        signals.kill_descendants()


def _run(confinement: Confinement, limits: DownloadLimits, channel_fd: int) -> NoReturn:
    try:
        sender = Sender(channel_fd)
        isolate(confinement, limits, sender)
        if _solve():
            os.write(sender.fd, b"solved")
    except BaseException as error:  # noqa: BLE001 - the process's outer edge
        with contextlib.suppress(Exception):
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
    finally:
        os._exit(0)


def _solve() -> bool:
    """Have yt-dlp's own solver unscramble both kinds of challenge."""
    # Imported here, where a broken yt-dlp has its own outcome.
    import yt_dlp

    from worker.downloads.ytdlp.players import challenges

    options: dict[str, Any] = {"cachedir": False, "color": "never", "quiet": True}
    options |= javascript.find().options
    youtube = import_module("yt_dlp.extractor.youtube")
    extractor = youtube.YoutubeIE(yt_dlp.YoutubeDL(options, auto_init=False))  # type: ignore[arg-type]
    player = _PLAYER.read_text(encoding="utf-8")
    extractor._load_player = lambda *_, **__: player
    results = challenges.solve(extractor, _URL, _SCRAMBLED)
    return results == [{_SCRAMBLED: _SOLVED_N}, {_SCRAMBLED: _SOLVED_SIGNATURE}]


def _trouble(log: Path) -> str:
    with contextlib.suppress(OSError):
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        if lines:
            return clean(lines[0], _DETAIL_LIMIT)
    return "no answer"


def main() -> None:
    """Solve the challenge once and print what that took."""
    process_setup.become_subreaper()
    copies.use()
    limits = DownloadLimits("challenge", 1 << 20, memory_bytes=int(sys.argv[1]) * 1024 * 1024)
    sys.stdout.write(json.dumps(asdict(attempt(limits))))


if __name__ == "__main__":
    main()
