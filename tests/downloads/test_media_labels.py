"""A site's label for a file is checked before it decides what is fetched."""

import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.download_limits import limits_with
from tests.support.downloads_harness import Worker, worker
from tests.support.file_server import served
from tests.support.media import make, probe
from worker.protocol import MediaKind

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")


def know_the_labels() -> None:
    importlib.import_module("tests.hostile.films")


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with worker(tmp_path_factory.mktemp("downloads"), prepare=know_the_labels) as made:
        yield made


@pytest.fixture
def larger(film: Path, tmp_path: Path) -> Path:
    """The other file of the site, which is said to be larger, and does not play everywhere."""
    return make(tmp_path / "larger.mp4", "-c:v mpeg4 -c:a copy -t 1", film)


@pytest.mark.usefixtures("larger")
def test_a_file_that_plays_is_found_under_a_label_that_does_not(
    warm: Worker, film: Path, tmp_path: Path
) -> None:
    make(tmp_path / "film.mp4", "-c copy -movflags +faststart", film)
    with served(tmp_path) as url:
        media = warm.run(f"{url}/label/film.mp4", limits_with()).media
    assert (media.facts.kind, media.facts.note) == (MediaKind.VIDEO, None)
    found = probe(media.path)
    assert found.video == "h264"
    assert found.duration_s == pytest.approx(probe(film).duration_s, abs=0.1)


@pytest.mark.negative
def test_without_its_first_bytes_the_larger_one_would_be_fetched(
    warm: Worker, larger: Path, tmp_path: Path
) -> None:
    (tmp_path / "film.mp4").write_bytes(b"no index")
    with served(tmp_path) as url:
        media = warm.run(f"{url}/label/film.mp4", limits_with()).media
    assert probe(media.path).duration_s == pytest.approx(probe(larger).duration_s, abs=0.1)
