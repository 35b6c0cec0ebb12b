"""What the media site has in several languages: the sound, once by a machine, and subtitles."""

from __future__ import annotations

import re

from .site_connection import Route, SiteConnection

FOLDER = "/languages/"
TEXTS = {
    "en": ("Good morning", "and good night"),
    "de": ("Guten Morgen", "und gute Nacht"),
}
"""What is said in the first second, and what in the last, by the language of the subtitles."""

# What a player shows for each language of the sound, of which a machine speaks one.
_SOUNDS = {"en": "English (original)", "de": "German (dubbed)", "fr": "French"}
_STREAM = 'BANDWIDTH=200000,RESOLUTION=320x240,CODECS="avc1.64000d,mp4a.40.2"'
_FILE = re.compile(r"(?P<kind>sound|texts)-(?P<tag>[a-z]{2})\.(?P<suffix>m3u8|vtt)")


def _languages(to: SiteConnection, path: str, query: dict[str, str]) -> None:
    """A film in three languages with subtitles in two: its playlists, and the texts."""
    name = path.removeprefix(FOLDER)
    found = _FILE.fullmatch(name)
    if name == "master.m3u8":
        _send_playlist(to, _master())
    elif found and found["kind"] == "sound" and found["tag"] in _SOUNDS:
        _send_playlist(to, _whole(f"/audio.m4a?{found['tag']}"))
    elif found and found["kind"] == "texts" and found["tag"] in TEXTS:
        if found["suffix"] == "vtt":
            to.send_bytes(_vtt(*TEXTS[found["tag"]]).encode(), "text/vtt; charset=utf-8")
        else:
            _send_playlist(to, _whole(f"{FOLDER}texts-{found['tag']}.vtt"))
    else:
        to.fail(404)


def _spoken(to: SiteConnection, path: str, query: dict[str, str]) -> None:
    """A page with a film, and with subtitles beside it as files."""
    tracks = "".join(
        f'<track kind="subtitles" srclang="{tag}" src="{FOLDER}texts-{tag}.vtt">' for tag in TEXTS
    )
    film = f'<video><source src="/clip/spoken.mp4" type="video/mp4">{tracks}</video>'
    to.send_page(f"<!doctype html><title>A talk</title>{film}")


def _master() -> str:
    sounds = [
        f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="{name}",LANGUAGE="{tag}",'
        f'URI="{FOLDER}sound-{tag}.m3u8"'
        for tag, name in _SOUNDS.items()
    ]
    texts = [
        f'#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="texts",NAME="{tag}",LANGUAGE="{tag}",'
        f'URI="{FOLDER}texts-{tag}.m3u8"'
        for tag in TEXTS
    ]
    stream = f'#EXT-X-STREAM-INF:{_STREAM},AUDIO="sound",SUBTITLES="texts"\n/hls/media.m3u8'
    return "\n".join((*sounds, *texts, stream))


def _whole(file: str) -> str:
    """A playlist of one piece, which is all of it."""
    return f"#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n{file}\n#EXT-X-ENDLIST"


def _send_playlist(to: SiteConnection, lines: str) -> None:
    to.send_bytes(f"#EXTM3U\n{lines}\n".encode(), "application/vnd.apple.mpegurl")


def _vtt(first: str, last: str) -> str:
    return f"WEBVTT\n\n00:00.000 --> 00:01.000\n{first}\n\n00:02.000 --> 00:03.000\n{last}\n"


ROUTES: dict[str, Route] = {FOLDER: _languages, "/spoken.html": _spoken}
