"""Lists: how their items are named, what is offered and said, and what a process may claim."""

import doctest
import json
from dataclasses import replace
from typing import Any, cast

import pytest

import worker.protocol.lists
from tests.support.updates import said
from worker.downloads.channel import Receiver
from worker.downloads.decoding import Garbled
from worker.downloads.ytdlp import lists
from worker.form import WHOLE_LIST
from worker.protocol import Delivered, Posted, Reader, ShowList, ShowSummary
from worker.protocol.as_json import to_json
from worker.protocol.effects import (
    CancelRest,
    NameItems,
    OpenRequest,
    ShowItems,
    TakeItems,
    TryFailedAgain,
)
from worker.protocol.lists import (
    MAX_CODE,
    MAX_ITEMS,
    Failure,
    Hold,
    ListItem,
    ListMenu,
    MediaList,
    Summary,
    in_ranges,
    names_list,
    numbers_in,
    packed,
    unpacked,
)
from worker.telegram import texts
from worker.telegram.buttons import MAX_DATA_BYTES, pack
from worker.telegram.client import Client
from worker.telegram.handlers import handle_update
from worker.telegram.lists import list_rows, show_list, show_summary, summary_rows
from worker.telegram.people import People
from worker.telegram.presses import handle_press
from worker.telegram.texts import ENGLISH

ANYBODY = People(frozenset(), frozenset())


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
        ("3 - 5", (3, 4, 5)),
        ("1, 3–5", (1, 3, 4, 5)),
        ("3 — 5 7", (3, 4, 5, 7)),
        ("3 -", ()),
        ("3--5", ()),
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
    assert doctest.testmod(worker.protocol.lists).failed == 0


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


def a_list(count: int, of: int | None = -1) -> MediaList:
    items = tuple(ListItem(f"https://a.test/{n}", f"No. {n}", 130.0) for n in range(1, count + 1))
    return MediaList("An album", items, count if of == -1 else of)


def a_menu(count: int, page: int | None = None, *chosen: int, is_whole: bool = True) -> ListMenu:
    items = a_list(count).items[10 * page : 10 * page + 10] if page is not None else ()
    return ListMenu(7, 50, 1, count, is_whole, page, items, chosen)


def labels(menu: ListMenu) -> list[list[str]]:
    return [[button.text for button in row] for row in list_rows(ENGLISH, menu)]


@pytest.mark.parametrize(
    ("count", "is_whole", "offered"),
    [
        (3, True, ["All 3"]),
        (12, True, ["First 5", "All 12"]),
        (50, True, ["First 5", "First 20", "All 50"]),
        (50, False, ["First 5", "First 20", "First 50"]),
    ],
)
def test_what_a_list_offers(count: int, is_whole: bool, offered: list[str]) -> None:
    menu = a_menu(count, is_whole=is_whole)
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


def test_first_buttons_say_that_a_page_has_closed() -> None:
    *rows, (said,) = list_rows(ENGLISH, replace(a_menu(3), has_expired=True))
    assert rows == list_rows(ENGLISH, a_menu(3))
    assert (said.text, said.data) == ("Closed after 15 minutes", "list:1")


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
    assert texts.found_list(ENGLISH, a_list(2)).splitlines()[:2] == [
        "An album",
        "2 items · 4:20",
    ]
    assert "200 items\nI can get the first 3." in texts.found_list(ENGLISH, a_list(3, 200))
    assert "It seems endless; I can get the first 3." in texts.found_list(ENGLISH, a_list(3, None))


def test_what_is_said_of_those_that_were_taken() -> None:
    failures = (Failure("private", (3, 4, 5, 9)), Failure(None, (7,)))
    state = Summary("An album", 2, 1, 3, failures, hold=Hold.QUOTA)
    assert texts.summary(ENGLISH, state).splitlines() == [
        "An album",
        "Done: 2 · Waiting: 1 · Failed: 5 · Cancelled: 3",
        "3-5, 9: This is private, so I cannot get it.",
        "7: Something went wrong on my side.",
        "You have sent a lot of links, so the others will come a little later.",
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


# ---------------------------------------------------------------- calls, and what processes claim


class Calls:
    """Takes the place of the client, and keeps what it was told to do."""

    def __init__(self) -> None:
        self.made: list[tuple[Any, ...]] = []

    def send_text(self, *arguments: Any, **more: Any) -> int:
        self.made.append(("send", *arguments, more))
        return 70

    def edit_text(self, *arguments: Any) -> None:
        self.made.append(("edit", *arguments))

    def delete_message(self, *arguments: Any) -> None:
        self.made.append(("delete", *arguments))


def test_a_list_that_no_message_can_become_comes_as_one_of_its_own() -> None:
    client = Calls()
    task = ShowList(Reader(7, thread_id=5), 50, a_list(3), a_menu(3), reply_to_id=9)
    assert show_list(cast("Client", client), task) == Delivered(None, message_id=70)
    text, rows = texts.found_list(ENGLISH, a_list(3)), list_rows(ENGLISH, a_menu(3))
    assert client.made == [("send", 7, text, 9, rows, {"thread_id": 5}), ("delete", 7, 50)]


def test_a_summary_is_one_message() -> None:
    client = Calls()
    task = ShowSummary(3, Reader(7), 50, None, Summary("An album", done=1))
    assert show_summary(cast("Client", client), task) == Posted(70)
    assert show_summary(cast("Client", client), replace(task, message_id=70)) == Posted(70)
    text = "An album\nDone: 1"
    assert client.made == [
        ("send", 7, text, 50, (), {"thread_id": None}),
        ("edit", 7, 70, text, ()),
    ]


def received(found: Any) -> Any:
    line = json.dumps({"finished": {"files": [], "found_list": found}})
    (message,) = Receiver().feed(line.encode() + b"\n")
    return message


def test_a_list_comes_from_a_download_as_it_was_sent() -> None:
    assert received(to_json(a_list(MAX_ITEMS, None))).found_list == a_list(MAX_ITEMS, None)


def with_item(**changes: Any) -> dict[str, Any]:
    found = to_json(a_list(3))
    return {**found, "items": [{**found["items"][0], **changes}, *found["items"][1:]]}


@pytest.mark.parametrize(
    "claimed",
    [
        to_json(a_list(MAX_ITEMS + 1)),
        to_json(a_list(1)),
        to_json(a_list(3, 2)),
        with_item(url="file:///etc/passwd"),
        with_item(url="https://user:word@a.test/1"),
        with_item(url=7),
        with_item(url="https://a.test/2"),
        with_item(duration_s=-1),
        with_item(title=["x"]),
        {"title": "x"},
        {"title": "x", "items": 3, "count": 3},
        [1],
    ],
)
def test_a_list_that_no_site_has_is_refused(claimed: Any) -> None:
    with pytest.raises(Garbled):
        received(claimed)


def test_what_a_download_says_of_an_item_is_made_harmless() -> None:
    found = received(with_item(title="\u202e" + "x" * 9999, url="HTTPS://A.test:443/é")).found_list
    assert found.items[0] == ListItem("https://a.test/%C3%A9", "x" * 300, 130.0)


def test_the_longest_list_fits_a_message() -> None:
    item = ListItem("https://a.test/" + "x" * 2000, "\U0001f600" * lists.ITEM_TITLE_LIMIT, 1e6)
    items = tuple(replace(item, url=f"{item.url}{number}") for number in range(MAX_ITEMS))
    assert len(received(to_json(MediaList("x" * 300, items, None))).found_list.items) == MAX_ITEMS
