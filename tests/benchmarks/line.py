"""A large video over a slow line, by the whole bot and by the plain yt-dlp command.

What the line alone takes is the size of the files through it; what is above that is waiting,
finishing and sending. The bot's Telegram is on this machine, so sending takes next to nothing.
"""

import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.figures import ratio, summary
from tests.benchmarks.file_server import serve
from tests.benchmarks.sides import TIMEOUT_S, alternate, plain, whole_bot
from tests.sandbox.clips import SAMPLE

LINE_BPS = 2_500_000
VIDEO_BPS = 6_000_000
LENGTH_S = 60
ROUNDS = 2

_NOISE = ("-vf", "noise=alls=40:allf=t", "-c:v", "libx264", "-preset", "ultrafast")
_PIECES = ("-c", "copy", "-hls_list_size", "0", "-hls_time", "4")


@dataclass(frozen=True)
class Case:
    """How a site offers the video: a name for people, a path, and which files it leads to."""

    name: str
    path: str
    files: str


CASES = (
    Case("one file", "video.mp4", "video.mp4"),
    Case("HLS", "hls/media.m3u8", "hls/*.ts"),
    Case("DASH", "dash/manifest.mpd", "dash/*.m4s"),
)


def run() -> Iterator[str]:
    """The lines of the report."""
    absolute: list[str] = []
    with tempfile.TemporaryDirectory(prefix="benchmark-") as directory:
        home = Path(directory)
        files = home / "files"
        make_files(files, LENGTH_S)
        with serve(files, line_bps=LINE_BPS) as server, whole_bot(home) as bot:
            sides = {"plain": lambda url: plain(url, home), "bot": bot.fetch}
            for case in CASES:
                size = sum(path.stat().st_size for path in files.glob(case.files))
                alone_s = size / LINE_BPS
                times = alternate(f"{server}/{case.path}", sides, ROUNDS)
                for side, values in times.items():
                    times_alone = ratio(values, [alone_s] * len(values))
                    yield f"{case.name}, {size / 1e6:.0f} MB: {side} takes {times_alone} the line"
                    absolute.append(f"{case.name}: {side} {summary(values, 's')}")
    yield f"absolute, at {LINE_BPS / 1e6} MB/s:"
    yield from absolute


def make_files(directory: Path, length_s: int) -> None:
    """A video of noise, whose size is what its bit rate says, in the form of each case."""
    for name in ("hls", "dash"):
        (directory / name).mkdir(parents=True)
    rate = str(VIDEO_BPS)
    _ffmpeg(
        *("-stream_loop", "-1", "-t", str(length_s), "-i", str(SAMPLE)),
        *(*_NOISE, "-pix_fmt", "yuv420p", "-s", "640x360", "-g", "100"),
        *("-b:v", rate, "-maxrate", rate, "-bufsize", rate, "-movflags", "+faststart"),
        str(directory / "video.mp4"),
    )
    whole = ("-i", str(directory / "video.mp4"))
    _ffmpeg(*whole, *_PIECES, str(directory / "hls" / "media.m3u8"))
    dash = ("-c", "copy", "-f", "dash", "-seg_duration", "4")
    _ffmpeg(*whole, *dash, str(directory / "dash" / "manifest.mpd"))


def _ffmpeg(*arguments: str) -> None:
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", *arguments]
    subprocess.run(command, check=True, timeout=TIMEOUT_S)
