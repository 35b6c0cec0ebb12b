"""A page's film comes, and not what moves behind its words."""

from pathlib import Path

import pytest

from tests.support.download_limits import LIMITS
from tests.support.downloads_harness import Worker
from tests.support.file_server import served
from tests.support.media import make

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")


def test_film_comes_and_not_a_decoration(warm: Worker, tmp_path: Path) -> None:
    make(tmp_path / "loop.mp4", "-t 1 -c copy")
    make(tmp_path / "film.mp4", "-c copy")
    videos = (
        '<video autoplay muted loop src="loop.mp4"></video><video controls src="film.mp4"></video>'
    )
    (tmp_path / "page.html").write_text(f"<!doctype html><title>A page</title>{videos}")
    with served(tmp_path) as url:
        media = warm.run(f"{url}/page.html", LIMITS).media
    assert media.facts.duration_s == pytest.approx(3.0, abs=0.2)
