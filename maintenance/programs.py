"""The programs that downloads need: ffmpeg, ffprobe, yt-dlp and a JavaScript runtime."""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import date

from maintenance import limits
from maintenance.findings import Finding, critical, ok, warning
from worker.downloads.media import ffmpeg

_INSTALL = f"{sys.executable} -m pip install -r requirements.txt"
_TIMEOUT_S = 20
# What deno maps as data before it runs a line of JavaScript.
_DENO_MEMORY_MIB = 640


@dataclass(frozen=True)
class _Runtime:
    """A JavaScript runtime that yt-dlp takes, its oldest version, and how it tells its version."""

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


def check_ffmpeg() -> list[Finding]:
    """Ask ffmpeg and ffprobe for their versions; a finding for each."""
    return [_check_ffmpeg(name) for name in ffmpeg.PROGRAMS]


def _check_ffmpeg(name: str) -> Finding:
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


def check_ytdlp() -> Finding:
    """Import yt-dlp as this Python finds it: its version and its extras."""
    answer = _output(sys.executable, "-c", _ASK_YTDLP).split()
    version = answer[0] if answer else None
    if trouble := ytdlp_trouble(version):
        return critical("yt-dlp", trouble)
    if missing := answer[1:]:
        return warning("yt-dlp", f"{version} without its extras {' '.join(missing)}: {_INSTALL}")
    return ok("yt-dlp", str(version))


def ytdlp_trouble(version: str | None) -> str | None:
    """Why a yt-dlp of this version, None for none at all, should not be used; None if it may."""
    if version is None:
        return f"cannot be imported: {_INSTALL}"
    if _numbers(version) < _numbers(limits.YTDLP_OLDEST):
        return f"{version} lacks the security fixes of {limits.YTDLP_OLDEST}: {_INSTALL}"
    return None


def check_js_runtime(download_memory_mib: int) -> Finding:
    """Look for a JavaScript runtime that yt-dlp takes; only some sites need one."""
    unfit = []
    for runtime in _RUNTIMES:
        path = shutil.which(runtime.command)
        match = path and re.match(runtime.answer, _output(path, *runtime.arguments))
        if not match:
            continue
        found = f"{runtime.command} {match[1]} at {path}"
        if _numbers(match[1]) < _numbers(runtime.oldest):
            unfit.append(f"{found} is older than {runtime.oldest}")
        elif runtime.command == "deno" and download_memory_mib < _DENO_MEMORY_MIB:
            unfit.append(f"{found} needs DOWNLOAD_MEMORY_MB={_DENO_MEMORY_MIB} or more")
        else:
            return ok("javascript", found)
    reason = "; ".join(unfit) or "no deno, node, bun or quickjs found"
    return warning("javascript", f"{reason}: some sites, YouTube first, offer fewer formats")


def js_runtime() -> str | None:
    """The command of the first JavaScript runtime that is installed, in whatever version."""
    return next((r.command for r in _RUNTIMES if shutil.which(r.command)), None)


def release_age_days(version: str, today: date) -> int | None:
    """Days since the release of a yt-dlp, whose version is a date; None for another version."""
    try:
        return (today - date(*_numbers(version)[:3])).days
    except (TypeError, ValueError):
        return None


def _output(*command: str) -> str:
    """The standard output of a command, whatever its exit code; "" if it cannot be run."""
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
    """The numbers that a version begins with, for comparing: (2026, 8, 19) of 2026.08.19.post1."""
    match = re.match(r"\d+(?:[.-]\d+)*", version)
    return tuple(int(number) for number in re.split(r"[.-]", match[0])) if match else ()
