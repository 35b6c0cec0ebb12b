"""Which videos of a page are films, and which only decorate it."""

import pytest
from yt_dlp import YoutubeDL
from yt_dlp.extractor.common import InfoExtractor

from worker.downloads.ytdlp.network import page_videos

FILM = '<video controls src="film.mp4"></video>'
LOOP = '<video autoplay muted loop playsinline src="loop.mp4"></video>'


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    parse = InfoExtractor._parse_html5_media_entries
    monkeypatch.setattr(InfoExtractor, "_parse_html5_media_entries", parse)
    page_videos.install()


def found(page: str) -> list[str]:
    """The names of the files that yt-dlp finds in a page."""
    extractor = InfoExtractor(YoutubeDL({"quiet": True}, auto_init=False))
    entries = extractor._parse_html5_media_entries("https://example.com/", page, "id")
    return [each["url"].rpartition("/")[2] for entry in entries for each in entry["formats"]]


@pytest.mark.parametrize(
    ("page", "names"),
    [
        (LOOP + FILM, ["film.mp4"]),
        (FILM + LOOP, ["film.mp4"]),
        (LOOP.upper().replace("LOOP.MP4", "loop.mp4") + FILM, ["film.mp4"]),
        ('<video muted="" loop autoplay><source src="loop.mp4"></video>' + FILM, ["film.mp4"]),
        ('<video muted loop autoplay src="loop.mp4"/>' + FILM, ["film.mp4"]),
        (LOOP + '<audio src="song.mp3"></audio>', ["song.mp3"]),
        # What can be heard, stopped or does not begin by itself is meant to be watched.
        (LOOP.replace("muted", "") + FILM, ["loop.mp4", "film.mp4"]),
        (LOOP.replace("loop ", "") + FILM, ["loop.mp4", "film.mp4"]),
        (LOOP.replace("autoplay", "controls autoplay") + FILM, ["loop.mp4", "film.mp4"]),
        # A decoration is all that there is.
        (LOOP, ["loop.mp4"]),
        (LOOP + "<video></video>", ["loop.mp4"]),
        ("", []),
    ],
)
def test_decoration_gives_way_to_a_film(page: str, names: list[str]) -> None:
    assert found(page) == names
