"""A small media site on loopback: clips of every kind, and every way in which a site fails."""

from __future__ import annotations

import contextlib
import json
import re
import select
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from .blobs import Blob, padded
from .clips import SAMPLE, Clips, NeedsFfmpeg
from .feeds import feed
from .samples import SAMPLES
from .server import LoopbackServer

MEBIBYTE = 1024 * 1024
ENDLESS_LIMIT = 300 * MEBIBYTE
_PIECE = 2 * 1024
_PAUSE_S = 0.4
_TYPES = {
    ".mp4": "video/mp4",
    ".m4a": "audio/mp4",
    ".jpg": "image/jpeg",
    ".mp3": "audio/mpeg",
    ".m3u8": "application/vnd.apple.mpegurl",
    ".ts": "video/mp2t",
    ".mpd": "application/dash+xml",
    ".m4s": "video/iso.segment",
    ".key": "application/octet-stream",
}
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
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


@dataclass(frozen=True)
class SiteRequest:
    """A request that came in: `path` with its query, `time` in UTC, the Range header if any."""

    method: str
    path: str
    time: datetime
    range: str | None = None


class MediaSite:
    """The site, served by threads of this process between `start` and `stop`.

    Generated clips are kept in `cache_dir`, by default one that all runs share. `ffmpeg=None`
    behaves like a machine without it.
    """

    def __init__(self, cache_dir: Path | None = None, ffmpeg: str | None = "ffmpeg") -> None:
        self.clips = Clips(cache_dir, ffmpeg)
        self.stopping = threading.Event()
        self.is_down = threading.Event()
        """Set: everything is answered with 503."""
        self.is_slow = threading.Event()
        """Set: files come in small pieces, with pauses."""
        self._lock = threading.Lock()
        self._requests: list[SiteRequest] = []
        self._failed: Counter[str] = Counter()
        self._server = LoopbackServer(0, _SiteHandler, self)
        self._running = False

    @property
    def url(self) -> str:
        """The address without a trailing slash."""
        return self._server.url

    @property
    def requests(self) -> list[SiteRequest]:
        """The requests so far, oldest first."""
        with self._lock:
            return list(self._requests)

    def hits(self, path: str) -> int:
        """How many requests there were for `path`, its query left out."""
        return sum(urlsplit(request.path).path == path for request in self.requests)

    def start(self) -> MediaSite:
        """Start serving."""
        self._running = True
        self._server.start()
        return self

    def stop(self) -> None:
        """Stop serving and end every connection, stalled ones too. May be called twice."""
        self.stopping.set()
        if self._running:
            self._running = False
            self._server.stop()
        else:
            self._server.server_close()

    def __enter__(self) -> MediaSite:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def record(self, request: SiteRequest) -> None:
        """Remember a request."""
        with self._lock:
            self._requests.append(request)

    def fails_again(self, path: str, times: int) -> bool:
        """Count a request for a flaky path; whether it fails once more."""
        with self._lock:
            if self._failed[path] >= times:
                return False
            self._failed[path] += 1
            return True


class _SiteHandler(BaseHTTPRequestHandler):
    """One client connection."""

    protocol_version = "HTTP/1.1"
    server_version = "sandbox-site"
    sys_version = ""
    disable_nagle_algorithm = True
    server: LoopbackServer

    def log_message(self, *args: Any) -> None:
        """Nothing: the requests are recorded."""

    @property
    def _site(self) -> MediaSite:
        site: MediaSite = self.server.service
        return site

    def do_HEAD(self) -> None:
        """The headers that a GET would answer with."""
        self.do_GET()

    def do_GET(self) -> None:
        """Find what the path stands for and serve it."""
        request = SiteRequest(self.command, self.path, datetime.now(UTC), self.headers.get("Range"))
        self._site.record(request)
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if self._site.is_down.is_set():
            self._fail(503)
            return
        special = _ROUTES.get(path) or _ROUTES.get(path[: path.find("/", 1) + 1])
        if special is not None:
            special(self, path, query)
            return
        if path.startswith("/clip/"):
            path = "/clip.mp4"
        try:
            file = self._site.clips.path(path.removeprefix("/"))
        except FileNotFoundError:
            self._fail(404)
        except NeedsFfmpeg:
            self._fail(503, text="needs ffmpeg")
        else:
            data = file.read_bytes()
            self._send_blob(Blob(data, len(data)), _TYPES.get(file.suffix, "text/plain"))

    # What is as it should be

    def _index(self, path: str, query: dict[str, str]) -> None:
        items = "".join(f'<li><a href="{p}">{p}</a>: {what}' for p, what in SAMPLES.items())
        self._send_page(
            f"{_HEAD.format(title='Samples')}</head><body><ul>{items}</ul></body></html>"
        )

    def _page(self, path: str, query: dict[str, str]) -> None:
        video = '<video controls><source src="/clip/page.mp4" type="video/mp4"></video>'
        self._send_page(f"{_HEAD.format(title='A page')}</head><body>{video}</body></html>")

    def _open_graph(self, path: str, query: dict[str, str]) -> None:
        video = f"{self._site.url}/clip/og.mp4"
        picture = f"{self._site.url}/picture.jpg"
        words = "A clip that is described\nin two lines."
        self._send_open_page(
            {"video": video, "video:type": "video/mp4", "image": picture, "description": words}
        )

    def _described(self, path: str, query: dict[str, str]) -> None:
        """A page that says all about its video, as schema.org has it."""
        video = {
            "@context": "https://schema.org",
            "@type": "VideoObject",
            "name": "How bread is made",
            "description": "Flour, water, salt.\nAnd time.",
            "uploadDate": "2026-03-14",
            "duration": "PT3S",
            "contentUrl": f"{self._site.url}/clip/described.mp4",
            "author": {"@type": "Person", "name": "A baker"},
            "hasPart": [
                {"@type": "Clip", "name": name, "startOffset": at, "endOffset": at + 1}
                for at, name in enumerate(("Flour", "Water", "Time"))
            ],
            "interactionStatistic": {
                "@type": "InteractionCounter",
                "interactionType": "https://schema.org/WatchAction",
                "userInteractionCount": 12345,
            },
        }
        data = f'<script type="application/ld+json">{json.dumps(video)}</script>'
        self._send_page(f"{_HEAD.format(title='Bread')}{data}</head><body></body></html>")

    def _photo(self, path: str, query: dict[str, str]) -> None:
        self._send_open_page({"type": "photo", "image": f"{self._site.url}/picture.jpg"})

    def _send_open_page(self, properties: dict[str, str]) -> None:
        tags = "".join(
            f'<meta property="og:{name}" content="{value}">'
            for name, value in {"title": "An open page", **properties}.items()
        )
        self._send_page(f"{_HEAD.format(title='An open page')}{tags}</head><body></body></html>")

    def _qualities(self, path: str, query: dict[str, str]) -> None:
        variants = _HEIGHTS if path.startswith("/heights/") else _QUALITIES
        streams = "".join(f"#EXT-X-STREAM-INF:{each}\n/hls/media.m3u8\n" for each in variants)
        data = f"#EXTM3U\n{streams}".encode()
        self._send_blob(Blob(data, len(data)), _TYPES[".m3u8"])

    def _text(self, path: str, query: dict[str, str]) -> None:
        self._send_page(f"{_HEAD.format(title='Words')}</head><body><p>Only words.</body></html>")

    def _feed(self, path: str, query: dict[str, str]) -> None:
        data = feed(self._site.url, query).encode()
        self._send_blob(Blob(data, len(data)), "application/rss+xml")

    def _redirect(self, path: str, query: dict[str, str]) -> None:
        self._begin(302, {"Location": query.get("to", "/clip.mp4"), "Content-Length": "0"})

    def _large(self, path: str, query: dict[str, str]) -> None:
        size = int(float(query.get("mb", "60")) * MEBIBYTE)
        self._send_blob(padded(SAMPLE.read_bytes(), size), "video/mp4")

    def _slow(self, path: str, query: dict[str, str]) -> None:
        data = SAMPLE.read_bytes()
        pieces = 50
        pause_s = float(query.get("seconds", "10")) / pieces
        self._begin(200, {"Content-Type": "video/mp4", "Content-Length": str(len(data))})
        step = -(-len(data) // pieces)
        if self.command == "HEAD":
            return
        for start in range(0, len(data), step):
            self.wfile.write(data[start : start + step])
            if self._gone(pause_s):
                self.close_connection = True
                return

    # What is not

    def _status(self, path: str, query: dict[str, str]) -> None:
        headers = {"Retry-After": "5"} if path == "/429.mp4" else {}
        self._fail(int(path[1:4]), headers)

    def _flaky(self, path: str, query: dict[str, str]) -> None:
        # The count is per page hit, and an attempt of yt-dlp ends with its first hit that fails:
        # it looks at the page before it downloads, and does not ask for a page twice.
        if self._site.fails_again(path, int(query.get("fails", "1"))):
            self._fail(503)
        else:
            data = SAMPLE.read_bytes()
            self._send_blob(Blob(data, len(data)), "video/mp4")

    def _stall(self, path: str, query: dict[str, str]) -> None:
        data = SAMPLE.read_bytes()
        self._begin(200, {"Content-Type": "video/mp4", "Content-Length": str(len(data))})
        self.close_connection = True
        if self.command == "HEAD":
            return
        self.wfile.write(data[: 10 * 1024])
        self._gone(None)

    def _endless(self, path: str, query: dict[str, str]) -> None:
        self._begin(200, {"Content-Type": "video/mp4", "Transfer-Encoding": "chunked"})
        self.close_connection = True
        if self.command == "HEAD":
            return
        for data in padded(SAMPLE.read_bytes(), ENDLESS_LIMIT).read(0, ENDLESS_LIMIT):
            if self._site.stopping.is_set():
                return
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def _empty(self, path: str, query: dict[str, str]) -> None:
        self._begin(200, {"Content-Type": "video/mp4", "Content-Length": "0"})

    def _truncated(self, path: str, query: dict[str, str]) -> None:
        # Ranges are ignored: a client that tries to go on gets the same short answer again.
        data = SAMPLE.read_bytes()
        self._begin(200, {"Content-Type": "video/mp4", "Content-Length": str(2 * len(data))})
        self.close_connection = True
        if self.command != "HEAD":
            self.wfile.write(data)

    # Means

    def _gone(self, timeout_s: float | None) -> bool:
        """Wait; True as soon as the client has disconnected or the site stops."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while not self._site.stopping.is_set():
            left = 0.2 if deadline is None else min(0.2, deadline - time.monotonic())
            if left <= 0:
                return False
            readable, _, _ = select.select([self.connection], [], [], left)
            if readable:
                with contextlib.suppress(OSError):
                    if self.connection.recv(1, socket.MSG_PEEK):
                        # A visitor that asks for more already has not left.
                        self._site.stopping.wait(left)
                        continue
                return True
        return True

    def _begin(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _fail(self, status: int, headers: dict[str, str] | None = None, text: str = "") -> None:
        body = (text or f"{status} {self.responses[status][0]}").encode()
        fixed = {"Content-Type": "text/plain", "Content-Length": str(len(body))}
        self._begin(status, fixed | (headers or {}))
        if self.command != "HEAD":
            self.wfile.write(body)

    def _send_page(self, page: str) -> None:
        data = page.encode()
        self._send_blob(Blob(data, len(data)), "text/html; charset=utf-8")

    def _send_blob(self, blob: Blob, content_type: str) -> None:
        start, end, status = 0, blob.size, 200
        headers = {"Content-Type": content_type, "Accept-Ranges": "bytes"}
        asked = _RANGE.fullmatch(self.headers.get("Range") or "")
        if asked is not None and asked[0] != "bytes=-":
            start, end = _asked_range(asked[1], asked[2], blob.size)
            if start >= blob.size:
                self._fail(416, {"Content-Range": f"bytes */{blob.size}"})
                return
            status = 206
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{blob.size}"
        self._begin(status, headers | {"Content-Length": str(end - start)})
        if self.command == "HEAD":
            return
        for data in blob.read(start, end):
            if not self._write(data):
                self.close_connection = True
                return

    def _write(self, data: bytes) -> bool:
        """Send a part of a file; whether the client is still there."""
        while self._site.is_slow.is_set() and data:
            self.wfile.write(data[:_PIECE])
            data = data[_PIECE:]
            if self._gone(_PAUSE_S):
                return False
        self.wfile.write(data)
        return True


def _asked_range(first: str, last: str, size: int) -> tuple[int, int]:
    if not first:
        return max(size - int(last), 0), size
    return int(first), min(int(last) + 1, size) if last else size


# A path, or a folder with its last slash.
_ROUTES: dict[str, Callable[[_SiteHandler, str, dict[str, str]], None]] = {
    "/": _SiteHandler._index,
    "/page.html": _SiteHandler._page,
    "/og.html": _SiteHandler._open_graph,
    "/described.html": _SiteHandler._described,
    "/photo.html": _SiteHandler._photo,
    "/text.html": _SiteHandler._text,
    "/feed.xml": _SiteHandler._feed,
    "/redirect": _SiteHandler._redirect,
    "/large.mp4": _SiteHandler._large,
    "/qualities/": _SiteHandler._qualities,
    "/heights/": _SiteHandler._qualities,
    "/slow/": _SiteHandler._slow,
    "/403.mp4": _SiteHandler._status,
    "/404.mp4": _SiteHandler._status,
    "/429.mp4": _SiteHandler._status,
    "/flaky/": _SiteHandler._flaky,
    "/stall.mp4": _SiteHandler._stall,
    "/endless.mp4": _SiteHandler._endless,
    "/empty.mp4": _SiteHandler._empty,
    "/truncated.mp4": _SiteHandler._truncated,
}
