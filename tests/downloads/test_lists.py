"""Lists: the real extractors tell them from posts, and nothing of one is fetched."""

import functools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.clips import SAMPLE
from tests.sandbox.site import MediaSite
from tests.sandbox.tls_proxy import trust
from tests.support import youtube_lists as youtube
from tests.support.download_limits import limits_with
from tests.support.downloads_harness import Worker, worker
from tests.support.tls_sites import TlsSites, file, page
from worker.clocks import wall_clock
from worker.downloads import extraction_store
from worker.downloads.file_names import EXTRACTION_NAME
from worker.form import WHOLE, WHOLE_LIST, Form
from worker.protocol import Media
from worker.protocol.lists import MediaList

HOSTS = (*youtube.HOSTS, "*.bandcamp.com")


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsSites]:
    with TlsSites(tmp_path_factory.mktemp("sites"), HOSTS) as sites:
        yield sites


@pytest.fixture(scope="module")
def warm(sites: TlsSites, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    prepare = functools.partial(trust, sites.certificate)
    home = tmp_path_factory.mktemp("downloads")
    with worker(home, prepare=prepare, knows_all=True) as made:
        yield made


def listed(
    warm: Worker, sites: TlsSites, link: str, form: Form = WHOLE, most: int = 50
) -> MediaList:
    sites.requests.clear()
    outcome = warm.run(link, limits_with(proxy=sites.proxy, max_items=most), form=form)
    assert isinstance(outcome.result, Media), outcome.result
    assert outcome.result.files == ()
    assert outcome.result.found_list, outcome.result
    return outcome.result.found_list


def ids(found: MediaList) -> list[str]:
    return [item.url.removeprefix("https://www.youtube.com/watch?v=") for item in found.items]


def test_a_playlist_is_told_with_what_is_private_in_it(warm: Worker, sites: TlsSites) -> None:
    youtube.serve(sites, 12, private=[3])
    found = listed(warm, sites, youtube.PLAYLIST)
    assert (found.title, found.count, found.is_whole) == ("A playlist", 12, True)
    assert ids(found) == [youtube.item_id(number) for number in range(12)]
    assert (found.items[0].title, found.items[0].duration_s) == ("Item 0", 60.0)
    assert found.items[3].title == "[Private video]"
    assert not any("watch" in request for request in sites.requests)


def test_a_long_playlist_is_bounded(warm: Worker, sites: TlsSites) -> None:
    youtube.serve(sites, 200)
    found = listed(warm, sites, youtube.PLAYLIST, most=50)
    assert (len(found.items), found.count) == (50, 200)
    assert len(listed(warm, sites, youtube.PLAYLIST, most=200).items) == 200


def test_a_channel_is_the_list_of_its_videos(warm: Worker, sites: TlsSites) -> None:
    youtube.serve(sites, 60)
    found = listed(warm, sites, youtube.CHANNEL, most=50)
    assert (found.title, len(found.items), found.count) == ("Someone - Videos", 50, None)


def test_an_endless_mix_is_bounded(warm: Worker, sites: TlsSites) -> None:
    youtube.serve(sites, 5)
    found = listed(warm, sites, youtube.MIX, WHOLE_LIST, most=60)
    assert (len(found.items), found.count) == (60, None)
    assert sum("/next" in request for request in sites.requests) < 4


def test_the_list_around_a_video_is_there_for_who_asks(warm: Worker, sites: TlsSites) -> None:
    youtube.serve(sites, 5)
    found = listed(warm, sites, youtube.IN_PLAYLIST, WHOLE_LIST)
    assert (found.title, len(found.items)) == ("A playlist", 5)
    # Without asking it is that video alone.
    sites.requests.clear()
    warm.run(youtube.IN_PLAYLIST, limits_with(proxy=sites.proxy))
    assert sites.requests
    assert not any("/playlist" in request for request in sites.requests)


def test_what_was_found_of_a_video_is_not_taken_for_its_list(
    warm: Worker, sites: TlsSites, tmp_path: Path
) -> None:
    youtube.serve(sites, 5)
    sites.answers[r"[^/]*/video\.mp4"] = file(SAMPLE.read_bytes(), "video/mp4")
    video = {
        "id": "item0000002",
        "title": "Item 2",
        "extractor": "youtube",
        "extractor_key": "Youtube",
        "webpage_url": youtube.IN_PLAYLIST,
        "url": "https://www.youtube.com/video.mp4",
        "ext": "mp4",
    }
    (tmp_path / EXTRACTION_NAME).write_text(json.dumps(video))
    extraction_store.keep(tmp_path / "store", youtube.IN_PLAYLIST, tmp_path, wall_clock())
    limits = limits_with(proxy=sites.proxy, extractions=str(tmp_path / "store"))
    outcome = warm.run(youtube.IN_PLAYLIST, limits, form=WHOLE_LIST)
    assert isinstance(outcome.result, Media), outcome.result
    assert outcome.result.found_list


def test_an_album_of_songs_is_a_list(warm: Worker, sites: TlsSites) -> None:
    tracks = "".join(
        f'<div class="track_list"><table><tr class="track_row_view" rel="tracknum={n}">'
        f'<td><a href="/track/song-{n}">Song {n}</a></td></tr></table></div>'
        for n in (1, 2, 3)
    )
    info = "".join(
        f"{{&quot;title_link&quot;:&quot;/track/song-{n}&quot;,&quot;title&quot;:&quot;Song {n}"
        f"&quot;,&quot;duration&quot;:61.5,&quot;track_id&quot;:{n}}}{',' if n < 3 else ''}"
        for n in (1, 2, 3)
    )
    album = (
        '<!doctype html><script data-tralbum="{&quot;current&quot;:{&quot;title&quot;:'
        f'&quot;An album&quot;}},&quot;trackinfo&quot;:[{info}]}}"></script>{tracks}'
    )
    sites.answers[r"band\.bandcamp\.com/album/an-album"] = page(album)
    found = listed(warm, sites, "https://band.bandcamp.com/album/an-album")
    assert found.title == "An album"
    assert [item.url for item in found.items] == [
        f"https://band.bandcamp.com/track/song-{n}" for n in (1, 2, 3)
    ]


def test_a_feed_is_a_list(warm: Worker, site: MediaSite, sites: TlsSites) -> None:
    outcome = warm.run(f"{site.url}/feed.xml?items=30&missing=3", limits_with(max_items=20))
    assert isinstance(outcome.result, Media), outcome.result
    found = outcome.result.found_list
    assert found
    assert (found.title, len(found.items), found.count) == ("A feed", 20, None)
    assert found.items[2].url == f"{site.url}/404.mp4?3"


def test_no_directory_holds_more_than_the_log(warm: Worker, sites: TlsSites) -> None:
    youtube.serve(sites, 5)
    listed(warm, sites, youtube.PLAYLIST)
    assert [path.name for path in Path(warm.directory).iterdir()] == []
