"""What was found behind a link is used again, by the real yt-dlp and its real workers."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.site import MediaSite
from tests.support.download_limits import limits_with
from tests.support.downloads_harness import Outcome, Worker
from worker.clocks import wall_clock
from worker.downloads import extraction_store
from worker.form import Form
from worker.protocol import Media

MASTER = "/qualities/master.m3u8"

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")


@pytest.fixture
def site() -> Iterator[MediaSite]:
    with MediaSite() as site:
        yield site


def run(warm: Worker, site: MediaSite, store: Path, height: int | None = None) -> Outcome:
    form = Form(max_height=height)
    return warm.run(site.url + MASTER, limits_with(extractions=str(store)), form=form)


def poison(store: Path, url: str, found: dict[str, Any] | str, tmp_path: Path) -> None:
    """Keep something as if a download of a link had found it."""
    directory = tmp_path / "hostile"
    directory.mkdir()
    text = found if isinstance(found, str) else json.dumps(found)
    (directory / "extraction.json").write_text(text)
    extraction_store.keep(store, url, directory, wall_clock())
    assert list(store.iterdir())


def test_another_quality_begins_without_asking_for_the_page_again(
    warm: Worker, site: MediaSite, tmp_path: Path
) -> None:
    first = run(warm, site, tmp_path / "store")
    asked = site.hits(MASTER)
    second = run(warm, site, tmp_path / "store", height=120)
    assert site.hits(MASTER) == asked > 0
    assert second.media.facts.title == first.media.facts.title
    assert isinstance(first.result, Media)
    assert [quality.height for quality in first.result.offer.qualities] == [240, 120]
    run(warm, site, tmp_path / "elsewhere")
    assert site.hits(MASTER) == 2 * asked


DEAD = {
    "id": "dead",
    "title": "As it was",
    "extractor": "generic",
    "extractor_key": "Generic",
    "formats": [{"format_id": "0", "url": "URL/403.mp4", "ext": "mp4"}],
}


OVER = {**DEAD, "formats": [{"format_id": "0", "url": "URL/text.html", "ext": "mp4"}]}
EMPTY = {**DEAD, "formats": [{"format_id": "0", "url": "URL/empty.mp4", "ext": "mp4"}]}


WORTHLESS: dict[str, Any] = {
    "a page": OVER,
    "empty": EMPTY,
    "dead": DEAD,
    "no format": {**DEAD, "formats": [7]},
    "no id": {**DEAD, "id": None},
    "no address": {"url": []},
    "no JSON": "[",
    "a number": "7",
    "no list": '{"formats": 3}',
}


@pytest.mark.parametrize("found", WORTHLESS.values(), ids=WORTHLESS)
def test_what_is_worth_nothing_costs_another_look_at_the_page(
    warm: Worker, site: MediaSite, tmp_path: Path, found: Any
) -> None:
    text = (found if isinstance(found, str) else json.dumps(found)).replace("URL", site.url)
    poison(tmp_path / "store", site.url + MASTER, text, tmp_path)
    outcome = run(warm, site, tmp_path / "store")
    assert (outcome.media.facts.height, outcome.media.facts.title) == (240, "master")
    assert site.hits(MASTER) > 0


def test_what_is_found_leads_to_no_other_page(
    warm: Worker, site: MediaSite, tmp_path: Path
) -> None:
    found = {**DEAD, "_type": "url", "url": f"{site.url}/clip.mp4", "formats": None}
    poison(tmp_path / "store", site.url + MASTER, found, tmp_path)
    # It is a file by that address then, as any page could have said.
    assert run(warm, site, tmp_path / "store").media.facts.title == "As it was"
    assert site.hits(MASTER) == 0


def test_a_link_that_is_too_large_at_that_address_is_not_asked_for_twice(
    warm: Worker, site: MediaSite, tmp_path: Path
) -> None:
    url = f"{site.url}/large.mp4?mb=60"
    found = {
        **DEAD,
        "formats": [{"format_id": "0", "url": url, "ext": "mp4", "filesize": 60 << 20}],
    }
    poison(tmp_path / "store", site.url + MASTER, found, tmp_path)
    limits = limits_with(extractions=str(tmp_path / "store"), max_file_bytes=1 << 20)
    assert warm.run(site.url + MASTER, limits).error.reason.value == "too large"
    assert site.hits(MASTER) == 0


def test_fresh_asks_again(warm: Worker, site: MediaSite, tmp_path: Path) -> None:
    store = tmp_path / "store"
    run(warm, site, store)
    asked = site.hits(MASTER)
    limits = limits_with(extractions=str(store))
    assert warm.run(site.url + MASTER, limits, fresh=True).media.facts.title == "master"
    assert site.hits(MASTER) == 2 * asked
    assert list(store.iterdir()), "and is kept again"
