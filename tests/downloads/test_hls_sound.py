"""Sound that has a playlist of its own is heard when the clock of its pieces says so."""

from pathlib import Path

import pytest

from tests.support.clocked_film import RATE, beeps_s, first_time_s, make_clocked_film
from tests.support.download_limits import limits_with
from tests.support.downloads_harness import Worker
from tests.support.file_server import served
from tests.support.media import make
from worker.form import WHOLE, Clip, Form

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")

MASTER = (
    '#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="x",DEFAULT=YES,URI="sound.m3u8"\n'
    '#EXT-X-STREAM-INF:BANDWIDTH=300000,CODECS="avc1.64001f,mp4a.40.2",AUDIO="a"\n'
    "pictures.m3u8\n"
)
PIECES = "-hls_list_size 0 -hls_time 2 -muxdelay 0"
BEGINS_S = 10.0
FRAME_S = 1 / RATE


CLIP = Form(clip=Clip(520, 760))


@pytest.mark.parametrize(
    ("kind", "late_s", "form"),
    [
        ("mpegts", 1.5, WHOLE),
        ("mpegts", 1.5, CLIP),
        ("mpegts", -0.6, WHOLE),
        ("fmp4", 1.5, WHOLE),
    ],
)
def test_sound_that_begins_at_another_time_stays_with_its_pictures(
    warm: Worker, tmp_path: Path, kind: str, late_s: float, form: Form
) -> None:
    film = make_clocked_film(tmp_path / "film.mp4")
    pieces = f"{PIECES} -hls_segment_type {kind}"
    starts = {"pictures": max(0.0, -late_s), "sound": max(0.0, late_s)}
    for name, codec in (("pictures", "-an -c:v libx264 -g 50"), ("sound", "-vn -c:a aac")):
        how = f"{codec} -ss {starts[name]} -output_ts_offset {BEGINS_S + starts[name]}"
        init = f"-hls_fmp4_init_filename {name}.init"
        make(tmp_path / f"{name}.m3u8", f"{how} {pieces} {init}", film)
    (tmp_path / "film.m3u8").write_text(MASTER)
    with served(tmp_path) as url:
        media = warm.run(f"{url}/film.m3u8", limits_with(), form=form).media
    begins_s = (form.clip.start_s if form.clip else 0.0) + starts["pictures"]
    assert first_time_s(media.path) == pytest.approx(begins_s, abs=FRAME_S)
    beeps = [each + begins_s for each in beeps_s(media.path)]
    assert len(beeps) >= 2
    assert max(abs(each - round(each)) for each in beeps) < 1.5 * FRAME_S
