"""Whose words stand with a song: its site's, or its own."""

import pytest

from worker.downloads.media import contents, tags

SONG = {"title": "A song", "artist": "Ada", "album": "An album"}
DIRECT = {"direct": True, "title": "track01"}


@pytest.mark.parametrize(
    ("info", "of_the_file", "title", "artist"),
    [
        ({"title": "Site's", "uploader": "Bea"}, SONG, "Site's", "Bea"),
        ({"title": "Site's"}, SONG, "Site's", "Ada"),
        ({"title": "Site's", "channel": "Bea"}, SONG, "Site's", None),
        ({"title": " \u200b", "uploader": ""}, SONG, "A song", "Ada"),
        (DIRECT, SONG, "A song", "Ada"),
        (DIRECT, {"TITLE": "A song", "Album_Artist": "Ada"}, "A song", "Ada"),
        (DIRECT, {"album": "An album"}, "An album", None),
        (DIRECT, {"title": " ", "artist": "\u202e"}, "track01", None),
        (DIRECT, {"title": "a\u202eb\nc"}, "ab c", None),
        (DIRECT, {}, "track01", None),
    ],
)
def test_a_song_has_the_best_title_and_artist(
    info: dict[str, object], of_the_file: dict[str, str], title: str, artist: str | None
) -> None:
    stream = {"codec_type": "audio", "codec_name": "mp3"}
    for probed in (
        {"streams": [stream], "format": {"tags": of_the_file}},
        {"streams": [{**stream, "tags": of_the_file}]},
    ):
        added = tags.added(info, contents.read(probed))
        assert added["title"] == title
        assert added.get("uploader") == (artist if artist else info.get("uploader"))
