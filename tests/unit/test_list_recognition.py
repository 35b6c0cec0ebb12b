"""Which playlists are lists, and what is known of those."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from yt_dlp.utils import ExtractorError, OnDemandPagedList

from worker.downloads.ytdlp import lists
from worker.protocol.as_json import to_json
from worker.protocol.lists import ListItem, MediaList, list_from_json


def entry(number: int, **more: Any) -> dict[str, Any]:
    url = f"https://a.test/{number}"
    return {"_type": "url", "ie_key": "Video", "url": url, "title": f"No. {number}", **more}


def playlist(entries: Any, **more: Any) -> dict[str, Any]:
    found = {"_type": "playlist", "extractor_key": "Album", "title": "An album"}
    return lists.looked_at({**found, "entries": entries, **more})


def read(entries: Any, most: int = 50, **more: Any) -> MediaList | None:
    return lists.read(playlist(entries, **more), most)


def test_a_list_is_told_with_its_items() -> None:
    found = read([entry(1, duration=60), entry(2, duration=30.5)])
    items = (
        ListItem("https://a.test/1", "No. 1", 60.0),
        ListItem("https://a.test/2", "No. 2", 30.5),
    )
    assert found == MediaList("An album", items, 2)
    assert (found.is_whole, found.total_s) == (True, 90.5)
    assert list_from_json(to_json(found)) == found


@pytest.mark.parametrize(
    ("entries", "more"),
    [
        ([], {}),
        ([entry(1)], {}),
        ([entry(1), entry(1)], {}),
        ([{"_type": "video", "url": "https://a.test/v", "formats": []}, entry(2)], {}),
        ([entry(1, ie_key="Album"), entry(2, ie_key="Album")], {}),
        ([entry(1), entry(2)], {"extractor_key": "Generic"}),
        ([entry(1, url="abc"), entry(2)], {}),
        ([entry(1, url="ftp://a.test/1"), entry(2)], {}),
        ([None, "rubbish", entry(1)], {}),
    ],
    ids=["empty", "one", "one twice", "a post", "tabs", "a page", "an id", "ftp", "rubbish"],
)
def test_what_is_no_list_goes_on_as_before(entries: list[Any], more: dict[str, Any]) -> None:
    assert read(entries, **more) is None
    assert list(playlist(entries, **more)["entries"]) == entries


def test_the_entries_of_a_feed_are_a_list() -> None:
    feed = [entry(number, _type="url_transparent") for number in (1, 2)]
    found = read(feed, extractor_key="Generic")
    assert found
    assert found.count == 2


@pytest.mark.parametrize(("said", "count"), [(200, 200), (None, None), (3, None), ("x", None)])
def test_a_long_list_is_bounded(said: Any, count: int | None) -> None:
    found = read(map(entry, range(200)), most=5, playlist_count=said)
    assert found
    assert [item.url for item in found.items] == [f"https://a.test/{n}" for n in range(5)]
    assert (found.count, found.is_whole, found.total_s) == (count, False, None)


def test_an_endless_mix_is_read_as_far_as_it_is_needed() -> None:
    asked: list[int] = []

    def mix() -> Iterator[dict[str, Any]]:
        for number in itertools.count():
            asked.append(number)
            yield entry(number % 7)

    assert (found := read(mix(), most=5))
    assert len(found.items) == 5
    assert len(asked) < 12
    # One that goes round in circles has an end.
    assert (found := read(mix(), most=50))
    assert found.count == 7


def test_a_list_in_pages_is_read_as_far_as_it_is_needed() -> None:
    pages: list[int] = []

    def page(number: int) -> Iterator[dict[str, Any]]:
        pages.append(number)
        return map(entry, range(number * 10, number * 10 + 10))

    found = read(OnDemandPagedList(page, 10), most=12)
    assert found
    assert len(found.items) == 12
    assert pages == [0, 1, 2]


def test_what_a_site_has_told_before_it_failed_is_taken() -> None:
    def failing(after: int) -> Iterator[dict[str, Any]]:
        yield from map(entry, range(after))
        raise ExtractorError("no more pages")

    assert (found := read(failing(3)))
    assert len(found.items) == 3
    with pytest.raises(ExtractorError):
        read(failing(1))


def test_what_strangers_say_of_items_is_not_believed() -> None:
    first = entry(1, duration=float("inf"), title="\u202eevil\n" + "x" * 500)
    found = read([first, entry(2, duration="x"), entry(3, duration=-1, title=None)])
    assert found
    assert [item.duration_s for item in found.items] == [None] * 3
    assert [len(item.title) for item in found.items] == [lists.ITEM_TITLE_LIMIT, 5, 0]
    assert "\u202e" not in found.items[0].title
