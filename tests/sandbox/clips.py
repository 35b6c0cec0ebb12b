"""The site's media: one shipped clip, and what ffmpeg makes once per machine."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

from .films import MAKERS

SAMPLE = Path(__file__).with_name("sample.mp4")  # 320x240, 3 s, H.264 and AAC, a key frame a second
SAMPLE_WIDTH, SAMPLE_HEIGHT, SAMPLE_DURATION_S = 320, 240, 3

# A new number makes every machine generate its clips again.
_VERSION = 1
_TIMEOUT_S = 30
_AES_KEY = bytes(range(16))

_QUIET = ["-v", "error", "-nostdin", "-y"]
_HLS = "-f hls -hls_time 1 -hls_list_size 0 -hls_segment_filename s%d.ts"

# Some minutes of small pictures and a tone, in pieces of two seconds.
_BROADCAST = (
    "-f lavfi -i testsrc2=s=160x120:r=2 -f lavfi -i sine=r=44100 -map 1:v -map 2:a -t 200"
    " -c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 4 -keyint_min 4 -sc_threshold 0"
    " -c:a aac -b:a 32k -f hls -hls_time 2 -hls_list_size 0"
)

# What is generated: a directory for each, with ffmpeg's arguments after the input.
_ARGUMENTS = {
    "audio.m4a": "-vn -c copy -movflags +faststart audio.m4a",
    "audio.mp3": "-vn -c:a libmp3lame -b:a 64k audio.mp3",
    "picture.jpg": "-frames:v 1 -q:v 5 picture.jpg",
    "gif.mp4": "-an -t 2 -c:v libx264 -pix_fmt yuv420p -movflags +faststart gif.mp4",
    "hls": f"-c copy {_HLS} -master_pl_name master.m3u8 media.m3u8",
    "hls-aes": f"-c copy {_HLS} -hls_key_info_file key.info -master_pl_name master.m3u8 media.m3u8",
    "broadcast": f"{_BROADCAST} -hls_segment_filename s%d.ts media.m3u8",
    "broadcast-tracks": (
        f"{_BROADCAST} -hls_segment_type fmp4"
        " -var_stream_map 'v:0,agroup:s,name:v a:0,agroup:s,name:a'"
        " -hls_fmp4_init_filename init_%v.mp4 -hls_segment_filename %v%d.m4s media_%v.m3u8"
    ),
    "dash": (
        "-c copy -f dash -seg_duration 1 -adaptation_sets 'id=0,streams=v id=1,streams=a' "
        "manifest.mpd"
    ),
}


class NeedsFfmpeg(Exception):
    """A clip has to be generated, and ffmpeg is missing."""


def default_cache() -> Path:
    """The directory that all runs of this user share."""
    folder = Path(tempfile.gettempdir()) / f"sandbox-clips-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to somebody else; give another cache directory")
    return folder


class Clips:
    """Files by name below a cache directory, generated when first asked for.

    Runs at the same time do not disturb each other: each generates in a directory of its own and
    renames it into place; the first one wins. `ffmpeg=None` behaves like a machine without it.
    """

    def __init__(self, cache_dir: Path | None = None, ffmpeg: str | None = "ffmpeg") -> None:
        self._root = (cache_dir or default_cache()) / f"v{_VERSION}"
        self._ffmpeg = shutil.which(ffmpeg) if ffmpeg else None
        self._lock = threading.Lock()

    def path(self, name: str) -> Path:
        """The file `name`, such as `audio.m4a` or `hls/master.m3u8`.

        Raises FileNotFoundError for one that does not exist and `NeedsFfmpeg`.
        """
        if name == "clip.mp4":
            return SAMPLE
        group, _, inner = name.partition("/")
        if group not in _ARGUMENTS.keys() | MAKERS.keys() or "/" in inner or inner.startswith("."):
            raise FileNotFoundError(name)
        with self._lock:
            folder = self._root / group
            if not folder.is_dir():
                self._generate(group, folder)
        path = folder / (inner or group)
        if not path.is_file() or path.name == "key.info":
            raise FileNotFoundError(name)
        return path

    def _generate(self, group: str, folder: Path) -> None:
        if self._ffmpeg is None:
            raise NeedsFfmpeg(group)
        self._root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._root, prefix="new-") as made:
            work = Path(made) / group
            work.mkdir()
            if group in MAKERS:
                MAKERS[group](self._ffmpeg, work)
            else:
                _make_of_the_sample(self._ffmpeg, group, work)
            try:
                work.rename(folder)
            except OSError:
                # Another run was faster; its files are the same.
                if not folder.is_dir():
                    raise


def _make_of_the_sample(ffmpeg: str, group: str, work: Path) -> None:
    if group == "hls-aes":
        (work / "secret.key").write_bytes(_AES_KEY)
        # The address in the playlist, then where ffmpeg finds the key.
        (work / "key.info").write_text("secret.key\nsecret.key\n")
    subprocess.run(
        [ffmpeg, *_QUIET, "-i", str(SAMPLE), *shlex.split(_ARGUMENTS[group])],
        cwd=work,
        check=True,
        timeout=_TIMEOUT_S,
    )
