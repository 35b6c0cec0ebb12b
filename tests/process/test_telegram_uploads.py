"""Files on their way to Telegram: their form, their length, and how long they may take."""

import os
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

import pytest
from telebot import types

from tests.support.scripted_server import CHAT, Connected, Scripted
from tests.support.scripted_server import client as client
from tests.support.scripted_server import server as server
from worker.errors import Fault, JobError, Reason, TelegramUnreachable
from worker.telegram import transport
from worker.telegram.client import Client
from worker.telegram.multipart import Multipart


def named_file(path: Path, content: bytes) -> FileIO:
    path.write_bytes(content)
    return FileIO(path)


def test_a_multipart_body_has_the_length_it_says_and_can_be_sent_again(tmp_path: Path) -> None:
    with named_file(tmp_path / "a", os.urandom(200_000)) as file:
        body = Multipart({"chat_id": "1", "text": "ä\r\n--x"}, {"f1": ("clip.mp4", file)})
        once, again = b"".join(body), b"".join(body)
    assert once == again
    assert len(once) == len(body)
    assert b'name="f1"; filename="clip.mp4"\r\n' in once


@pytest.mark.parametrize(
    "name", ['a"b', "a\r\nb", "a\0b", "", "a" * 256, "a;b", "a\\b", "a\x7f", "\ud800"]
)
def test_a_name_that_could_break_a_header_is_refused(name: str, tmp_path: Path) -> None:
    with (
        named_file(tmp_path / "a", b"x") as file,
        pytest.raises(ValueError, match=r"break|surrogates"),
    ):
        Multipart({}, {"f1": (name, file)})


def test_a_name_goes_out_in_its_own_script(tmp_path: Path) -> None:
    with named_file(tmp_path / "a", b"x") as file:
        body = b"".join(Multipart({}, {"f1": ("Кино & 視頻.m4a", file)}))
    assert 'filename="Кино & 視頻.m4a"\r\n'.encode() in body


def test_a_file_that_grows_is_sent_at_its_first_length(tmp_path: Path) -> None:
    with named_file(tmp_path / "a", b"x" * 10) as file:
        body = Multipart({}, {"f1": ("a", file)})
        (tmp_path / "a").write_bytes(b"x" * 99)
        assert len(b"".join(body)) == len(body)


def test_a_file_that_shrinks_is_our_own_failure(tmp_path: Path) -> None:
    with named_file(tmp_path / "a", b"x" * 10) as file:
        body = Multipart({}, {"f1": ("a", file)})
        os.truncate(tmp_path / "a", 3)
        with pytest.raises(JobError) as caught:
            b"".join(body)
    assert (caught.value.reason, caught.value.fault) == (Reason.INTERNAL, Fault.RETRYABLE)


# -------------------------------------------------------------------------------- uploads


def media(file: FileIO) -> types.InputMedia:
    return types.InputMediaDocument(types.InputFile(file, "clip.mp4"))


def trickles(connection: Connected) -> None:
    """Read the body slowly: a piece every twentieth of a second."""
    left = int(connection.headers["Content-Length"])
    while left > 0:
        left -= len(connection.rfile.read(min(left, 1024 * 1024)))
        connection.server.over.wait(0.05)
    connection.answer(200, b'{"ok":true,"result":{}}')


def reads_nothing(connection: Connected) -> None:
    """Let the body wait."""
    connection.server.over.wait()


@pytest.fixture
def large_file(tmp_path: Path) -> Iterator[FileIO]:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(24 * 1024 * 1024)
    with FileIO(path) as opened:
        yield opened


def test_a_slow_upload_goes_on_while_something_moves(
    server: Scripted, client: Client, large_file: FileIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "UPLOAD_STALL_S", 0.5)
    server.respond = trickles
    assert client.edit_media(CHAT, 5, media(large_file), 20) == {}


def test_an_upload_that_does_not_move_fails(
    server: Scripted, client: Client, large_file: FileIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "UPLOAD_STALL_S", 0.3)
    server.respond = reads_nothing
    with pytest.raises(TelegramUnreachable):
        client.edit_media(CHAT, 5, media(large_file), 20)


def test_a_file_too_large_is_said_to_be_so_though_the_server_hangs_up(
    server: Scripted, client: Client, large_file: FileIO
) -> None:
    def respond(connection: Connected) -> None:
        connection.answer(413, b"<html>too large</html>", Connection="close")
        connection.close_connection = True
        while connection.rfile.read1(1024 * 1024):
            pass

    server.respond = respond
    with pytest.raises(JobError) as caught:
        client.edit_media(CHAT, 5, media(large_file), 20)
    assert caught.value.reason is Reason.UPLOAD_REFUSED
    assert "413" in caught.value.detail


def test_an_upload_has_its_length_in_front(
    server: Scripted, client: Client, tmp_path: Path
) -> None:
    with named_file(tmp_path / "a", b"content") as file:
        client.edit_media(CHAT, 5, media(file), 20)
    [request] = server.received
    assert request.headers.get_content_type() == "multipart/form-data"
    assert b"\r\n\r\ncontent\r\n" in request.body
    assert int(request.headers["Content-Length"]) == len(request.body)
    assert "Transfer-Encoding" not in request.headers
