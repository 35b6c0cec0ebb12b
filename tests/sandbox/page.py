"""The chat page: a person's side of the conversation, in a browser, on loopback only."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from .api import DEFAULT_CHAT, BotApi
from .chats import ChatMessage, MediaSent
from .server import LoopbackServer
from .world import Event

_HTML = Path(__file__).with_name("chat.html")
_ICON = b"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
<circle cx="16" cy="16" r="16" fill="#6a74ee"/><path d="M12 9v14l12-7z" fill="#fff"/></svg>"""
_POLL_S = 20.0
_MAX_BODY = 64 * 1024
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_POLICY = "default-src 'none'; connect-src 'self'; img-src 'self'; media-src 'self'; "
_POLICY += "style-src 'unsafe-inline'; script-src 'unsafe-inline'"


@dataclass(frozen=True)
class Sample:
    """A link that the page offers."""

    url: str
    what: str


@dataclass
class ChatPage:
    """The page over one chat of `api`; serves at `port` between `start` and `stop`."""

    api: BotApi
    samples: list[Sample]
    port: int = 0
    last_action: str = ""
    actions: int = 0
    notices: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._server = LoopbackServer(self.port, _PageHandler, self)
        self._unsubscribe = self.api.events.subscribe(self._note)

    @property
    def url(self) -> str:
        """The address to open."""
        return self._server.url

    def start(self) -> None:
        """Start serving."""
        self._server.start()

    def stop(self) -> None:
        """Stop serving."""
        self._unsubscribe()
        self._server.stop()

    def state(self) -> dict[str, Any]:
        """All that the page shows, as JSON."""
        version = self.api.version
        return {
            "version": version,
            "messages": [_shown(message) for message in self.api.chat(DEFAULT_CHAT)],
            "samples": [{"url": sample.url, "what": sample.what} for sample in self.samples],
            "action": self.last_action,
            "actions": self.actions,
            "notices": self.notices[-20:],
        }

    def _note(self, event: Event) -> None:
        if event.kind == "action":
            self.last_action = event.text
            self.actions += 1
        elif event.kind == "message":
            self.last_action = ""
        elif event.kind == "answer" and event.text:
            self.notices.append(event.text)


def _shown(message: ChatMessage) -> dict[str, Any]:
    media = message.media
    return {
        "id": message.message_id,
        "bot": message.from_bot,
        "date": message.edit_date or message.date,
        "edits": len(message.history),
        "deleted": message.deleted,
        "text": message.text or message.caption or "",
        "entities": message.entities,
        "buttons": message.buttons,
        "replyTo": message.reply_to,
        "media": None if media is None else _shown_media(message.message_id, media),
    }


def _shown_media(message_id: int, media: MediaSent) -> dict[str, Any]:
    return {
        "kind": media.kind,
        "url": f"/media/{message_id}?{media.file_unique_id}",
        "poster": f"/thumbnail/{message_id}?{media.file_unique_id}" if media.thumbnail else None,
        "name": media.title or media.file_name,
        "size": media.size,
        "width": media.width,
        "height": media.height,
        "duration": media.duration,
    }


class _PageHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "sandbox-page"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1
    server: LoopbackServer

    def log_message(self, *args: Any) -> None:
        """Log nothing, since the page shows the conversation."""

    @property
    def _page(self) -> ChatPage:
        page: ChatPage = self.server.service
        return page

    def do_GET(self) -> None:
        """The page, its state (a long poll), and the media in it."""
        parts = urlsplit(self.path)
        if not self._is_addressed_to_us():
            self._send(403, b"only by its loopback address", "text/plain")
        elif parts.path == "/":
            self._send(200, _HTML.read_bytes(), "text/html; charset=utf-8")
        elif parts.path == "/icon.svg":
            self._send(200, _ICON, "image/svg+xml")
        elif parts.path == "/state":
            known = parse_qs(parts.query).get("version", ["-1"])[0]
            self._page.api.wait_for_change(int(known), _POLL_S)
            self._send_json(200, self._page.state())
        elif match := re.fullmatch(r"/(media|thumbnail)/(\d+)", parts.path):
            self._send_media(match[1], int(match[2]))
        else:
            self._send(404, b"not here", "text/plain")

    def do_POST(self) -> None:
        """Say, press or delete something as the person."""
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
            self._act(self.path, json.loads(self.rfile.read(int(length))))
        except (LookupError, ValueError, TypeError) as error:
            self._send_json(400, {"error": str(error)})
        else:
            self._send_json(200, {})

    def _act(self, path: str, given: dict[str, Any]) -> None:
        api = self._page.api
        if path == "/say":
            text = str(given["text"]).strip()
            if text:
                api.say(text)
        elif path == "/press":
            api.press(DEFAULT_CHAT, int(given["message"]), str(given["data"]))
        elif path == "/delete":
            api.delete_message(DEFAULT_CHAT, int(given["message"]))
        else:
            raise LookupError(path)

    def _is_addressed_to_us(self) -> bool:
        """Whether the Host header is ours: a name that was made to point here is refused."""
        port = self.server.server_port
        return self.headers.get("Host") in (f"127.0.0.1:{port}", f"localhost:{port}")

    def _send_media(self, which: str, message_id: int) -> None:
        chat = {message.message_id: message for message in self._page.api.chat(DEFAULT_CHAT)}
        media = chat[message_id].media if message_id in chat else None
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
        if media.kind == "document":
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
        self.send_header("Cache-Control", "no-store")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)
