"""Of a video of which a part is wanted only that part is fetched, and it comes exactly."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clocked_film import RATE, beeps_s, first_time_s, make_clocked_film
from tests.support.download_limits import limits_with
from tests.support.downloads_harness import Worker, worker
from tests.support.media import probe
from tests.support.range_server import ranges_served
from worker.form import Clip, Form

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")

HLS = "-c:a aac -hls_time 2 -hls_list_size 0 -hls_playlist_type vod"
DASH = "-c:a aac -seg_duration 2 -use_template 1 -use_timeline 1 -f dash"
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
