"""The programs that downloads need: ffmpeg, ffprobe, yt-dlp and a JavaScript runtime."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import date

from maintenance import limits
from maintenance.findings import Finding, critical, ok, warning
from maintenance.packages import how_to_install
from worker import ROOT
from worker.downloads import program_paths
from worker.downloads.challenge_attempt import ChallengeAttempt
from worker.downloads.ytdlp.packages import copies
from worker.downloads.ytdlp.packages.installed import numbers
from worker.downloads.ytdlp.players import javascript
from worker.settings import MEBIBYTE

_TIMEOUT_S = 60
_CHALLENGE = "worker.downloads.challenge"
# A challenge of YouTube takes 261 MB, and yt-dlp runs beside it.
_CHALLENGE_MEMORY_MIB = 384
_WHAT_IS_LOST = "YouTube and some other sites then offer little or nothing"

# Run in a process of its own: the import takes 40 MB, and a broken package may raise anything.
_ASK_YTDLP = """
import importlib.util
from worker.downloads.ytdlp.packages import copies
copies.use()
import yt_dlp.version, yt_dlp
extras = ("yt_dlp_ejs", "Cryptodome", "requests", "urllib3", "websockets", "brotli", "mutagen")
extras += ("curl_cffi",)
missing = [name for name in extras if not importlib.util.find_spec(name)]
print(yt_dlp.version.__version__, *missing)
"""


def output_of(*command: str) -> str:
    """The standard output of a command, whatever its exit code; "" if it cannot be run."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_TIMEOUT_S,
            cwd=ROOT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace")


def check_ffmpeg() -> Finding:
    """Ask ffmpeg and ffprobe for their versions."""
    if missing := program_paths.missing_ffmpeg():
        return warning("ffmpeg", ffmpeg_trouble(missing))
    said = []
    for name in program_paths.FFMPEG_PROGRAMS:
        path = program_paths.find(name) or name
        match = re.match(rf"{name} version (\S+)", output_of(path, "-version"))
        if match is None:
            return warning("ffmpeg", f"{path} does not say its version: install ffmpeg again")
        said.append(f"{name} {match[1]} at {path}")
    return ok("ffmpeg", ", ".join(said))


def ffmpeg_trouble(missing: Sequence[str]) -> str:
    """What follows from missing programs, of ffmpeg and ffprobe, and what to do about it."""
    lost = "only formats that need no merging are sent"
    return f"{' and '.join(missing)} not found, so {lost}: apt install ffmpeg"


def check_ytdlp() -> Finding:
    """Import the yt-dlp in use: its version and its extras."""
    answer = output_of(sys.executable, "-c", _ASK_YTDLP).split()
    version = answer[0] if answer else None
    if trouble := ytdlp_trouble(version):
        return critical("yt-dlp", trouble)
    if missing := answer[1:]:
        return warning(
            "yt-dlp", f"{version} without its extras {' '.join(missing)}: {how_to_install()}"
        )
    return ok("yt-dlp", f"{version}, installed by an update" if copies.chosen() else str(version))


def ytdlp_trouble(version: str | None) -> str | None:
    """Why a yt-dlp of this version (None: none at all) should not be used; None if it may be."""
    if version is None:
        return f"cannot be imported: {how_to_install()}"
    if numbers(version) < numbers(limits.YTDLP_OLDEST):
        return f"{version} lacks the security fixes of {limits.YTDLP_OLDEST}: {how_to_install()}"
    return None


def check_javascript(download_memory_mib: int) -> Finding:
    """Solve a small challenge with the JavaScript runtime of downloads, confined as they are."""
    search = javascript.find()
    if search.runtime is None:
        old = [f"{runtime.path} is too old ({runtime.version})" for runtime in search.too_old]
        reason = "; ".join(old) or "no deno, node or quickjs found"
        return warning("javascript", f"{reason}, and {_WHAT_IS_LOST}: {how_to_install()}")
    found = f"{search.runtime.name} {search.runtime.version} at {search.runtime.path}"
    if download_memory_mib < _CHALLENGE_MEMORY_MIB:
        needed = f"needs DOWNLOAD_MEMORY_MB={_CHALLENGE_MEMORY_MIB} or more"
        return warning("javascript", f"{found} {needed}, and {_WHAT_IS_LOST}")
    attempt = solve_challenge(download_memory_mib)
    if attempt.trouble:
        reason = f"solves no challenge, and {_WHAT_IS_LOST}: {attempt.trouble}"
        return warning("javascript", f"{found} {reason}")
    cost = f"in {attempt.took_s:.1f} s with {attempt.peak_bytes / MEBIBYTE:.0f} MB"
    return ok("javascript", f"{found} has solved a small challenge {cost}")


def solve_challenge(memory_mib: int) -> ChallengeAttempt:
    """Try to solve a small challenge with the yt-dlp that is in use."""
    answer = output_of(sys.executable, "-m", _CHALLENGE, str(memory_mib))
    try:
        return ChallengeAttempt(**json.loads(answer))
    except (ValueError, TypeError):
        return ChallengeAttempt(trouble="its test does not run")


def release_age_days(version: str, today: date) -> int | None:
    """Days since the release of a yt-dlp, whose version is a date; None if it is not one."""
    try:
        return (today - date(*numbers(version)[:3])).days
    except (TypeError, ValueError):
        return None
