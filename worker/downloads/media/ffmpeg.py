"""ffmpeg and ffprobe on local files, as few times as possible.

Each start costs 50 to 100 ms, so one call does all that one program can do. Both may read local
files in known containers only: a playlist that calls itself a video could otherwise make them
read any other file or address.
"""

import errno
import json
import os
import resource
import signal
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from worker.downloads.media.conversion import AUDIO_BPS, Conversion, Encoding
from worker.downloads.text import clean

CONTAINERS = (
    "mov,mp4,m4a,3gp,matroska,webm,mpegts,mpeg,flv,avi,asf,mp3,aac,ogg,flac,wav,aiff,amr,caf,"
    "gif,apng,png_pipe,jpeg_pipe,webp_pipe,image2,h264,hevc,ac3,eac3,srt,webvtt"
)
INPUT_LIMITS = ("-protocol_whitelist", "file", "-format_whitelist", CONTAINERS)

THUMBNAIL_SIDE = 320
THUMBNAIL_LIMIT_BYTES = 200_000

# An input with nothing in it, read to its end before the next is opened.
_GATE = ("-protocol_whitelist", "file", "-f", "ffmetadata", "-i", "file:/dev/stdin")
_QUIET = ("-hide_banner", "-nostdin", "-v", "error")
# More threads make x264 keep more pictures; two of them fit beside yt-dlp into 512 MB.
_ENCODER_THREADS = "2"
_NO_ROOM = (os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT))
_FORMATS = {".mp4": "mp4", ".m4a": "ipod", ".mp3": "mp3"}


class ProgramFailed(Exception):
    """ffmpeg or ffprobe ended with an error; its last words are the argument."""


class ProgramKilled(ProgramFailed):
    """Somebody ended it: that says nothing about the file."""


class NoRoom(ProgramFailed):
    """The disk was full: nor does that."""


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


def start_thumbnail(
    path: Path, thumbnail: Path, at_s: float, *, waits: bool = False
) -> subprocess.Popen[str]:
    """Begin to draw the key frame before `at_s` as a JPEG that Telegram takes (Bot API: Video).

    A song's cover is drawn as well as a film's picture. With `waits` the file is not looked at
    before the program's standard input is closed.
    """
    side = THUMBNAIL_SIDE
    shape = f"scale=iw*sar:ih,scale={side}:{side}:force_original_aspect_ratio=decrease,setsar=1"
    # For one picture, threads that each wait for their part cost more than they do.
    command = ["ffmpeg", *_QUIET, "-y", *(_GATE if waits else ())]
    command += ["-threads", "1", "-filter_threads", "1", *INPUT_LIMITS]
    if at_s > 0:  # even to its beginning, a seek loses a song's cover
        command += ["-noaccurate_seek", "-ss", f"{at_s:.3f}"]
    command += ["-i", f"file:{path}"]
    command += ["-map", f"{int(waits)}:v:0", "-frames:v", "1", "-vf", shape]
    command += ["-threads", "1", "-pix_fmt", "yuvj420p", "-q:v", "5"]
    command += ["-f", "mjpeg", f"file:{thumbnail}"]
    return _start(command, stdin=subprocess.PIPE if waits else subprocess.DEVNULL)


def wait_for(drawing: subprocess.Popen[str]) -> None:
    """Wait for a thumbnail. Raises ProgramFailed when there will be none."""
    _finish(drawing)


def is_thumbnail(path: Path) -> bool:
    """Whether there is a picture that Telegram takes for a thumbnail."""
    try:
        return 0 < path.stat().st_size < THUMBNAIL_LIMIT_BYTES
    except FileNotFoundError:
        return False


def convert(source: Path, target: Path, recipe: Conversion, limits: "ProgramLimits") -> None:
    """Make `target` from the first video and audio stream of `source`, its index in front.

    Raises ProgramFailed, for instance when MP4 cannot hold what is to be copied, or when it
    takes longer than it may. ffmpeg turns pictures upright by itself when it encodes them, and
    ADTS into what MP4 wants.
    """
    command = ["ffmpeg", *_QUIET, "-y", "-threads", "1", *INPUT_LIMITS, "-i", f"file:{source}"]
    command += ["-map", "0:V:0?"] if recipe.suffix == ".mp4" else ["-vn"]
    command += ["-map", "0:a:0?", "-dn", "-sn", "-map_chapters", "-1"]
    command += _video_arguments(recipe.video) if recipe.video else ["-c:v", "copy"]
    command += _audio_arguments(recipe.encodes_audio)
    if recipe.suffix != ".mp3":
        command += ["-movflags", "+faststart"]
    command += ["-f", _FORMATS[recipe.suffix], f"file:{target}"]
    _finish(_start(command, limits))


def cut(source: Path, piece_s: float, encodes_audio: bool, limits: "ProgramLimits") -> None:
    """Cut a video at the key frames behind each `piece_s` into `NAME.part-NN.mp4` beside it.

    Raises ProgramFailed.
    """
    command = ["ffmpeg", *_QUIET, "-y", "-threads", "1", *INPUT_LIMITS, "-i", f"file:{source}"]
    command += ["-map", "0:V:0", "-map", "0:a:0?", "-dn", "-sn", "-map_chapters", "-1"]
    command += ["-c:v", "copy", *_audio_arguments(encodes_audio)]
    command += ["-f", "segment", "-segment_time", f"{piece_s:.3f}", "-reset_timestamps", "1"]
    command += ["-segment_format", "mp4", "-segment_format_options", "movflags=+faststart"]
    command += [f"file:{source.with_name(f'{source.stem}.part-%02d.mp4')}"]
    _finish(_start(command, limits))


class ProgramLimits:
    """What one run of ffmpeg may use: seconds, and memory in bytes beside this process's own.

    A run that wants more fails by itself. Without this limit the whole session would be ended
    for it, and the file that is already there would be lost.
    """

    def __init__(self, time_s: float, session_bytes: int) -> None:
        self._time_s = max(0.001, time_s)  # none at all would be no timer
        self._data_bytes = max(0, session_bytes - _own_bytes())

    def impose(self) -> None:
        """Limit the calling process, which is about to become the program.

        From outside it could not be done: a download signals nobody and limits nobody. The
        timer goes on after the exec and ends the program with SIGALRM (setitimer(2)).
        """
        signal.setitimer(signal.ITIMER_REAL, self._time_s)
        # Last, since less may be allowed than is held until the exec.
        resource.setrlimit(resource.RLIMIT_DATA, (self._data_bytes, self._data_bytes))


def _own_bytes() -> int:
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("RssAnon:"))


def _video_arguments(encoding: Encoding) -> Iterable[str]:
    rate = encoding.most_bps
    return (
        *("-c:v", "libx264", "-threads", _ENCODER_THREADS, "-preset", encoding.preset),
        *("-vf", f"scale={encoding.width}:{encoding.height},setsar=1", "-pix_fmt", "yuv420p"),
        *("-fpsmax", "60", "-crf", "23", "-maxrate", str(rate), "-bufsize", str(2 * rate)),
    )


def _audio_arguments(encodes_audio: bool) -> Iterable[str]:
    if encodes_audio:
        return ("-c:a", "aac", "-b:a", str(AUDIO_BPS), "-ac", "2")
    return ("-c:a", "copy")


def _start(
    command: list[str], limits: ProgramLimits | None = None, *, stdin: int = subprocess.DEVNULL
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        # Safe where no other thread is: those of yt-dlp's download have ended.
        preexec_fn=limits.impose if limits else None,
    )


def _finish(process: subprocess.Popen[str]) -> str:
    output, errors = process.communicate()
    if process.returncode == -signal.SIGALRM:
        raise ProgramFailed("not done in its time")
    if process.returncode in (-signal.SIGKILL, -signal.SIGTERM):
        raise ProgramKilled(f"ended by signal {-process.returncode}")
    if process.returncode and any(words in errors for words in _NO_ROOM):
        raise NoRoom("no room on the disk")
    if process.returncode:
        last_line = (errors.strip().splitlines() or ["no words"])[-1]
        raise ProgramFailed(f"exit code {process.returncode}: {clean(last_line, 300)}")
    return output
