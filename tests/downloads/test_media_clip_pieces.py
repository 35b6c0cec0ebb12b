"""Of a video of which a part is wanted only that part is fetched, and it comes exactly."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clocked_film import RATE, beeps_s, first_time_s, make_clocked_film
from tests.support.download_limits import limits_with
from tests.support.downloads_harness import Worker, worker
from tests.support.media import make, probe
from tests.support.range_server import ranges_served
from worker.errors import Fault, Reason
from worker.form import Clip, Form
from worker.protocol import Note

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")

HLS = "-c:a aac -hls_time 2 -hls_list_size 0 -hls_playlist_type vod"
DASH = "-c:a aac -seg_duration 2 -use_template 1 -use_timeline 1 -f dash"
HLS_ALONE = "-hls_list_size 0 -hls_playlist_type vod"
LARGE = "-preset ultrafast -crf 35 -s 1280x720 -c:a aac -movflags +faststart"
FILE = "-c:a aac -movflags"
FRAME_S = 1 / RATE


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with worker(tmp_path_factory.mktemp("downloads")) as made:
        yield made


def form(start_s: float, end_s: float | None) -> Form:
    return Form(clip=Clip(round(start_s * 100), None if end_s is None else round(end_s * 100)))


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("film.m3u8", HLS),
        ("film.m3u8", f"{HLS} -hls_segment_type fmp4"),
        ("film.mpd", DASH),
    ],
    ids=["HLS", "HLS of MP4", "DASH"],
)
def test_only_the_pieces_of_a_clip_are_fetched(
    warm: Worker, tmp_path: Path, name: str, how: str
) -> None:
    make_clocked_film(tmp_path / name, how)
    with ranges_served(tmp_path) as site:
        media = warm.run(f"{site.url}/{name}", limits_with(), form=form(5.2, 7.6)).media
    fetched = [path for path in site.whole if path[-3:] in (".ts", "m4s")]
    # Of ten pieces two, or three of sound, which does not end with the pictures, and heads.
    assert len(fetched) <= (7 if name.endswith("mpd") else 3)
    assert probe(media.path).duration_s == pytest.approx(2.4, abs=FRAME_S)
    assert first_time_s(media.path) == pytest.approx(5.2, abs=FRAME_S / 2)
    assert beeps_s(media.path) == pytest.approx([0.8, 1.8], abs=FRAME_S)
    assert (media.facts.starts_s, media.facts.note) == (5.2, None)


@pytest.mark.parametrize(
    "how",
    ["+faststart", "-faststart", "+frag_keyframe+empty_moov+default_base_moof+global_sidx"],
    ids=["index in front", "index behind", "fragments"],
)
def test_only_a_range_of_a_file_is_fetched(warm: Worker, tmp_path: Path, how: str) -> None:
    film = make_clocked_film(tmp_path / "film.mp4", f"{FILE} {how}")
    with ranges_served(tmp_path) as site:
        media = warm.run(f"{site.url}/film.mp4", limits_with(), form=form(5.2, 7.6)).media
    assert site.sent["film.mp4"] < film.stat().st_size / 3
    assert site.whole == ["film.mp4"]  # which is looked at, to see what it is
    assert probe(media.path).duration_s == pytest.approx(2.4, abs=FRAME_S)
    assert first_time_s(media.path) == pytest.approx(5.2, abs=FRAME_S / 2)
    assert beeps_s(media.path) == pytest.approx([0.8, 1.8], abs=FRAME_S)


def test_a_server_without_ranges_sends_all(warm: Worker, tmp_path: Path) -> None:
    make_clocked_film(tmp_path / "film.mp4")
    with ranges_served(tmp_path, heeds_ranges=False) as site:
        media = warm.run(f"{site.url}/film.mp4", limits_with(), form=form(5.2, None)).media
    assert probe(media.path).duration_s == pytest.approx(14.8, abs=FRAME_S)
    assert beeps_s(media.path)[0] == pytest.approx(0.8, abs=FRAME_S)


MPD = """<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT20S"><Period>
<AdaptationSet mimeType="video/mp4"><Representation id="v" bandwidth="200000" width="96" height="64"
 codecs="avc1.64001f"><BaseURL>pictures.mp4</BaseURL></Representation></AdaptationSet>
<AdaptationSet mimeType="audio/mp4"><Representation id="a" bandwidth="96000" codecs="mp4a.40.2">
<BaseURL>sound.m4a</BaseURL></Representation></AdaptationSet>
</Period></MPD>
"""


@pytest.mark.parametrize(
    "how",
    [
        "+faststart",
        "+frag_keyframe+empty_moov+default_base_moof+global_sidx -frag_duration 3000000",
    ],
    ids=["indexed", "fragments"],
)
def test_sound_of_its_own_file_stays_with_its_pictures(
    warm: Worker, tmp_path: Path, how: str
) -> None:
    film = make_clocked_film(tmp_path / "film.mp4")
    make(tmp_path / "pictures.mp4", f"-an -c copy -movflags {how}", film)
    make(tmp_path / "sound.m4a", f"-vn -c copy -movflags {how}", film)
    (tmp_path / "film.mpd").write_text(MPD)
    with ranges_served(tmp_path) as site:
        media = warm.run(f"{site.url}/film.mpd", limits_with(), form=form(13.2, 15.6)).media
    assert site.whole == ["film.mpd"] * site.whole.count("film.mpd")
    assert site.sent["pictures.mp4"] < (tmp_path / "pictures.mp4").stat().st_size / 2
    assert probe(media.path).duration_s == pytest.approx(2.4, abs=FRAME_S)
    assert first_time_s(media.path) == pytest.approx(13.2 - 8, abs=FRAME_S / 2)
    assert beeps_s(media.path) == pytest.approx([0.8, 1.8], abs=FRAME_S)


def test_sound_of_its_own_playlist_stays_with_its_pictures(warm: Worker, tmp_path: Path) -> None:
    film = make_clocked_film(tmp_path / "film.mp4")
    make(tmp_path / "pictures.m3u8", f"-an -c copy {HLS_ALONE} -hls_time 2", film)
    make(tmp_path / "sound.m3u8", f"-vn -c copy {HLS_ALONE} -hls_time 3", film)
    (tmp_path / "film.m3u8").write_text(
        '#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="x",DEFAULT=YES,URI="sound.m3u8"\n'
        '#EXT-X-STREAM-INF:BANDWIDTH=300000,CODECS="avc1.64001f,mp4a.40.2",AUDIO="a"\n'
        "pictures.m3u8\n"
    )
    with ranges_served(tmp_path) as site:
        media = warm.run(f"{site.url}/film.m3u8", limits_with(), form=form(13.2, 15.6)).media
    assert sum(name.endswith(".ts") for name in site.whole) <= 5
    assert probe(media.path).duration_s == pytest.approx(2.4, abs=FRAME_S)
    assert first_time_s(media.path) == pytest.approx(13.2 - 8, abs=FRAME_S / 2)
    assert beeps_s(media.path) == pytest.approx([0.8, 1.8], abs=FRAME_S)


@pytest.mark.parametrize(
    ("name", "how", "reason"),
    [
        ("photo.jpg", "-frames:v 1", Reason.NOT_CUT),
        ("moving.gif", "-t 1 -vf scale=32:-1", Reason.NOT_CUT),
        ("film.mp4", "-c copy -movflags +faststart", Reason.BEYOND_END),
    ],
)
def test_what_has_no_such_part_is_no_answer(
    warm: Worker, tmp_path: Path, name: str, how: str, reason: Reason
) -> None:
    make(tmp_path / name, how)
    with ranges_served(tmp_path) as site:
        error = warm.run(f"{site.url}/{name}", limits_with(), form=form(5.2, 7.6)).error
    assert (error.reason, error.fault) == (reason, Fault.PERMANENT)


def test_without_time_to_encode_the_clip_says_when_it_begins(warm: Worker, tmp_path: Path) -> None:
    make_clocked_film(tmp_path / "film.mp4", LARGE)
    with ranges_served(tmp_path) as site:
        limits = limits_with(timeout_s=4)
        media = warm.run(f"{site.url}/film.mp4", limits, form=form(5.2, 15.2)).media
    assert media.facts.note is Note.EARLY_START
    assert media.facts.starts_s == pytest.approx(4, abs=FRAME_S)
    assert media.facts.duration_s == pytest.approx(11.2, abs=0.5)
    assert media.facts.duration_s == pytest.approx(probe(media.path).duration_s, abs=FRAME_S)
    assert first_time_s(media.path) == pytest.approx(4, abs=FRAME_S)
