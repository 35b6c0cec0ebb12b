"""A telegram worker's handler and the chat that it writes to."""

import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.sandbox.api import BotApi
from tests.sandbox.chats import ChatMessage
from worker.protocol import (
    Deliver,
    Delivered,
    MediaFacts,
    MediaFile,
    MediaKind,
    Posted,
    PostStatus,
    Reader,
    TelegramTask,
)
from worker.protocol.panels import ShowPanel
from worker.telegram.api_access import ApiAccess
from worker.telegram.job import TelegramResult, make_handler

CHAT, REQUEST = 1001, 17
TOKEN = "123456789:AAHsecret-0123456789abcdefghijklmno"
MP4 = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"\0" * 1000
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 640, 480) + b"\0" * 100
JPEG = (
    b"\xff\xd8\xff\xc0\0\x11\x08" + struct.pack(">HH", 180, 320) + b"\x03" + b"\0" * 9 + b"\xff\xd9"
)


class TelegramDriver:
    """A telegram worker's handler, and the chat that it writes to."""

    def __init__(self, api: BotApi, local: bool = False) -> None:
        self.api = api
        self._handle = make_handler(ApiAccess(TOKEN, api.url, local))
        self.link_id = api.say("https://a.example/v", CHAT)
        self.message_id = 0

    def do(self, task: TelegramTask | ShowPanel) -> TelegramResult:
        return self._handle(None, task)

    def post(self) -> "TelegramDriver":
        posted = self.do(PostStatus(REQUEST, Reader(CHAT), self.link_id))
        assert isinstance(posted, Posted)
        self.message_id = posted.message_id
        return self

    def deliver(self, media: MediaFile, file_id: str | None = None) -> Delivered:
        delivered = self.do(
            Deliver(REQUEST, Reader(CHAT), self.message_id, replace(media, file_id=file_id))
        )
        assert isinstance(delivered, Delivered)
        return delivered

    @property
    def message(self) -> ChatMessage:
        """The status message as it is now."""
        return next(m for m in self.api.chat(CHAT) if m.message_id == self.message_id)


@pytest.fixture
def api() -> Iterator[BotApi]:
    with BotApi(TOKEN) as api:
        yield api


@pytest.fixture
def driver(api: BotApi) -> TelegramDriver:
    return TelegramDriver(api).post()


@pytest.fixture
def clip(tmp_path: Path) -> MediaFile:
    """A video with everything that is known of one."""
    path, thumbnail = tmp_path / "clip.mp4", tmp_path / "clip.jpg"
    path.write_bytes(MP4)
    thumbnail.write_bytes(JPEG)
    facts = MediaFacts(MediaKind.VIDEO, "Häppy <Times>", "Ada", 1280, 720, duration_s=12.6)
    return MediaFile(str(path), len(MP4), "https://a.example/v?a=1&b=2", facts, str(thumbnail))
