"""A film that shows and beeps which time it is, so that a clip of it tells where it is from."""

import subprocess
from pathlib import Path

from tests.support.media import make_of

RATE = 25
LENGTH_S = 20
_DARKEST, _STEPS = 20, 200
_SOUND_HZ = 8000

_PICTURES = (
    f"color=c=gray:s=96x64:r={RATE}:d={LENGTH_S},"
    f"geq=lum='{_DARKEST}+mod(N\\,{_STEPS})':cb='128+random(1)*60-30':cr=128"
)
_SOUND = f"aevalsrc=0.6*sin(1000*2*PI*t)*lt(mod(t\\,1)\\,0.1):s=44100:d={LENGTH_S}"
_CODING = "-c:v libx264 -preset veryfast -crf 5 -g 50 -bf 2 -sc_threshold 0 -pix_fmt yuv420p"


def make_clocked_film(path: Path, more: str = "-c:a aac -movflags +faststart") -> Path:
    """A film of `LENGTH_S`, with a key frame each two seconds, in whatever `path` is called."""
    return make_of(path, (_PICTURES, _SOUND), f"{_CODING} {more}")


def first_time_s(path: Path | str) -> float:
    """The time that the first picture of a clip shows, up to 8 seconds."""
    pictures = _output(path, "-frames:v 1 -f rawvideo -pix_fmt gray")
    # Of the whole range, as ffmpeg widens it.
    luma = 16 + sum(pictures) / len(pictures) * 219 / 255
    return (luma - _DARKEST) / RATE


def beeps_s(path: Path | str) -> list[float]:
    """When in a clip a beep begins."""
    # Silence where the sound has not begun.
    from_start = "-af aresample=async=1:first_pts=0"
    data = _output(path, f"-vn {from_start} -ac 1 -ar {_SOUND_HZ} -f u8")
    step = _SOUND_HZ // 200
    loud = [max(data[at : at + step]) > 150 for at in range(0, len(data), step)]
    return [
        at / 200
        for at, (before, now) in enumerate(zip([False, *loud], loud, strict=False))
        if now > before
    ]


def _output(path: Path | str, arguments: str) -> bytes:
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", str(path), *arguments.split(), "-"]
    return subprocess.run(command, check=True, capture_output=True).stdout
