"""Pictures of a high dynamic range become ordinary ones, with the colors that they had."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.download_limits import limits_with
from tests.support.exhaustive import in_full
from tests.support.media import make_of
from worker.downloads.media import ffmpeg
from worker.downloads.media.finishing import finish
from worker.protocol import MediaKind

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")

ORDINARY = {"pix_fmt": "yuv420p", "color_transfer": "bt709", "color_primaries": "bt709"}
HEVC = "-c:v libx265 -preset ultrafast -pix_fmt yuv420p10le -x265-params log-level=0"
EIGHT_BITS = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -movflags +faststart"
VP9 = "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -pix_fmt yuv420p10le -profile:v 2"
GREEN = (0, 200, 0)


def film(path: Path, curve: str, codec: str) -> Path:
    """A second of plain green, as bright as a screen without HDR can show it."""
    color = f"color=0x{bytes(GREEN).hex()}:s=64x64:r=10:d=1,format=gbrp,setparams=range=pc"
    color += f",zscale=tin=iec61966-2-1:pin=bt709:min=gbr:t={curve}:p=2020:m=2020_ncl:r=tv:npl=100"
    labels = f"-color_primaries bt2020 -color_trc {curve} -colorspace bt2020nc"
    return make_of(path, [color], f"{codec} {labels}")


def shown(path: Path) -> tuple[dict[str, str], tuple[int, ...]]:
    """The labels of the colors, and the color in the middle of the first picture."""
    command = ["ffprobe", "-v", "error", "-show_streams", "-of", "json", str(path)]
    (stream,) = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)[
        "streams"
    ]
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-frames:v", "1", "-f", "rawvideo"]
    command += ["-pix_fmt", "rgb24", "-vf", "scale=1:1", "-"]
    return stream, tuple(subprocess.run(command, capture_output=True, check=True).stdout)


@pytest.mark.parametrize(
    ("name", "codec", "curve"),
    [
        ("media.mp4", HEVC, "smpte2084"),
        ("media.webm", VP9, "arib-std-b67"),
        in_full("media.mp4", EIGHT_BITS, "smpte2084"),
        in_full("media.mp4", HEVC, "arib-std-b67"),
        in_full("media.mp4", EIGHT_BITS, "arib-std-b67"),
        in_full("media.webm", VP9, "smpte2084"),
    ],
)
def test_hdr_becomes_what_every_screen_shows(
    tmp_path: Path, name: str, codec: str, curve: str
) -> None:
    made = finish(film(tmp_path / name, curve, codec), {}, limits_with())
    assert (made.facts.kind, made.facts.note) == (MediaKind.ANIMATION, None)
    labels, (red, green, blue) = shown(tmp_path / made.name)
    assert {key: labels.get(key) for key in ORDINARY} == ORDINARY
    assert labels.get("color_space") == "bt709"
    # As bright as it was, and not pale.
    assert green == pytest.approx(GREEN[1], abs=40)
    assert max(red, blue) < green / 2


@pytest.mark.negative
def test_hdr_without_tone_mapping_is_pale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ffmpeg, "tone_mapping", lambda hdr: "")
    made = finish(film(tmp_path / "media.mp4", "smpte2084", HEVC), {}, limits_with())
    _, (red, green, blue) = shown(tmp_path / made.name)
    assert max(red, blue) > green / 2
