"""What a look may say, from the process that has read a page to the person who reads it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.downloads.channel import Receiver
from worker.downloads.decoding import Garbled
from worker.downloads.reports import DownloadMessage, Looked
from worker.form import ABOUT, SEARCH
from worker.protocol import Media
from worker.protocol.as_json import media_from_json, media_to_json, to_json
from worker.protocol.choices import Quality
from worker.protocol.looks import Live, MediaLook, SearchResult
from worker.telegram.buttons import look_rows
from worker.telegram.texts import ENGLISH, look
from worker.telegram.texts.formatting import MAX_TEXT, utf16_length

FOUND = MediaLook(
    "A film",
    "Somebody",
    "2026-03-14",
    62.0,
    1,
    "First line\n\nLast line",
    Live.OVER,
    (Quality(720, 5_000_000), Quality(360)),
)
RESULTS = MediaLook(results=(SearchResult("dQw4w9WgXcQ", "A song", "A band", 212.0),))


def received(fields: Any) -> DownloadMessage:
    (message,) = Receiver().feed(json.dumps({"looked": fields}).encode() + b"\n")
    return message


@pytest.mark.parametrize("found", [FOUND, RESULTS, MediaLook()])
def test_a_look_comes_as_it_was_made(found: MediaLook) -> None:
    assert received(to_json(found)) == Looked(found)
    media = Media((), look=found)
    assert media_from_json(json.loads(json.dumps(media_to_json(media)))) == media


@pytest.mark.parametrize(
    "lie",
    [
        {"uploaded_on": "yesterday"},
        {"uploaded_on": 7},
        {"duration_s": "long"},
        {"duration_s": -1},
        {"views": 1e300},
        {"title": 7},
        {"description": ["x"]},
        {"live": "maybe"},
        {"qualities": [to_json(Quality(720))] * 13},
        {"results": [to_json(RESULTS.results[0])] * 6},
        {"results": [{**to_json(RESULTS.results[0]), "video_id": "https://x.y"}]},
        {"results": [{**to_json(RESULTS.results[0]), "video_id": "dQw4w9WgXc:"}]},
        {"results": [{}]},
        {"results": None},
    ],
    ids=str,
)
def test_what_no_look_can_find_is_refused(lie: dict[str, Any]) -> None:
    with pytest.raises(Garbled):
        received({**to_json(FOUND), **lie})


def test_lines_stay_and_what_is_hidden_in_them_goes() -> None:
    said = received({**to_json(FOUND), "description": "\n\nOne\u202e\n\n\n\ttwo\x00 \r\nthree\n"})
    assert isinstance(said, Looked)
    assert said.look.description == "One\n\ntwo\nthree"


def test_all_that_is_known_is_told() -> None:
    assert look(ENGLISH, FOUND) == (
        "A film\nSomebody · 1:02 · 2026-03-14 · 1 view\nIt was a live stream.\n\n"
        "First line\n\nLast line"
    )
    assert look(ENGLISH, MediaLook()) == "Link"
    assert look(ENGLISH, RESULTS) == "1. A song\nA band · 3:32"


@given(st.text(max_size=3000), st.text(max_size=500), st.integers(0, 10**15))
def test_a_text_fits_into_a_message(description: str, title: str, views: int) -> None:
    found = MediaLook(title * 3, title, views=views, description=description * 3)
    assert utf16_length(look(ENGLISH, found)) <= MAX_TEXT


def test_buttons_fetch_it_or_one_of_its_qualities() -> None:
    rows = look_rows(ENGLISH, 17, FOUND)
    assert [[button.data for button in row] for row in rows] == [
        ["form:17.all", "form:17.sound"],
        ["form:17.720p"],
        ["form:17.360p"],
    ]
    assert [button.data for (button,) in [*look_rows(ENGLISH, 17, RESULTS)]] == [
        "found:17.dQw4w9WgXcQ"
    ]
    assert not look_rows(ENGLISH, 17, MediaLook(live=Live.NOW))
    assert look_rows(ENGLISH, 10**18 - 1, RESULTS), "the longest data is not too long"


def test_what_is_looked_at_is_no_download() -> None:
    assert ABOUT.is_look
    assert SEARCH.is_look
