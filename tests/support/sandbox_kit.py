"""What the tests of the sandbox share: a running stand-in, a client of it, and small files.

A fixture is imported as `api as api`: the repeated name says that it is meant to be there, though
only pytest looks for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.api import DEFAULT_CHAT as CHAT
from tests.sandbox.api import BotApi
from tests.sandbox.client import Answer, Client
from tests.sandbox.clips import SAMPLE

MEBIBYTE = 1024 * 1024

# The smallest JPEG header that gives a size, here 90x60.
JPEG = bytes.fromhex("ffd8ffc0000b08003c005a01011100ffd9")
MP4 = ("clip.mp4", SAMPLE.read_bytes())


@pytest.fixture
def api() -> Iterator[BotApi]:
    with BotApi() as running:
        running.open(CHAT)
        yield running


@pytest.fixture
def client(api: BotApi) -> Client:
    return Client(api.url, api.token)


def video(**fields: Any) -> dict[str, Any]:
    return {"type": "video", "media": "attach://file", **fields}


def send_text(client: Client, text: str = "Working", **params: Any) -> int:
    message_id: int = client.call("sendMessage", chat_id=CHAT, text=text, **params).result[
        "message_id"
    ]
    return message_id


def edit_media(client: Client, message_id: int, data: bytes = MP4[1], **fields: Any) -> Answer:
    files = {"file": ("clip.mp4", data)}
    media = video(**fields)
    return client.call("editMessageMedia", files, chat_id=CHAT, message_id=message_id, media=media)


def keyboard(*data: str) -> dict[str, Any]:
    return {"inline_keyboard": [[{"text": f"Do {d[:9]}", "callback_data": d} for d in data]]}
