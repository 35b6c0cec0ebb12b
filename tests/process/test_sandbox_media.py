"""The stand-in takes, keeps and gives files as the Bot API does."""

from __future__ import annotations

import http.client
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.sandbox.api import DEFAULT_CHAT as CHAT
from tests.sandbox.api import BotApi
from tests.sandbox.client import MULTIPART, Client, multipart
from tests.support.sandbox_kit import JPEG, MEBIBYTE, MP4, edit_media, send_text, video
from tests.support.sandbox_kit import api as api
from tests.support.sandbox_kit import client as client

# Wider than a thumbnail may be.
WIDE_JPEG = bytes.fromhex("ffd8ffc0000b08003c020001011100ffd9")


def test_same_bytes_have_one_unique_id_and_many_file_ids(client: Client) -> None:
    sent = [
        client.call("sendVideo", {"video": MP4}, chat_id=CHAT).result["video"] for _ in range(2)
    ]
    assert sent[0]["file_unique_id"] == sent[1]["file_unique_id"]
    assert sent[0]["file_id"] != sent[1]["file_id"]
    again = client.call("sendVideo", chat_id=CHAT, video=sent[0]["file_id"]).result["video"]
    assert again == sent[0]
    other = client.call("sendAudio", chat_id=CHAT, audio=sent[0]["file_id"])
    assert other.description == "Bad Request: can't use file of type Video as Audio"


@pytest.mark.parametrize(
    ("kind", "name", "data", "fields"),
    [
        ("video", "a.mp4", MP4[1], {"duration": 0, "width": 320, "height": 320}),
        ("audio", "a.mp3", b"ID3 sound", {"duration": 0, "mime_type": "audio/mpeg"}),
        ("document", "a.txt", b"words", {"mime_type": "text/plain", "file_size": 5}),
        ("animation", "a.mp4", MP4[1], {"width": 320}),
    ],
)
def test_media_results_look_like_the_real_ones(
    kind: str, name: str, data: bytes, fields: dict[str, Any], client: Client
) -> None:
    sent = client.call(f"send{kind.capitalize()}", {kind: (name, data)}, chat_id=CHAT).result
    assert fields.items() <= sent[kind].items()
    assert sent[kind]["file_name"] == name


def test_photo_comes_in_sizes(client: Client) -> None:
    sizes = client.call("sendPhoto", {"photo": ("a.jpg", JPEG)}, chat_id=CHAT).result["photo"]
    assert (sizes[-1]["width"], sizes[-1]["height"]) == (90, 60)


def test_what_does_not_play_arrives_as_a_document(client: Client) -> None:
    sent = client.call("sendVideo", {"video": ("a.webm", b"\x1aE\xdf\xa3...")}, chat_id=CHAT)
    assert "video" not in sent.result
    assert sent.result["document"]["file_name"] == "a.webm"


def test_thumbnail_is_attached(client: Client, api: BotApi) -> None:
    files = {"video": MP4, "thumbnail": ("t.jpg", JPEG)}
    sent = client.call("sendVideo", files, chat_id=CHAT).result["video"]
    assert (sent["thumbnail"]["width"], sent["thumbnail"]["height"]) == (90, 60)
    media = api.chat()[-1].media
    assert media is not None
    assert media.thumbnail is not None
    assert media.thumbnail.read_bytes() == JPEG


@pytest.mark.parametrize(
    ("method", "files", "status", "reason"),
    [
        ("sendVideo", {"video": ("a.mp4", b"")}, 400, "file must be non-empty"),
        ("sendVideo", {"video": MP4, "film": MP4}, 400, 'unknown file "film"'),
        ("sendVideo", {"video": MP4, "thumbnail": ("t.png", b"\x89PNG")}, 400, "wrong thumbnail"),
        ("sendVideo", {"video": MP4, "thumbnail": ("t.jpg", WIDE_JPEG)}, 400, "wrong thumbnail"),
        (
            "sendVideo",
            {"video": MP4, "thumbnail": ("t.jpg", JPEG + bytes(200 * 1024))},
            400,
            "wrong thumbnail",
        ),
        ("sendPhoto", {"photo": ("a.jpg", b"no picture")}, 400, "IMAGE_PROCESS_FAILED"),
        (
            "sendPhoto",
            {"photo": ("a.jpg", JPEG + bytes(10 * MEBIBYTE))},
            400,
            "file of size 10485777 bytes is too big for a photo",
        ),
        ("sendVideo", {"video": ("a.mp4", bytes(50 * MEBIBYTE))}, 413, "Request Entity Too Large"),
    ],
)
def test_upload_is_refused(
    method: str, files: dict[str, tuple[str, bytes]], status: int, reason: str, client: Client
) -> None:
    answer = client.call(method, files, chat_id=CHAT)
    assert answer.status == status
    assert reason in answer.description


def test_large_upload_in_chunks_is_not_held_in_memory(client: Client, api: BotApi) -> None:
    def body() -> Iterator[bytes]:
        begin, end = b"".join(
            multipart({"chat_id": str(CHAT)}, {"video": ("a.mp4", b"HERE")})
        ).split(b"HERE")
        yield begin
        for _ in range(45):
            yield bytes(MEBIBYTE)
        yield end

    tracemalloc.start()
    try:
        answer = client.raw("sendVideo", body(), content_type=MULTIPART)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert answer.result["video"]["file_size"] == 45 * MEBIBYTE
    assert peak < 8 * MEBIBYTE
    media = api.chat()[-1].media
    assert media is not None
    assert media.path.stat().st_size == 45 * MEBIBYTE


def test_too_large_upload_in_chunks_is_refused(client: Client) -> None:
    pieces = [b"".join(multipart({"chat_id": str(CHAT)}, {"video": ("a.mp4", b"")}))[:-60]]
    pieces += [bytes(MEBIBYTE)] * 51
    assert client.raw("sendVideo", pieces, content_type=MULTIPART).status == 413


@pytest.mark.parametrize("size", [1, 131_000, 131_072, 131_073, 262_144])
def test_multipart_bodies_come_out_as_they_went_in(size: int, client: Client, api: BotApi) -> None:
    # Almost-boundaries inside, and the real one at every place of the reader's buffer.
    data = (b"\r\n--a-boundary-of-the-test\r\n-" * (size // 29 + 1))[:size]
    client.do("sendDocument", {"document": ("a.bin", data)}, chat_id=CHAT)
    media = api.chat()[-1].media
    assert media is not None
    assert media.path.read_bytes() == data


def test_album(client: Client, api: BotApi) -> None:
    media = [video(media="attach://a"), {"type": "photo", "media": "attach://b", "caption": "B"}]
    files = {"a": MP4, "b": ("b.jpg", JPEG)}
    sent = client.call("sendMediaGroup", files, chat_id=CHAT, media=media).result
    assert sent[0]["media_group_id"] == sent[1]["media_group_id"]
    assert [message.kind for message in api.chat()] == ["video", "photo"]
    alone = client.call("sendMediaGroup", {"a": MP4}, chat_id=CHAT, media=media[:1])
    assert "2-10 items" in alone.description


def test_caption_is_limited_after_parsing(client: Client) -> None:
    status = send_text(client)
    caption = f"<b>{'x' * 1024}</b>"
    assert edit_media(client, status, caption=caption, parse_mode="HTML").status == 200
    too_long = edit_media(client, status, caption="x" * 1025)
    assert too_long.description == "Bad Request: message caption is too long"


def test_file_is_downloaded_by_its_path(client: Client, api: BotApi) -> None:
    file_id = client.call("sendVideo", {"video": MP4}, chat_id=CHAT).result["video"]["file_id"]
    file = client.call("getFile", file_id=file_id).result
    connection = http.client.HTTPConnection(urlsplit(api.url).netloc, timeout=10)
    connection.request("GET", f"/file/bot{api.token}/{file['file_path']}")
    assert connection.getresponse().read() == MP4[1]
    connection.request("GET", f"/file/bot{api.token}/videos/none.mp4")
    assert connection.getresponse().status == 404
    connection.close()


def test_more_than_20_mb_cannot_be_downloaded(client: Client) -> None:
    large = ("a.mp4", bytes(20 * MEBIBYTE + 1))
    file_id = client.call("sendVideo", {"video": large}, chat_id=CHAT).result["video"]["file_id"]
    assert client.call("getFile", file_id=file_id).description == "Bad Request: file is too big"


def test_local_server_takes_file_uris_and_large_files(tmp_path: Path) -> None:
    path = tmp_path / "a b.mp4"
    with path.open("wb") as file:
        file.truncate(60 * MEBIBYTE)
    with BotApi(local=True) as api:
        api.open(CHAT)
        client = Client(api.url, api.token)
        status = send_text(client)
        media = video(media=path.as_uri())
        sent = client.call("editMessageMedia", chat_id=CHAT, message_id=status, media=media)
        assert sent.result["video"]["file_size"] == 60 * MEBIBYTE
        path.unlink()
        shown = api.chat()[-1].media
        assert shown is not None
        assert shown.path.stat().st_size == 60 * MEBIBYTE
        got = client.call("getFile", file_id=sent.result["video"]["file_id"]).result
        assert Path(got["file_path"]).is_absolute()
        folder = shown.path.parent
    assert not folder.exists(), "what was uploaded is removed at the end"
