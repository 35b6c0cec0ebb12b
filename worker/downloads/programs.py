"""ffmpeg and ffprobe on local files, as few times as possible.

Each start costs 50 to 100 ms, so one call does all that one program can do. Both may read local
files in known containers only: a playlist that calls itself a video could otherwise make them
read any other file or address.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

from worker.downloads.text import clean

CONTAINERS = (
    "mov,mp4,m4a,3gp,matroska,webm,mpegts,mpeg,flv,avi,asf,mp3,aac,ogg,flac,wav,aiff,amr,caf,"
    "gif,apng,png_pipe,jpeg_pipe,webp_pipe,image2,h264,hevc,ac3,eac3,srt,webvtt"
)
INPUT_LIMITS = ("-protocol_whitelist", "file", "-format_whitelist", CONTAINERS)

THUMBNAIL_SIDE = 320
THUMBNAIL_LIMIT_BYTES = 200_000

_QUIET = ("-hide_banner", "-nostdin", "-v", "error")


class ProgramFailed(Exception):
    """ffmpeg or ffprobe ended with an error; its last words are the argument."""


def start_probe(path: Path) -> subprocess.Popen[str]:
    """Begin to look at a file; `probe_result` has the answer."""
    command = ["ffprobe", "-hide_banner", "-v", "error", *INPUT_LIMITS]
    command += ["-print_format", "json", "-show_format", "-show_streams", f"file:{path}"]
    return _start(command)


def probe_result(probe: subprocess.Popen[str]) -> dict[str, Any]:
    """Format and streams as ffprobe names them. Raises ProgramFailed, ValueError."""
    result = json.loads(_finish(probe))
    if not isinstance(result, dict):
        raise ValueError("ffprobe did not answer with an object")
    return result


def start_thumbnail(path: Path, thumbnail: Path, at_s: float) -> subprocess.Popen[str]:
    """Begin to draw the key frame before `at_s` as a JPEG that Telegram takes (Bot API: Video)."""
    longest = f"scale=w={THUMBNAIL_SIDE}:h={THUMBNAIL_SIDE}:force_original_aspect_ratio=decrease"
    command = ["ffmpeg", *_QUIET, "-y", "-threads", "1", *INPUT_LIMITS]
    command += [
        "-noaccurate_seek",
        "-ss",
        f"{at_s:.3f}",
        "-i",
        f"file:{path}",
        "-map",
        "0:V:0",
        "-frames:v",
        "1",
        "-vf",
        longest,
    ]
    command += ["-pix_fmt", "yuvj420p", "-q:v", "5", "-f", "mjpeg", f"file:{thumbnail}"]
    return _start(command)


def wait_for_thumbnail(process: subprocess.Popen[str]) -> None:
    """Raises ProgramFailed when there will be none."""
    _finish(process)


def remux(source: Path, target: Path) -> None:
    """Put the first video and audio stream into an MP4 with its index in front, as they are.

    Raises ProgramFailed, for instance when MP4 cannot hold them. ffmpeg turns ADTS into what
    MP4 wants by itself.
    """
    command = ["ffmpeg", *_QUIET, "-y", *INPUT_LIMITS, "-i", f"file:{source}"]
    command += ["-map", "0:V:0?", "-map", "0:a:0?", "-dn", "-sn", "-c", "copy"]
    command += ["-movflags", "+faststart", "-f", "mp4", f"file:{target}"]
    _finish(_start(command))


def _start(command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )


def _finish(process: subprocess.Popen[str]) -> str:
    output, errors = process.communicate()
    if process.returncode:
        last_line = (errors.strip().splitlines() or ["no words"])[-1]
        raise ProgramFailed(f"exit code {process.returncode}: {clean(last_line, 300)}")
    return output
