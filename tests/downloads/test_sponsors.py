"""What SponsorBlock knows of a video: marked in its file, or cut out of it."""

import functools
import math
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clocked_film import RATE, beeps_s, make_clocked_film
from tests.support.download_limits import limits_with
from tests.support.downloads_harness import Worker, worker
from tests.support.media import chapters_in, probe
from tests.support.range_server import ranges_served
from tests.support.sponsored import HASH, SponsorBlock, know_sponsors, sponsorblock_served
from worker.downloads import spans
from worker.downloads.media import sponsors
from worker.form import Clip, Form, Sponsors, What
from worker.protocol import MediaFile, Note

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")

MARK, CUT = Form(sponsors=Sponsors.MARK), Form(sponsors=Sponsors.CUT)


@pytest.fixture(scope="module")
def service() -> Iterator[SponsorBlock]:
    with sponsorblock_served() as made:
        yield made


@pytest.fixture(scope="module")
def warm(service: SponsorBlock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    prepare = functools.partial(know_sponsors, service.url)
    with worker(tmp_path_factory.mktemp("downloads"), prepare=prepare) as made:
        yield made


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clocked_film(tmp_path_factory.mktemp("films") / "film.mp4").parent


@pytest.fixture
def known(service: SponsorBlock) -> SponsorBlock:
    service.status, service.asked[:] = 200, []
    service.knows((5.5, 8.5, "sponsor"), (15.5, 17, "sponsor"))
    return service


def fetched(warm: Worker, films: Path, form: Form) -> MediaFile:
    with ranges_served(films) as site:
        return warm.run(f"{site.url}/watch/film.mp4", limits_with(), form=form).media


def test_marked_sponsors_are_chapters(warm: Worker, films: Path, known: SponsorBlock) -> None:
    known.knows((5, 8.5, "sponsor"), (15, 20, "outro"))
    made = fetched(warm, films, MARK)
    assert chapters_in(made.path) == [
        (0, 5, "First"),
        (5, 8.5, "Sponsor"),
        (8.5, 10, "First"),
        (10, 15, "Second"),
        (15, 20, "Endcards/Credits"),
    ]
    assert made.facts.note is None
    (path,) = known.asked
    assert path.startswith(f"/api/skipSegments/{HASH}?")


def test_sponsors_are_cut_out_up_to_a_key_frame(
    warm: Worker, films: Path, known: SponsorBlock
) -> None:
    made = fetched(warm, films, CUT)
    # There is a key frame each two seconds, so 8 to 8.5 and 16 to 17 stay.
    assert probe(made.path).duration_s == pytest.approx(5.5 + 7.5 + 4, abs=4 / RATE)
    beeps = [*range(6), *(5.5 + second for second in range(8)), *(13, 14, 15, 16)]
    assert beeps_s(made.path) == pytest.approx(beeps, abs=3 / RATE)
    first, second = chapters_in(made.path)
    assert (first, second[2]) == ((0, 7.5, "First"), "Second")
    assert second[:2] == pytest.approx((7.5, 17), abs=4 / RATE)
    assert made.facts.note is None


def test_end_of_a_film_that_is_longer_than_its_site_says_stays(films: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(films / "film.mp4", tmp_path))
    segment = {"title": "Sponsor", "start_time": 5.5, "end_time": 8.5}
    info = {"duration": 19, sponsors.SEGMENTS: [segment]}
    made, known = sponsors.cut_out(path, info, limits_with())
    assert spans.kept(known) == ((0.0, 5.5), (8.0, math.inf))
    assert probe(made).duration_s == pytest.approx(20 - 2.5, abs=4 / RATE)


def test_sponsors_are_cut_out_of_the_sound(warm: Worker, films: Path, known: SponsorBlock) -> None:
    made = fetched(warm, films, Form(What.SOUND, sponsors=Sponsors.CUT))
    assert (probe(made.path).video, probe(made.path).audio) == (None, "aac")
    assert probe(made.path).duration_s < 18


@pytest.mark.parametrize("form", [MARK, CUT], ids=["mark", "cut"])
@pytest.mark.parametrize(
    ("status", "answer", "note"),
    [
        (404, b"Not Found", None),
        (200, b"[]", None),
        (500, b"", Note.NO_SPONSORBLOCK),
        (200, b"<html>", Note.NO_SPONSORBLOCK),
        (200, b'[{"videoID": "abcdefghijk", "segments": [{}]}]', Note.NO_SPONSORBLOCK),
    ],
    ids=["unknown", "nothing", "broken", "page", "odd"],
)
def test_video_comes_without_the_service(
    warm: Worker,
    films: Path,
    known: SponsorBlock,
    form: Form,
    status: int,
    answer: bytes,
    note: Note | None,
) -> None:
    known.status, known.answer = status, answer
    made = fetched(warm, films, form)
    assert made.facts.note is note
    assert [title for _, _, title in chapters_in(made.path)] == ["First", "Second"]
    assert probe(made.path).duration_s == pytest.approx(20, abs=0.1)


@pytest.mark.parametrize("form", [Form(), Form(sponsors=Sponsors.CUT, clip=Clip(400, 900))])
def test_nobody_is_asked_where_it_is_not_wanted(
    warm: Worker, films: Path, known: SponsorBlock, form: Form
) -> None:
    fetched(warm, films, form)
    assert known.asked == []
