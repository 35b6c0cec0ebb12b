"""Checks of the programs that the downloads need: ffmpeg, ffprobe, yt-dlp, a JavaScript runtime."""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from importlib.util import find_spec
from pathlib import Path

from maintenance.findings import Check, failed, ok, warning

OLDEST_YTDLP = "2026.7.4"  # security fixes
_TIMEOUT_S = 20
# The memory that deno maps as data before it runs a line of JavaScript.
_DENO_MEMORY_MB = 640


@dataclass(frozen=True)
class _Runtime:
    """A JavaScript runtime that yt-dlp takes, from which version on, and how to ask it."""

    command: str
    oldest: str
    arguments: tuple[str, ...]
    answer: str


# yt_dlp/utils/_jsruntime.py, in the order of yt-dlp's preference. QuickJS knows no --version.
_RUNTIMES = (
    _Runtime("deno", "2.3.0", ("--version",), r"deno (\S+)"),
    _Runtime("node", "22.0.0", ("--version",), r"v(\S+)"),
    _Runtime("bun", "1.2.11", ("--version",), r"(\S+)"),
    _Runtime("qjs", "2023.12.9", ("--help",), r"QuickJS version (\S+)"),
    _Runtime("qjs", "0", ("--help",), r"QuickJS-ng version (\S+)"),
)

# Asked in a process of its own: the import takes 40 MB, and a broken package may raise anything.
_ASK_YTDLP = """
import importlib.util, yt_dlp.version, yt_dlp
extras = [name for name in ("yt_dlp_ejs", "Cryptodome") if not importlib.util.find_spec(name)]
print(yt_dlp.version.__version__, *extras)
"""


def check_ffmpeg() -> list[Check]:
    """ffmpeg and ffprobe; without them there are only formats that need no merging."""
    return [_ffmpeg(name) for name in ("ffmpeg", "ffprobe")]


def _ffmpeg(name: str) -> Check:
    path = shutil.which(name)
    if path is None:
        return warning(
            name,
            "not found, so only formats that need no merging are sent: apt install ffmpeg",
        )
    match = re.match(rf"{name} version (\S+)", _output(path, "-version"))
    if match is None:
        return warning(name, f"{path} does not say its version: install ffmpeg anew")
    return ok(name, f"{match[1]} at {path}")


def check_ytdlp() -> Check:
    """yt-dlp as this Python finds it: it imports, it is not too old, it has its extras."""
    answer = _output(sys.executable, "-c", _ASK_YTDLP).split()
    install = f"{sys.executable} -m pip install -r requirements.txt"
    if not answer:
        return failed("yt-dlp", f"cannot be imported: {install}")
    version, *missing = answer
    if is_too_old(version):
        return failed("yt-dlp", f"{version} is older than {OLDEST_YTDLP}: {install}")
    if missing:
        return warning("yt-dlp", f"{version} without its extras {' '.join(missing)}: {install}")
    return ok("yt-dlp", version)


def check_js_runtime(download_memory_mb: int) -> Check:
    """A JavaScript runtime of those that yt-dlp takes; only some sites need one."""
    unfit = []
    for runtime in _RUNTIMES:
        path = shutil.which(runtime.command)
        match = path and re.match(runtime.answer, _output(path, *runtime.arguments))
        if not match:
            continue
        found = f"{runtime.command} {match[1]} at {path}"
        if _numbers(match[1]) < _numbers(runtime.oldest):
            unfit.append(f"{found} is older than {runtime.oldest}")
        elif runtime.command == "deno" and download_memory_mb < _DENO_MEMORY_MB:
            unfit.append(f"{found} needs DOWNLOAD_MEMORY_MB={_DENO_MEMORY_MB} or more")
        else:
            return ok("javascript", found)
    reason = "; ".join(unfit) or "no deno, node, bun or quickjs found"
    return warning("javascript", f"{reason}: some sites, YouTube first, offer fewer formats")


def js_runtime() -> str | None:
    """The command of a JavaScript runtime that is there, in whatever version."""
    return next((r.command for r in _RUNTIMES if shutil.which(r.command)), None)


def installed_ytdlp() -> str | None:
    """yt-dlp's version as it says in its file, without the import; None when there is none."""
    spec = find_spec("yt_dlp")
    if spec is None or spec.origin is None:
        return None
    try:
        text = Path(spec.origin).with_name("version.py").read_text("utf-8")
    except OSError:
        return None
    match = re.search(r"^__version__ = '([^']+)'", text, re.MULTILINE)
    return match[1] if match else None


def release_age_days(version: str, today: date) -> int | None:
    """How old a yt-dlp is: its version is the day of its release."""
    try:
        return (today - date(*_numbers(version)[:3])).days
    except (TypeError, ValueError):
        return None


def is_too_old(version: str) -> bool:
    """Whether a yt-dlp lacks security fixes."""
    return _numbers(version) < _numbers(OLDEST_YTDLP)


def _output(*command: str) -> str:
    """What a command says on its standard output, whatever its exit code; "" when it cannot."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace")


def _numbers(version: str) -> tuple[int, ...]:
    """The numbers a version begins with, to compare by: 2026.08.19.post1 is (2026, 8, 19)."""
    match = re.match(r"\d+(?:[.-]\d+)*", version)
    return tuple(int(number) for number in re.split(r"[.-]", match[0])) if match else ()
