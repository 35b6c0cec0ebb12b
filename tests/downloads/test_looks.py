"""What a look says of a link, by the real yt-dlp, and that it downloads nothing."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.site import MediaSite
from tests.support.download_limits import limits_with
from tests.support.downloads_harness import Outcome, Worker
from tests.support.file_server import served
from worker import media_keys
from worker.errors import Fault, JobError, Reason
from worker.form import ABOUT, WHOLE, Clip, Form
from worker.protocol import Media
from worker.protocol.choices import Quality
from worker.protocol.looks import Live, MediaLook

MASTER = "/qualities/master.m3u8"


@pytest.fixture
def site() -> Iterator[MediaSite]:
    with MediaSite() as site:
        yield site


def found(outcome: Outcome) -> MediaLook:
    assert isinstance(outcome.result, Media), outcome.result
    assert outcome.result.files == ()
    assert outcome.result.look is not None
    return outcome.result.look


def test_a_look_tells_the_qualities_and_fetches_no_media(warm: Worker, site: MediaSite) -> None:
    look = found(warm.run(site.url + MASTER, limits_with(), form=ABOUT))
    assert look.title == "master"
    assert [quality.height for quality in look.qualities] == [240, 120]
    assert not any(request.path.endswith(".ts") for request in site.requests)


def test_a_download_begins_with_what_a_look_has_found(
    warm: Worker, site: MediaSite, tmp_path: Path
) -> None:
    limits = limits_with(extractions=str(tmp_path / "store"))
    found(warm.run(site.url + MASTER, limits, form=ABOUT))
    asked = site.hits(MASTER)
    assert warm.run(site.url + MASTER, limits, form=WHOLE).media.facts.height == 240
    assert site.hits(MASTER) == asked


def test_what_is_too_large_to_be_sent_is_told_all_the_same(warm: Worker, site: MediaSite) -> None:
    limits = limits_with(max_file_bytes=1000)
    look = found(warm.run(site.url + MASTER, limits, form=ABOUT))
    assert look.qualities
    assert {type(quality) for quality in look.qualities} == {Quality}


@pytest.mark.parametrize(
    ("path", "title"),
    [("/clip.mp4", "clip"), ("/page.html", "A page (1)"), ("/og.html", "An open page")],
)
def test_a_look_at_other_links(warm: Worker, site: MediaSite, path: str, title: str) -> None:
    assert found(warm.run(site.url + path, limits_with(), form=ABOUT)).title == title


@pytest.mark.parametrize(
    ("path", "reason"), [("/text.html", Reason.UNSUPPORTED), ("/404.mp4", Reason.NOT_FOUND)]
)
def test_a_look_fails_as_a_download_does(
    warm: Worker, site: MediaSite, path: str, reason: Reason
) -> None:
    assert warm.run(site.url + path, limits_with(), form=ABOUT).error.reason is reason


def test_a_photo_of_a_page_is_told(warm: Worker, site: MediaSite) -> None:
    assert found(warm.run(site.url + "/photo.html", limits_with(), form=ABOUT)).title


def test_a_look_at_a_list_tells_its_items(warm: Worker, site: MediaSite) -> None:
    media = warm.run(f"{site.url}/feed.xml", limits_with(), form=ABOUT).result
    assert isinstance(media, Media)
    assert media.found_list is not None
    assert (media.look, media.files, len(media.found_list.items)) == (None, (), 12)
    assert not any("/clip/" in request.path for request in site.requests)


LIVE = """#EXTM3U
#EXT-X-TARGETDURATION:1
#EXT-X-MEDIA-SEQUENCE:7
#EXTINF:1,
7.ts
"""


def test_what_is_live_is_told_and_not_refused(warm: Worker, tmp_path: Path) -> None:
    (tmp_path / "now.m3u8").write_text(LIVE)
    with served(tmp_path) as url:
        assert found(warm.run(f"{url}/now.m3u8", limits_with(), form=ABOUT)).live is Live.NOW
        assert warm.run(f"{url}/now.m3u8", limits_with()).error.reason is Reason.LIVE


@pytest.mark.usefixtures("needs_ffmpeg")
def test_a_part_can_be_chosen_from_a_look(warm: Worker, site: MediaSite, tmp_path: Path) -> None:
    limits = limits_with(extractions=str(tmp_path / "store"))
    found(warm.run(site.url + MASTER, limits, form=ABOUT))
    asked = site.hits(MASTER)
    media = warm.run(site.url + MASTER, limits, form=Form(clip=Clip(100, 250))).media
    assert media.facts.duration_s == pytest.approx(1.5, abs=0.5)
    assert site.hits(MASTER) == asked


def _lie(task: Any, _limits: Any, _report: Any, _extractors: Any) -> Any:
    """Write what another link is to begin with, in every place that can be reached."""
    name = media_keys.of_link("https://site.example/other")
    for path in ("extraction.json", "extraction-earlier.json", f"{name}.json"):
        Path(path).write_text('{"formats": [{"url": "http://127.0.0.1:9/evil.mp4"}]}')
    for place in (f"../../store/{name}.json", f"../store/{name}.json"):
        with contextlib.suppress(OSError):
            Path(place).write_text("{}")
    Path("media.mp4").write_bytes(b"x" * 100)
    raise JobError(Reason.NO_MEDIA, Fault.PERMANENT, "as if")


def test_a_download_that_lies_gives_no_other_link_anything(
    warm: Worker, site: MediaSite, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    store.mkdir()
    limits = limits_with(extractions=str(store))
    warm.run(site.url + MASTER, limits, fetch=_lie)
    assert list(store.iterdir()) == []
