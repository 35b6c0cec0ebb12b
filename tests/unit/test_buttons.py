"""Data of buttons: short enough for Telegram, and read again as it was written."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.form import Clip, Form
from worker.protocol import AnswerButton, Stage
from worker.protocol.as_json import answer_from_json, to_json
from worker.protocol.choices import (
    Chapter,
    Language,
    Menu,
    Page,
    Quality,
    Subtitles,
    menu_from_json,
)
from worker.telegram.buttons import MAX_DATA_BYTES, Button, pack, status_rows, unpack
from worker.telegram.choices import menu_rows
from worker.telegram.texts import ENGLISH


@given(st.from_regex(r"[a-z]{1,12}", fullmatch=True), st.integers(0, 2**63))
def test_data_is_read_as_it_was_written(action: str, argument: int) -> None:
    assert unpack(pack(action, argument)) == (action, str(argument))


def test_data_may_fill_all_that_telegram_takes() -> None:
    full = pack("a", "x" * (MAX_DATA_BYTES - 2))
    assert len(full.encode()) == MAX_DATA_BYTES
    assert unpack(full) == ("a", "x" * (MAX_DATA_BYTES - 2))


@pytest.mark.parametrize(
    ("action", "argument"),
    [("a", "x" * (MAX_DATA_BYTES - 1)), ("a", ""), ("", "x"), ("A", "x"), ("a", "é"), ("a", "x y")],
)
def test_data_that_could_not_be_read_again_is_refused(action: str, argument: str) -> None:
    with pytest.raises(ValueError, match="no data for a button"):
        pack(action, argument)


@pytest.mark.parametrize("data", ["", "cancel", ":1", "cancel:", "cancel:1\n", " cancel:1"])
def test_data_of_no_button_of_ours_is_no_action(data: str) -> None:
    assert unpack(data) == ("", "")


QUALITIES = (
    Quality(1080, 90_000_000, 2),
    Quality(720, 34_000_000, fps=60, is_hdr=True),
    Quality(480),
    Quality(360, 7, 0),
)


MENU = Menu(7, 50, 17, has_qualities=True, has_description=True)
BACK = Button("Back", "choices:17")


def test_below_an_answer_there_is_what_can_be_chosen() -> None:
    sound, more = Button("Sound", "form:17.sound"), Button("More", "more:17")
    assert menu_rows(ENGLISH, MENU) == [[sound, Button("Quality", "qualities:17"), more]]
    assert menu_rows(ENGLISH, replace(MENU, has_qualities=False)) == [[sound, more]]
    assert menu_rows(ENGLISH, replace(MENU, has_qualities=False, is_song=True)) == [[more]]
    in_list = replace(MENU, has_qualities=False, names_list=True)
    whole = Button("Whole list", "form:17.all.list")
    assert menu_rows(ENGLISH, in_list) == [[sound, more], [whole]]


def test_qualities_have_a_button_each() -> None:
    menu = replace(MENU, page=Page.QUALITIES, qualities=QUALITIES)
    assert menu_rows(ENGLISH, menu) == [
        [Button("1080p · 90.0 MB · in 2 parts", "form:17.1080p")],
        [Button("720p · 60 fps · HDR · 34.0 MB", "form:17.720p")],
        [Button("480p", "form:17.480p")],
        [Button("360p · 0 kB · too large", "form:17.360p")],
        [Button("As a file", "form:17.all.file")],
        [BACK],
    ]


def test_there_is_more_on_a_page_of_its_own() -> None:
    menu = replace(MENU, page=Page.MORE)
    rows = [
        [
            Button("M4A", "form:17.m4a"),
            Button("MP3 192", "form:17.mp3-192"),
            Button("MP3 320", "form:17.mp3-320"),
        ],
        [
            Button("Voice message", "form:17.voice"),
            Button("As a file", "form:17.all.file"),
            Button("Cover", "form:17.cover"),
        ],
    ]
    description = [Button("Description", "description:17")]
    assert menu_rows(ENGLISH, menu) == [*rows, description, [BACK]]
    assert menu_rows(ENGLISH, replace(menu, has_description=False)) == [*rows, [BACK]]


def test_chapters_have_a_button_each() -> None:
    chapters = (
        Chapter("A begin", 0, 80.5),
        Chapter("", 80.5, 90),
        Chapter("Of no time", 90, 90),
        Chapter("A title\n" + "long " * 20, 3700, 3800),
    )
    menu = replace(MENU, page=Page.CHAPTERS, chapters=chapters, sheets=1)
    assert menu_rows(ENGLISH, menu) == [
        [Button("0:00 · A begin", "form:17.all.c0-8050")],
        [Button("1:20.5 · Link", "form:17.all.c8050-9000")],
        [Button(f"1:01:40 · A title {'long ' * 7}long…", "form:17.all.c370000-380000")],
        [BACK],
    ]
    spoken = menu_rows(ENGLISH, replace(menu, code="all.s-de"))
    assert spoken[0] == [Button("0:00 · A begin", "form:17.all.c0-8050.s-de")]
    turns = [Button("◀", "chapters:17.0"), Button("2/3", "chapters:17.1")]
    more = replace(menu, chapters=chapters[:1], sheet=1, sheets=3)
    assert menu_rows(ENGLISH, more)[1] == [*turns, Button("▶", "chapters:17.2")]
    there = menu_rows(ENGLISH, replace(MENU, page=Page.MORE, sheets=1))
    assert there[2] == [Button("Chapters", "chapters:17"), Button("Description", "description:17")]


def test_languages_have_a_button_each() -> None:
    languages = (
        Language("en-us", is_original=True),
        Language("de", is_dubbed=True),
        Language("fr"),
        Language("tlh"),
    )
    menu = replace(MENU, page=Page.LANGUAGES, code="720p.a-de", languages=languages)
    assert menu_rows(ENGLISH, menu) == [
        [Button("English (US), original", "form:17.720p")],
        [Button("German, dubbed", "form:17.720p.a-de")],
        [Button("French", "form:17.720p.a-fr")],
        [Button("tlh", "form:17.720p.a-tlh")],
        [BACK],
    ]
    there = menu_rows(ENGLISH, replace(MENU, page=Page.MORE, has_languages=True))
    assert [Button("Language", "languages:17")] in there


def test_subtitles_come_as_a_file_or_in_the_video() -> None:
    listed = (Subtitles("en-gb"), Subtitles("fr", is_automatic=True))
    menu = replace(MENU, page=Page.SUBTITLES, code="720p.a-de", subtitles=listed)
    alone = [
        [Button("English (GB)", "form:17.subs.s-en-gb")],
        [Button("French, automatic", "form:17.subs.s-fr")],
    ]
    assert menu_rows(ENGLISH, menu) == [
        [*alone[0], Button("In the video", "form:17.720p.s-en-gb.a-de")],
        [*alone[1], Button("In the video", "form:17.720p.s-fr.a-de")],
        [BACK],
    ]
    sound, *_ = menu_rows(ENGLISH, replace(MENU, code="720p.s-fr"))[0]
    assert sound.data == "form:17.sound"
    assert menu_rows(ENGLISH, replace(menu, is_song=True)) == [*alone, [BACK]]
    of_clip = Button("In the video", "form:17.720p.c0-100.s-fr")
    assert menu_rows(ENGLISH, replace(menu, code="720p.c0-100"))[1] == [*alone[1], of_clip]
    there = menu_rows(ENGLISH, replace(MENU, page=Page.MORE, has_subtitles=True))
    assert [Button("Subtitles", "subtitles:17")] in there


def test_menu_that_ended_by_itself_says_so() -> None:
    first, closed = menu_rows(ENGLISH, replace(MENU, has_expired=True))
    assert first == menu_rows(ENGLISH, MENU)[0]
    assert closed == [Button("Closed after 15 minutes", "choices:17")]


def test_what_else_an_answers_form_says_is_said_of_the_others() -> None:
    clip = replace(MENU, code=Form(max_height=480, clip=Clip(100, 250)).code)
    (sound, _, _), *_ = menu_rows(ENGLISH, clip)
    assert sound.data == "form:17.sound.c100-250"
    ((voice, file, cover), *_) = menu_rows(ENGLISH, replace(clip, page=Page.MORE))[1:]
    assert (voice.data, file.data) == ("form:17.voice.c100-250", "form:17.all.file.c100-250")
    assert cover.data == "form:17.cover"


@pytest.mark.parametrize(
    "menu",
    [
        replace(MENU, page=Page.QUALITIES, qualities=QUALITIES),
        replace(MENU, page=Page.MORE, is_song=True, code="480p"),
        replace(MENU, page=Page.CHAPTERS, chapters=(Chapter("x", 0, 1.5),), sheet=1, sheets=2),
        replace(MENU, page=Page.LANGUAGES, has_languages=True, languages=(Language("de"),)),
        replace(MENU, page=Page.SUBTITLES, has_subtitles=True, subtitles=(Subtitles("de"),)),
        replace(MENU, has_expired=True),
    ],
)
def test_a_menu_is_read_again_as_it_was_written(menu: Menu) -> None:
    answer = AnswerButton("42", "en", None, menu)
    assert answer_from_json(json.loads(json.dumps(to_json(answer)))) == answer


def test_menu_of_the_version_before_is_read() -> None:
    assert answer_from_json({"callback_id": "42", "language": "en", "notice": None}).menu is None
    before = {"chat_id": 7, "message_id": 50, "request_id": 17, "has_qualities": True}
    quality = {"height": 480, "size_bytes": None, "messages": 1}
    assert menu_from_json({**before, "qualities": []}).page is Page.FIRST
    assert menu_from_json({**before, "qualities": [quality]}).page is Page.QUALITIES


def test_cancel_is_one_button_in_one_row() -> None:
    assert status_rows(ENGLISH, 17, Stage.DOWNLOADING) == [[Button("Cancel", "cancel:17")]]
