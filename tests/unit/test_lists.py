"""Which playlists are lists, what is known of them, and how their items are named."""

import doctest
import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from yt_dlp.utils import ExtractorError, OnDemandPagedList

import worker.lists
from tests.support.updates import said
from worker.as_json import to_json
from worker.downloads.ytdlp import lists
from worker.effects import (
    CancelRest,
    NameItems,
    OpenRequest,
    ShowItems,
    TakeItems,
    TryFailedAgain,
)
from worker.form import WHOLE_LIST
from worker.lists import (
    MAX_CODE,
    MAX_ITEMS,
    Failure,
    ListItem,
    ListMenu,
    MediaList,
    Summary,
    in_ranges,
    list_from_json,
    names_list,
    numbers_in,
    packed,
    unpacked,
)
from worker.telegram import texts
from worker.telegram.buttons import MAX_DATA_BYTES, pack
from worker.telegram.handlers import handle_update
from worker.telegram.lists import list_rows, summary_rows
from worker.telegram.people import People
from worker.telegram.presses import handle_press
from worker.telegram.texts import ENGLISH

ANYBODY = People(frozenset(), frozenset())


def entry(number: int, **more: Any) -> dict[str, Any]:
    url = f"https://a.test/{number}"
    return {"_type": "url", "ie_key": "Video", "url": url, "title": f"No. {number}", **more}


def playlist(entries: Any, **more: Any) -> dict[str, Any]:
    found = {"_type": "playlist", "extractor_key": "Album", "title": "An album"}
    return lists.looked_at({**found, "entries": entries, **more})


def read(entries: Any, most: int = 50, **more: Any) -> MediaList | None:
    return lists.read(playlist(entries, **more), most)


# ------------------------------------------------------------------------------- recognition


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


# ------------------------------------------------------------------------------------ numbers


@pytest.mark.parametrize("numbers", [(), (1,), (5, 8, 9), tuple(range(1, MAX_ITEMS + 1)), (200,)])
def test_marks_fit_into_a_button(numbers: tuple[int, ...]) -> None:
    code = packed(numbers)
    assert unpacked(code) == numbers
    assert len(code) <= MAX_CODE
    assert len(pack("items", f"{10**18 - 1}.19.{code}")) <= MAX_DATA_BYTES


@pytest.mark.parametrize("code", ["", "A", "!", "AAA", "Bw==", "_" * 34, "A" * 400, "Bw.1"])
def test_other_marks_are_refused(code: str) -> None:
    with pytest.raises(ValueError, match="no numbers"):
        unpacked(code)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("3", (3,)),
        (" 3-5, 7 ", (3, 4, 5, 7)),
        ("7;3 5", (3, 5, 7)),
        ("5-3", ()),
        ("0", ()),
        ("199-999", (199, 200)),
        ("", ()),
        ("3 please", ()),
        ("-3", ()),
        ("1000", ()),
        ("1," * 400 + "1", ()),
        ("٣", ()),
    ],
)
def test_numbers_as_people_write_them(text: str, numbers: tuple[int, ...]) -> None:
    assert numbers_in(text) == numbers


def test_ranges_are_read_as_they_are_written() -> None:
    assert in_ranges((1, 2, 3, 7, 9, 10)) == "1-3, 7, 9-10"
    assert numbers_in(in_ranges((1, 2, 3, 7, 9, 10))) == (1, 2, 3, 7, 9, 10)


def test_the_examples_hold() -> None:
    assert doctest.testmod(worker.lists).failed == 0


@pytest.mark.parametrize(
    ("link", "does"),
    [
        ("https://www.youtube.com/watch?v=a&list=PLx", True),
        ("https://youtu.be/a?list=RDa", True),
        ("https://www.dailymotion.com/video/x1?playlist=x2", True),
        ("https://www.youtube.com/watch?v=a", False),
        ("https://www.youtube.com/watch?v=a&list=WL", False),
        ("https://www.youtube.com/playlist?list=PLx", False),
        ("https://a.test/watch?v=a&list=PLx", False),
    ],
)
def test_which_links_name_a_video_and_its_list(link: str, does: bool) -> None:
    assert names_list(link) is does


# ------------------------------------------------------------------------- buttons and texts


def pressed(data: str) -> Any:
    message = {"message_id": 50, "chat": {"id": 7, "type": "private"}}
    query = {"id": "42", "from": {"id": 7}, "message": message, "data": data}
    (effect,) = handle_press(query, ANYBODY)
    return effect


def a_menu(count: int, page: int | None = None, *chosen: int, of: int | None = -1) -> ListMenu:
    items = tuple(ListItem(f"https://a.test/{n}", f"No. {n}", 130.0) for n in range(1, count + 1))
    found = MediaList("An album", items, count if of == -1 else of)
    return ListMenu(7, 50, 1, found, page, chosen)


def labels(menu: ListMenu) -> list[list[str]]:
    return [[button.text for button in row] for row in list_rows(ENGLISH, menu)]


@pytest.mark.parametrize(
    ("count", "of", "offered"),
    [
        (3, 3, ["All 3"]),
        (12, 12, ["First 5", "All 12"]),
        (50, 50, ["First 5", "First 20", "All 50"]),
        (50, 200, ["First 5", "First 20", "First 50"]),
        (50, None, ["First 5", "First 20", "First 50"]),
    ],
)
def test_what_a_list_offers(count: int, of: int | None, offered: list[str]) -> None:
    menu = a_menu(count, of=of)
    assert labels(menu) == [offered, ["Choose"]]
    takes = [pressed(button.data) for button in list_rows(ENGLISH, menu)[0]]
    assert all(isinstance(effect, TakeItems) for effect in takes)
    assert takes[-1].numbers == tuple(range(1, count + 1))


def test_a_page_to_choose_from() -> None:
    menu = a_menu(12, 1, 3, 11)
    assert labels(menu) == [
        ["✓ 11. No. 11 · 2:10"],
        ["12. No. 12 · 2:10"],
        ["◀", "2/2", "▶"],
        ["Get 2", "Back"],
    ]
    assert labels(a_menu(2, 0))[-1] == ["Back"]
    rows = list_rows(ENGLISH, menu)
    assert pressed(rows[0][0].data).chosen == (3,)
    assert pressed(rows[1][0].data).chosen == (3, 11, 12)
    assert [pressed(button.data).page for button in rows[2]] == [0, 1, 0]
    assert pressed(rows[3][0].data).numbers == (3, 11)
    assert pressed(rows[3][1].data) == ShowItems(1, None, (), pressed("list:1").press)


def test_a_summary_has_the_button_that_helps() -> None:
    (((rest,),), ((again,),)) = (
        summary_rows(ENGLISH, 3, Summary("", waiting=1)),
        summary_rows(ENGLISH, 3, Summary("", can_try_again=True)),
    )
    assert isinstance(pressed(rest.data), CancelRest)
    assert isinstance(pressed(again.data), TryFailedAgain)
    assert summary_rows(ENGLISH, 3, Summary("", done=1)) == ()


@pytest.mark.parametrize(
    "data", ["take:1.!", "take:1", "items:1", "items:1.x.AA", "items:1.1.", "rest:x", "again:1.2"]
)
def test_forged_data_is_a_dead_button(data: str) -> None:
    assert pressed(data).notice.about == "dead button"


def test_what_is_said_of_a_list() -> None:
    assert texts.found_list(ENGLISH, a_menu(2).found).splitlines()[:2] == [
        "An album",
        "2 items · 4:20",
    ]
    assert "200 items\nI can get the first 3." in texts.found_list(ENGLISH, a_menu(3, of=200).found)
    assert "I see no end to it" in texts.found_list(ENGLISH, a_menu(3, of=None).found)


def test_what_is_said_of_those_that_were_taken() -> None:
    failures = (Failure("private", (3, 4, 5, 9)), Failure(None, (7,)))
    state = Summary("An album", 2, 1, 3, failures, is_held=True)
    assert texts.summary(ENGLISH, state).splitlines() == [
        "An album",
        "Done: 2 · Waiting: 1 · Failed: 5 · Cancelled: 3",
        "3-5, 9: This is private, so I cannot get it.",
        "7: Something went wrong on my side.",
        "You have sent a lot of links, so the others come a little later.",
    ]


def test_the_longest_summary_fits_a_message() -> None:
    failures = tuple(
        Failure(reason, tuple(range(start, 201, 30)))
        for start, reason in enumerate(ENGLISH.reasons, 1)
    )
    assert len(texts.summary(ENGLISH, Summary("x" * 999, failures=failures))) <= 4096


def test_the_list_of_a_video_is_asked_for_by_command() -> None:
    (link,) = handle_update(said("/playlist https://www.youtube.com/watch?v=a&list=b"))
    assert isinstance(link, OpenRequest)
    assert link.form == WHOLE_LIST


def answer_to(author: dict[str, Any], text: str) -> Any:
    update: Any = said(text)
    update["message"]["reply_to_message"] = {"message_id": 50, "from": author}
    return handle_update(update)


BOT = {"id": 1, "is_bot": True}


def test_numbers_that_answer_a_bot_name_items() -> None:
    (named,) = answer_to(BOT, "2-3, 7")
    assert isinstance(named, NameItems)
    assert (named.list_message_id, named.numbers, named.says_nothing_found) == (50, (2, 3, 7), True)


@pytest.mark.parametrize(
    ("author", "text"), [({"id": 5}, "3"), (BOT, "three"), (BOT, "/cancel"), (BOT, "0")]
)
def test_other_answers_name_none(author: dict[str, Any], text: str) -> None:
    assert not any(isinstance(effect, NameItems) for effect in answer_to(author, text))
