"""Media for tests: made with ffmpeg, and examined with ffprobe."""

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.clips import SAMPLE
from tests.sandbox.files import image_size
from worker.protocol import MediaFile


@dataclass(frozen=True)
class Probed:
    """What ffprobe says: seconds, pixels and codecs (None without such a stream).

    `turned` are the degrees by which a player turns the picture.
    """

    duration_s: float
    width: int | None
    height: int | None
    video: str | None
    audio: str | None
    pixel_format: str | None
    turned: int
    containers: tuple[str, ...]


def probe(path: Path | str) -> Probed:
    """Look at a media file. Raises CalledProcessError when it is none."""
    command = ["ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json", path]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    video = _first(found, "video")
    return Probed(
        duration_s=float(found["format"].get("duration", 0)),
        width=video.get("width"),
        height=video.get("height"),
        video=video.get("codec_name"),
        audio=_first(found, "audio").get("codec_name"),
        pixel_format=video.get("pix_fmt"),
        turned=next((d["rotation"] for d in video.get("side_data_list", ()) if "rotation" in d), 0),
        containers=tuple(found["format"]["format_name"].split(",")),
    )


def chapters_in(path: Path | str) -> list[tuple[float, float, str]]:
    """The chapters of a file: when each begins and ends, and its title."""
    command = ["ffprobe", "-v", "error", "-show_chapters", "-of", "json", str(path)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return [
        (float(each["start_time"]), float(each["end_time"]), each["tags"].get("title", ""))
        for each in found["chapters"]
    ]


def make(path: Path, arguments: str, source: Path = SAMPLE) -> Path:
    """Let ffmpeg make `path` from `source` with these arguments. Returns `path`."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-i", str(source)]
    command += [*arguments.split(), str(path)]
    subprocess.run(command, check=True)
    return path


def make_of(path: Path, sources: Sequence[str], arguments: str) -> Path:
    """Let ffmpeg make `path` from what its own sources draw and play. Returns `path`."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y"]
    for source in sources:
        command += ["-f", "lavfi", "-i", source]
    subprocess.run([*command, *arguments.split(), str(path)], check=True)
    return path


def index_stands_in_front(path: Path | str) -> bool:
    """Whether an MP4 can be played while it is still on its way, and is not in fragments."""
    data = Path(path).read_bytes()
    return -1 < data.find(b"moov") < data.find(b"mdat") and b"moof" not in data


def replace_program(
    name: str, programs: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """Let a shell's `command` run in place of ffmpeg or ffprobe, from the directory `programs`."""
    programs.mkdir()
    (programs / name).write_text(f"#!/bin/sh\n{command}\n")
    (programs / name).chmod(0o700)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")


def _first(found: dict[str, Any], kind: str) -> dict[str, Any]:
    return next((s for s in found["streams"] if s["codec_type"] == kind), {})


def assert_has_thumbnail(media: MediaFile, is_wide: bool = True) -> None:
    assert media.thumbnail is not None
    thumbnail = Path(media.thumbnail)
    width, height = image_size(thumbnail)
    assert max(width, height) == 320
    assert (width > height) is is_wide
    assert 0 < thumbnail.stat().st_size < 200_000
    assert thumbnail.read_bytes().startswith(b"\xff\xd8")


FILM = "-c:v libx264 -preset ultrafast -g 10 -b:v 1500k -minrate 1500k -maxrate"
FILM += " 1500k -bufsize 1500k -nal-hrd cbr -c:a aac"
"""Twelve seconds, key frames close together, at an even rate."""


def make_film(path: Path) -> Path:
    """Let ffmpeg make a film of FILM at `path`. Returns `path`."""
    loop = ("ffmpeg", "-v", "error", "-nostdin", "-y", "-stream_loop", "3", "-i", str(SAMPLE))
    subprocess.run([*loop, *FILM.split(), str(path)], check=True)
    return path
