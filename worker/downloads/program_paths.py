"""The programs that downloads start: what they are called, and where they are."""

import os
import shutil

FFMPEG, FFPROBE = FFMPEG_PROGRAMS = ("ffmpeg", "ffprobe")

DENO, NODE, QUICKJS = JAVASCRIPT_PROGRAMS = ("deno", "node", "qjs")


def find(name: str, *first: str | None) -> str | None:
    """The path of a program: in the directories `first`, then in PATH; None if it is in none."""
    places = [*first, os.environ.get("PATH", os.defpath)]
    return shutil.which(name, path=os.pathsep.join(filter(None, places)))


def missing_ffmpeg() -> list[str]:
    """The programs, of ffmpeg and ffprobe, that are not in PATH."""
    return [name for name in FFMPEG_PROGRAMS if find(name) is None]
