"""The HTTP side of the chat page: its files, its state, what people do, and their media."""

from __future__ import annotations

import json
import re
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from .api import DEFAULT_CHAT, BotApi
from .chats import MediaSent
from .server import LoopbackServer
from .subtitles import as_webvtt, languages_in

_FOLDER = Path(__file__).with_name("page")
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FILES = {f"/{path.name}": path for path in _FOLDER.iterdir() if path.suffix in _TYPES}
_FILES["/"] = _FOLDER / "index.html"
_POLL_S = 20.0
_MAX_BODY = 64 * 1024
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_POLICY = "default-src 'none'; connect-src 'self'; img-src 'self'; media-src 'self'; "
_POLICY += "style-src 'self'; script-src 'self'; base-uri 'none'; frame-ancestors 'none'"


class Page(Protocol):
    """What the requests are about."""

    api: BotApi

    def state(self, chat_id: int, user_id: int) -> dict[str, Any]:
        """All that a person sees."""

    def act(self, what: str, given: dict[str, Any]) -> None:
        """Do what a person asked for."""


class PageHandler(BaseHTTPRequestHandler):
    """One connection of a browser."""

    protocol_version = "HTTP/1.1"
    server_version = "sandbox-page"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1
    server: LoopbackServer

    def log_message(self, *args: Any) -> None:
        """Log nothing, since the page shows the conversation."""

    @property
    def _page(self) -> Page:
        page: Page = self.server.service
        return page

    def do_GET(self) -> None:
        """The page, its state (a long poll), and the media in it."""
        parts = urlsplit(self.path)
        if not self._is_addressed_to_us():
            self._send(403, b"only by its loopback address", "text/plain")
        elif file := _FILES.get(parts.path):
            self._send(200, file.read_bytes(), _TYPES[file.suffix])
        elif parts.path == "/state":
            self._send_state(parts.query)
        elif match := re.fullmatch(r"/(media|thumbnail)/(-?\d+)/(\d+)", parts.path):
            self._send_media(match[1], self._media_of(int(match[2]), int(match[3])))
        elif match := re.fullmatch(r"/subtitles/(-?\d+)/(\d+)(?:/(\d{1,3}))?", parts.path):
            self._send_subtitles(self._media_of(int(match[1]), int(match[2])), match[3])
        else:
            self._send(404, b"not here", "text/plain")

    def do_POST(self) -> None:
        """Say, press or delete something as a person."""
        length = self.headers.get("Content-Length", "")
        is_json = self.headers.get("Content-Type", "").startswith("application/json")
        if not (self._is_addressed_to_us() and is_json and length.isdigit()):
            # Pages of other sites cannot send JSON here without asking first.
            self.close_connection = True
            self._send(403, b"not from this page", "text/plain")
            return
        if int(length) > _MAX_BODY:
            self.close_connection = True
            self._send(413, b"too long", "text/plain")
            return
        try:
            given = json.loads(self.rfile.read(int(length)))
            self._page.act(self.path.removeprefix("/"), given)
        except (LookupError, ValueError, TypeError) as error:
            self._send_json(400, {"error": str(error)})
        else:
            self._send_json(200, {})

    def _is_addressed_to_us(self) -> bool:
        """Whether the Host header is ours: a name that was made to point here is refused."""
        port = self.server.server_port
        return self.headers.get("Host") in (f"127.0.0.1:{port}", f"localhost:{port}")

    def _send_state(self, query: str) -> None:
        asked = {"version": "-1", "chat": str(DEFAULT_CHAT), "user": str(DEFAULT_CHAT)}
        asked |= {name: values[0] for name, values in parse_qs(query).items()}
        try:
            version, chat_id, user_id = (int(asked[name]) for name in ("version", "chat", "user"))
            self._page.api.wait_for_change(version, _POLL_S)
            state = self._page.state(chat_id, user_id)
        except (LookupError, ValueError) as error:
            self._send_json(400, {"error": str(error)})
        else:
            self._send_json(200, state)

    def _media_of(self, chat_id: int, message_id: int) -> MediaSent | None:
        chat = {message.message_id: message for message in self._page.api.chat(chat_id)}
        return chat[message_id].media if message_id in chat else None

    def _send_subtitles(self, media: MediaSent | None, track: str | None) -> None:
        """The languages of those in a video, or one of them."""
        if media is None:
            self._send(404, b"not here", "text/plain")
        elif track is None:
            self._send_json(200, languages_in(media.path))
        else:
            try:
                words = as_webvtt(media.path, int(track))
            except LookupError:
                self._send(404, b"not here", "text/plain")
            else:
                self._send(200, words, "text/vtt; charset=utf-8")

    def _send_media(self, which: str, media: MediaSent | None) -> None:
        path = None if media is None else (media.path if which == "media" else media.thumbnail)
        if media is None or path is None:
            self._send(404, b"not here", "text/plain")
            return
        size = path.stat().st_size
        start, end = 0, size
        asked = _RANGE.fullmatch(self.headers.get("Range") or "")
        if asked:
            start = min(int(asked[1]), size)
            end = min(int(asked[2]) + 1, size) if asked[2] else size
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{max(end - 1, start)}/{size}")
        kind = media.mime_type if which == "media" else "image/jpeg"
        if which == "media" and media.kind == "document":
            # A document is to be saved, not shown: it may be anything.
            kind = "application/octet-stream"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(end - start))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        with path.open("rb") as file:
            file.seek(start)
            left = end - start
            while left > 0 and (data := file.read(min(left, 128 * 1024))):
                self.wfile.write(data)
                left -= len(data)

    def _send_json(self, status: int, value: Any) -> None:
        self._send(status, json.dumps(value).encode(), "application/json")

    def _send(self, status: int, data: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Content-Security-Policy", _POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)
