"""The subtitles inside of a video that was sent, as a browser can show them."""

from __future__ import annotations

import functools
import json
import subprocess
from pathlib import Path

_TIMEOUT_S = 20
_WEBVTT = ("-f", "webvtt", "-")


@functools.cache
def languages_in(path: Path) -> tuple[str, ...]:
    """The language of each track, `und` where it has none; nothing if ffprobe cannot tell."""
    command = "ffprobe -v error -select_streams s -show_entries stream_tags=language -of json"
    try:
        found = json.loads(_run([*command.split(), str(path)]))
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(it.get("tags", {}).get("language", "und") for it in found.get("streams", []))


@functools.cache
def as_webvtt(path: Path, track: int) -> bytes:
    """One track as WebVTT. LookupError when there is no such."""
    if track >= len(languages_in(path)):
        raise LookupError(f"no subtitles {track}")
    return _run(["ffmpeg", "-v", "error", "-i", str(path), "-map", f"0:s:{track}", *_WEBVTT])


def _run(command: list[str]) -> bytes:
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=_TIMEOUT_S
    )
    return done.stdout
