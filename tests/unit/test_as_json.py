"""Media as JSON, in the form that ledgers of running bots hold."""

import json
from typing import Any

from worker.protocol import Media, MediaFacts, MediaFile, MediaKind
from worker.protocol.as_json import media_from_json, media_to_json
from worker.protocol.choices import Chapter, Language, Quality, SiteOffer, Subtitles
from worker.protocol.lists import ListItem, MediaList
from worker.protocol.looks import MediaLook

FILE = {
    "path": "/d/1-1/media.mp4",
    "size_bytes": 1000,
    "source_url": "https://example.org/v",
    "facts": {
        "kind": "video",
        "title": "A film",
        "uploader": None,
        "width": 320,
        "height": 240,
        "duration_s": 3.0,
        "note": None,
        "part": 1,
        "parts": 1,
        "starts_s": None,
    },
    "thumbnail": None,
    "file_id": "id 1",
}
ROW: dict[str, Any] = {
    "files": [FILE],
    "qualities": [
        {"height": 720, "size_bytes": 1000, "messages": 1, "fps": 50, "is_hdr": False},
        {"height": 360, "size_bytes": None, "messages": 1, "fps": None, "is_hdr": False},
    ],
    "found_list": None,
    "look": None,
    "description": "Two\nlines",
    "chapters": [{"title": "Intro", "start_s": 0.0, "end_s": 9.5}],
    "languages": [{"tag": "en", "is_original": True, "is_dubbed": False}],
    "subtitles": [{"tag": "de", "is_automatic": True}],
}
"""As the bot has written it since it knows of subtitles."""

FACTS = MediaFacts(MediaKind.VIDEO, "A film", None, 320, 240, 3.0)
FILES = (MediaFile("/d/1-1/media.mp4", 1000, "https://example.org/v", FACTS, None, "id 1"),)
MEDIA = Media(
    FILES,
    SiteOffer(
        (Quality(720, 1000, fps=50), Quality(360)),
        "Two\nlines",
        (Chapter("Intro", 0.0, 9.5),),
        (Language("en", is_original=True),),
        (Subtitles("de", is_automatic=True),),
    ),
)


def test_media_in_a_ledger_is_read_and_written_as_before() -> None:
    assert media_from_json(ROW) == MEDIA
    assert json.loads(json.dumps(media_to_json(MEDIA))) == ROW


def test_media_from_before_there_were_offers_has_none() -> None:
    assert media_from_json({"files": [FILE]}) == Media(FILES)


def test_media_without_files_comes_back_from_json() -> None:
    found = MediaList("A list", (ListItem("https://a.test/1"), ListItem("https://a.test/2")), 2)
    for media in (Media((), found_list=found), Media((), look=MediaLook("A film"))):
        assert media_from_json(json.loads(json.dumps(media_to_json(media)))) == media
