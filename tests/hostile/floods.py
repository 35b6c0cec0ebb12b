"""Pages, manifests and files without end or measure. Each is put on a `Web` and answers its URL."""

from __future__ import annotations

import functools
import gzip
import itertools
import json
import struct
import zlib
from collections.abc import Iterator

import brotli  # type: ignore[import-untyped]

from tests.hostile.web import Answer, Handler, Web, content, redirect, stream

HLS, DASH = "application/vnd.apple.mpegurl", "application/dash+xml"
VIDEO, PAGE, FEED = "video/mp4", "text/html", "application/rss+xml"
PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n"
LATER = "#EXT-X-MEDIA-SEQUENCE:100\n"
END = "#EXT-X-ENDLIST\n"
MPD = '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"'


def put(web: Web, path: str, answer: Answer) -> str:
    web.answers[path] = answer
    return web.url + path


def for_ever(piece: bytes, web: Web, head: bytes = b"", pause_s: float = 0.0) -> Iterator[bytes]:
    yield head
    while not web.stopping.wait(pause_s):
        yield piece


# ------------------------------------------------------------------------------------- files


def an_endless_file(web: Web) -> str:
    return put(web, "/a.mp4", stream(lambda: for_ever(bytes(65536), web), VIDEO))


def a_file_in_drops(web: Web) -> str:
    return put(web, "/a.mp4", stream(lambda: for_ever(b"x", web, pause_s=0.05), VIDEO))


def a_slow_file(web: Web) -> str:
    pieces = lambda: for_ever(bytes(4096), web, bytes(65536), pause_s=0.05)  # noqa: E731
    return put(web, "/a.mp4", stream(pieces, VIDEO))


def headers_in_drops(web: Web) -> str:
    def answer(handler: Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for number in itertools.count():
            if web.stopping.wait(0.2):
                return
            handler.wfile.write(b"X-%d: 1\r\n" % number)

    return put(web, "/a", answer)


@functools.cache
def _gzipped(piece: bytes, times: int, head: bytes = b"") -> bytes:
    """A piece so many times, packed. It takes half a second, and several tests send the same."""
    return gzip.compress(head + piece * times, 1)


@functools.cache
def _in_brotli(piece: bytes, times: int) -> bytes:
    packed: bytes = brotli.compress(piece * times, quality=1)
    return packed


def a_file_that_unpacks_without_end(web: Web) -> str:
    packed = _gzipped(b"\0", 1 << 28)
    return put(web, "/a.mp4", content(packed, VIDEO, Content_Encoding="gzip"))


def a_file_that_is_packed_twice(web: Web) -> str:
    packed = gzip.compress(_gzipped(b"\0", 1 << 28), 1)
    return put(web, "/a.mp4", content(packed, VIDEO, Content_Encoding="gzip, gzip"))


def a_file_in_brotli_that_unpacks_without_end(web: Web) -> str:
    packed = _in_brotli(b"\0", 1 << 28)
    return put(web, "/a.mp4", content(packed, VIDEO, Content_Encoding="br"))


def a_file_that_is_packed_a_hundred_times(web: Web) -> str:
    encodings = ", ".join(["gzip"] * 100)
    return put(web, "/a.mp4", content(bytes(1000), VIDEO, Content_Encoding=encodings))


# --------------------------------------------------------------------------------- manifests


def a_playlist_of_a_hundred_thousand_pieces(web: Web) -> str:
    text = PLAYLIST + "#EXTINF:0.001,\n0.ts\n" * 100_000 + END
    return put(web, "/a.m3u8", content(text, HLS))


def a_playlist_of_a_million_pieces(web: Web) -> str:
    lines = "".join(f"#EXTINF:1,\nsegment-{number}.ts\n" for number in range(1_000_000))
    return put(web, "/a.m3u8", content(PLAYLIST + lines + END, HLS))


def an_endless_playlist(web: Web) -> str:
    piece = b"#EXTINF:1,\n0.ts\n" * 1000
    return put(web, "/a.m3u8", stream(lambda: for_ever(piece, web, PLAYLIST.encode()), HLS))


def _dash_of(pieces: int) -> str:
    return f"""{MPD} type="static" mediaPresentationDuration="PT{pieces}S"><Period>
<AdaptationSet mimeType="video/mp4"><SegmentTemplate timescale="1" duration="1"
media="$Number$.m4s" initialization="0.m4s"/><Representation id="1" bandwidth="1000"/>
</AdaptationSet></Period></MPD>"""


def a_manifest_of_a_hundred_thousand_pieces(web: Web) -> str:
    return put(web, "/a.mpd", content(_dash_of(100_000), DASH))


def a_manifest_of_a_billion_pieces(web: Web) -> str:
    return put(web, "/a.mpd", content(_dash_of(1_000_000_000), DASH))


def a_manifest_that_multiplies(web: Web) -> str:
    names = [f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12)]
    entities = f'<!DOCTYPE l [<!ENTITY a0 "ha">{"".join(names)}]>'
    text = f'<?xml version="1.0"?>{entities}<MPD xmlns="urn:mpeg:dash:schema:mpd:2011">&a11;</MPD>'
    return put(web, "/a.mpd", content(text, DASH))


def a_live_playlist(web: Web) -> str:
    return put(web, "/a.m3u8", content(PLAYLIST + LATER + "#EXTINF:1,\n0.ts\n" * 3, HLS))


def a_live_manifest(web: Web) -> str:
    text = f"""{MPD} type="dynamic"><Period><AdaptationSet mimeType="video/mp4">
<Representation id="1" bandwidth="1000"><BaseURL>a.mp4</BaseURL></Representation>
</AdaptationSet></Period></MPD>"""
    return put(web, "/a.mpd", content(text, DASH))


# ------------------------------------------------------------------------------------- pages


def a_redirect_to_itself(web: Web) -> str:
    return put(web, "/a", redirect("/a?again"))


def a_page_that_forwards_to_itself(web: Web) -> str:
    numbers = itertools.count()

    def answer(handler: Handler) -> None:
        target = f"/a?{next(numbers)}"
        content(f'<html><meta http-equiv="refresh" content="0; url={target}"></html>')(handler)

    return put(web, "/a", answer)


def an_endless_page(web: Web) -> str:
    return put(web, "/a", stream(lambda: for_ever(b"<p>ha</p>" * 1000, web, b"<html>"), PAGE))


def an_endless_feed(web: Web) -> str:
    head = b'<?xml version="1.0"?><rss version="2.0"><channel><title>t</title>'
    item = b"<item><title>a</title><link>/a.mp4</link></item>" * 1000
    return put(web, "/a", stream(lambda: for_ever(item, web, head), FEED))


def a_page_that_unpacks_without_end(web: Web) -> str:
    packed = _gzipped(b"<p>ha</p>\n", 20 << 20)
    return put(web, "/a", content(packed, PAGE, Content_Encoding="gzip"))


def a_page_that_is_packed_twice(web: Web) -> str:
    packed = gzip.compress(_gzipped(b"<p>ha</p>\n", 20 << 20), 1)
    return put(web, "/a", content(packed, PAGE, Content_Encoding="gzip, gzip"))


def a_page_in_brotli_that_unpacks_without_end(web: Web) -> str:
    packed = _in_brotli(b"<p>ha</p>\n", 20 << 20)
    return put(web, "/a", content(packed, PAGE, Content_Encoding="br"))


def a_playlist_that_unpacks_without_end(web: Web) -> str:
    packed = _gzipped(b"\n", 200 << 20, PLAYLIST.encode())
    return put(web, "/a.m3u8", content(packed, HLS, Content_Encoding="gzip"))


def a_key_without_end(web: Web) -> str:
    put(web, "/key", stream(lambda: for_ever(bytes(65536), web), "application/octet-stream"))
    key = '#EXT-X-KEY:METHOD=AES-128,URI="key"\n'
    return put(web, "/a.m3u8", content(f"{PLAYLIST}{key}#EXTINF:1,\n0.ts\n{END}", HLS))


def _page_about(video: dict[str, str]) -> str:
    data = json.dumps({"@context": "https://schema.org", "@type": "VideoObject", **video})
    script = f'<script type="application/ld+json">{data}</script>'
    return f"<html><head><title>t</title>{script}</head><body></body></html>"


def a_film_of_four_hours(web: Web) -> str:
    target = put(web, "/a.mp4", stream(lambda: iter([bytes(5000)]), VIDEO))
    film = {"name": "n", "contentUrl": target, "duration": "PT4H", "uploadDate": "2020-01-01"}
    return put(web, "/a", content(_page_about(film)))


def a_page_of_brackets(web: Web) -> str:
    script = f'<script type="application/ld+json">{"[" * 50_000}{"]" * 50_000}</script>'
    return put(web, "/a", content(f"<html><title>t</title>{script}</html>"))


def a_page_that_calls_itself_a_video(web: Web) -> str:
    tag = '<meta property="og:video" content="/a.html">'
    return put(web, "/a.html", content(f"<html><head><title>t</title>{tag}</head></html>"))


# ------------------------------------------------------------------------------------ images


def png(side: int) -> bytes:
    """A black square of one bit a pixel: next to nothing until it is unpacked."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack("!I", len(data)) + name + data + struct.pack("!I", zlib.crc32(name + data))
        )

    header = chunk(b"IHDR", struct.pack("!IIBBBBB", side, side, 1, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes((side // 8 + 1) * side)))
    return b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b"")
