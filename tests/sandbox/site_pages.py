"""What is as it should be on the media site: its pages, its playlists, a file of any size."""

from __future__ import annotations

import json
from typing import Any

from .blobs import padded
from .clips import SAMPLE
from .feeds import feed, mountains
from .files import MEBIBYTE
from .films import FILM_S, SONG_S
from .samples import SAMPLES
from .site_connection import Route, SiteConnection

_HEAD = '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'

_QUALITIES = (
    "BANDWIDTH=200000,RESOLUTION=320x240",
    "BANDWIDTH=100000,RESOLUTION=160x120",
)
# By what is told of them one fits into no message, one into several, the others into one.
_HEIGHTS = (
    'BANDWIDTH=200000000,RESOLUTION=3840x2160,FRAME-RATE=60,CODECS="vp09.02.51.10,mp4a.40.2"',
    'BANDWIDTH=20000000,RESOLUTION=1280x720,FRAME-RATE=60,CODECS="avc1.640020,mp4a.40.2"',
    'BANDWIDTH=200000,RESOLUTION=320x240,FRAME-RATE=25,CODECS="avc1.64000d,mp4a.40.2"',
    'BANDWIDTH=100000,RESOLUTION=160x120,FRAME-RATE=25,CODECS="avc1.64000c,mp4a.40.2"',
)


def _index(to: SiteConnection, path: str, query: dict[str, str]) -> None:
    items = "".join(f'<li><a href="{p}">{p}</a>: {what}' for p, what in SAMPLES.items())
    to.send_page(f"{_HEAD.format(title='Samples')}</head><body><ul>{items}</ul></body></html>")


def _page(to: SiteConnection, path: str, query: dict[str, str]) -> None:
    video = '<video controls><source src="/clip/page.mp4" type="video/mp4"></video>'
    to.send_page(f"{_HEAD.format(title='A page')}</head><body>{video}</body></html>")


def _open_graph(to: SiteConnection, path: str, query: dict[str, str]) -> None:
    video = f"{to.site.url}/clip/og.mp4"
    picture = f"{to.site.url}/picture.jpg"
    words = "A clip that is described\nin two lines."
    _send_open_page(
        to, {"video": video, "video:type": "video/mp4", "image": picture, "description": words}
    )


def _described(to: SiteConnection, path: str, query: dict[str, str]) -> None:
    """A page that says all about its video, as schema.org has it."""
    chapters = [
        {"@type": "Clip", "name": name, "startOffset": at, "endOffset": at + 1}
        for at, name in enumerate(("Flour", "Water", "Time"))
    ]
    watched = {
        "@type": "InteractionCounter",
        "interactionType": "https://schema.org/WatchAction",
        "userInteractionCount": 12345,
    }
    _send_described(
        to,
        "VideoObject",
        name="How bread is made",
        description="Flour, water, salt.\nAnd time.",
        uploadDate="2026-03-14",
        duration="PT3S",
        contentUrl=f"{to.site.url}/clip/described.mp4",
        author={"@type": "Person", "name": "A baker"},
        hasPart=chapters,
        interactionStatistic=watched,
    )


def _film(to: SiteConnection, path: str, query: dict[str, str]) -> None:
    _send_described(
        to,
        "VideoObject",
        name="Morning in the mountains",
        description="Before the first walkers come.",
        uploadDate="2026-05-02",
        duration=f"PT{FILM_S}S",
        contentUrl=f"{to.site.url}/film/master.m3u8",
        thumbnailUrl=f"{to.site.url}/film/cover.jpg",
        author={"@type": "Person", "name": "Alma Berg"},
    )


def _song(to: SiteConnection, path: str, query: dict[str, str]) -> None:
    _send_described(
        to,
        "AudioObject",
        name="Above the clouds",
        duration=f"PT{SONG_S}S",
        contentUrl=f"{to.site.url}/song/song.m4a",
        thumbnailUrl=f"{to.site.url}/song/cover.jpg",
        author={"@type": "MusicGroup", "name": "The Ridge"},
    )


def _send_described(to: SiteConnection, kind: str, **properties: Any) -> None:
    described = {"@context": "https://schema.org", "@type": kind, **properties}
    data = f'<script type="application/ld+json">{json.dumps(described)}</script>'
    title = _HEAD.format(title=properties["name"])
    to.send_page(f"{title}{data}</head><body></body></html>")


def _photo(to: SiteConnection, path: str, query: dict[str, str]) -> None:
    _send_open_page(to, {"type": "photo", "image": f"{to.site.url}/picture.jpg"})


def _send_open_page(to: SiteConnection, properties: dict[str, str]) -> None:
    tags = "".join(
        f'<meta property="og:{name}" content="{value}">'
        for name, value in {"title": "An open page", **properties}.items()
    )
    to.send_page(f"{_HEAD.format(title='An open page')}{tags}</head><body></body></html>")


def _qualities(to: SiteConnection, path: str, query: dict[str, str]) -> None:
    variants = _HEIGHTS if path.startswith("/heights/") else _QUALITIES
    streams = "".join(f"#EXT-X-STREAM-INF:{each}\n/hls/media.m3u8\n" for each in variants)
    to.send_bytes(f"#EXTM3U\n{streams}".encode(), "application/vnd.apple.mpegurl")


def _text(to: SiteConnection, path: str, query: dict[str, str]) -> None:
    to.send_page(f"{_HEAD.format(title='Words')}</head><body><p>Only words.</body></html>")


def _feed(to: SiteConnection, path: str, query: dict[str, str]) -> None:
    to.send_bytes(feed(to.site.url, query).encode(), "application/rss+xml")


def _mountains(to: SiteConnection, path: str, query: dict[str, str]) -> None:
    to.send_bytes(mountains(to.site.url).encode(), "application/rss+xml")


def _redirect(to: SiteConnection, path: str, query: dict[str, str]) -> None:
    to.begin(302, {"Location": query.get("to", "/clip.mp4"), "Content-Length": "0"})


def _large(to: SiteConnection, path: str, query: dict[str, str]) -> None:
    size = int(float(query.get("mb", "60")) * MEBIBYTE)
    to.send_blob(padded(SAMPLE.read_bytes(), size), "video/mp4")


# A path, or a folder with its last slash.
ROUTES: dict[str, Route] = {
    "/": _index,
    "/page.html": _page,
    "/og.html": _open_graph,
    "/described.html": _described,
    "/film.html": _film,
    "/song.html": _song,
    "/photo.html": _photo,
    "/text.html": _text,
    "/feed.xml": _feed,
    "/mountains.xml": _mountains,
    "/redirect": _redirect,
    "/large.mp4": _large,
    "/qualities/": _qualities,
    "/heights/": _qualities,
}
