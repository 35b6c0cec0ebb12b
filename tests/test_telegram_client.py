"""Calls over HTTP: what goes out, what comes back, how long it takes, and what is kept secret."""

import gzip
import json
import logging
import os
import signal
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import FileIO
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import parse_qs

import pytest
from telebot import apihelper, types

from tests.sandbox.api import BotApi
from tests.sandbox.faults import Fault as Trouble
from tests.sandbox.faults import FaultKind
from worker.jobs import (
    ChatClosed,
    Fault,
    FileIdRefused,
    JobError,
    MessageGone,
    Reason,
    TelegramBusy,
    TelegramConflict,
    TelegramUnauthorized,
    TelegramUnreachable,
)
from worker.telegram import transport
from worker.telegram.client import Client, Connection
from worker.telegram.handlers import ALLOWED_UPDATES
from worker.telegram.multipart import Multipart

TOKEN = "123456789:AAHsecret-0123456789abcdefghijklmno"
DIARY = "dear diary"
CHAT = 1001


@dataclass
class Received:
    """One request as it came in."""

    line: str
    headers: Message
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


Responder = Callable[["Connected"], None]


class Connected(BaseHTTPRequestHandler):
    """One connection to a server that answers what a test tells it to."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    server: "Scripted"

    def do_POST(self) -> None:
        self.server.respond(self)

    def take(self) -> None:
        """Read and record the request."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append(Received(self.requestline, self.headers, body))

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Silence."""


class Scripted(ThreadingHTTPServer):
    """A server on loopback whose one answer a test chooses."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Connected)
        self.received: list[Received] = []
        self.connections = 0
        self.over = threading.Event()
        self.respond: Responder = says(200, {"ok": True, "result": {"message_id": 5}})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections += 1
        super().process_request(request, client_address)

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is part of the game."""


def says(status: int, body: object, **headers: str) -> Responder:
    """A server that answers this, JSON unless it is bytes already."""

    def respond(connection: Connected) -> None:
        connection.take()
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection.answer(status, data, **headers)

    return respond


def refuses(code: int, description: str, **parameters: object) -> Responder:
    answer = {"ok": False, "error_code": code, "description": description}
    return says(code, answer | {"parameters": parameters})


@pytest.fixture
def server() -> Iterator[Scripted]:
    server = Scripted()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.over.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def client(server: Scripted) -> Client:
    return Client(Connection(TOKEN, server.url))


@pytest.fixture
def api() -> Iterator[BotApi]:
    with BotApi(TOKEN) as api:
        api.open(CHAT)
        yield api


def everything_told_by(error: BaseException) -> str:
    """All that an exception, and every exception behind it, could put into a log."""
    told, seen = "", set()
    pending: list[BaseException | None] = [error]
    while pending:
        each = pending.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            told += f"{each}\n{each!r}\n{each.args}\n{each.__dict__}\n"
            pending += [each.__cause__, each.__context__]
    return told + "".join(traceback.format_exception(error))


# ---------------------------------------------------------------------------- what goes out


def test_parameters_travel_in_the_body(server: Scripted, client: Client) -> None:
    assert client.send_text(CHAT, f"{DIARY} & ä🎬", 7, ("Cancel", "cancel:1")) == 5
    [request] = server.received
    assert request.line == f"POST /bot{TOKEN}/sendMessage HTTP/1.1"
    assert {name: _read(value) for name, value in request.form.items()} == {
        "chat_id": CHAT,
        "text": f"{DIARY} & ä🎬",
        "link_preview_options": {"is_disabled": True},
        "reply_parameters": {"message_id": 7, "allow_sending_without_reply": True},
        "reply_markup": {"inline_keyboard": [[{"text": "Cancel", "callback_data": "cancel:1"}]]},
    }


def _read(value: str) -> object:
    try:
        return json.loads(value)
    except ValueError:
        return value


def test_a_lone_surrogate_goes_out_as_a_question_mark(server: Scripted, client: Client) -> None:
    client.send_text(CHAT, "a\ud800b")
    assert server.received[0].form["text"] == "a?b"


@pytest.mark.parametrize("base", ["", "/", "/some/{place}/"])
def test_the_address_may_have_a_path_and_a_slash(server: Scripted, base: str) -> None:
    Client(Connection(TOKEN, server.url + base)).send_text(CHAT, "hi")
    expected = base.rstrip("/").replace("{", "%7B").replace("}", "%7D")
    path = server.received[0].line.split()[1]
    assert path.replace("{", "%7B").replace("}", "%7D") == f"{expected}/bot{TOKEN}/sendMessage"


def test_one_connection_serves_many_calls(server: Scripted, client: Client) -> None:
    for _ in range(5):
        client.send_text(CHAT, "hi")
    assert server.connections == 1


def test_the_configured_proxy_is_used(server: Scripted) -> None:
    client = Client(Connection(TOKEN, "http://api.invalid", proxy=server.url))
    assert client.send_text(CHAT, "hi") == 5
    assert server.received[0].line.startswith("POST http://api.invalid/bot")


def test_the_environments_proxy_is_not_used(
    server: Scripted, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    assert client.send_text(CHAT, "hi") == 5


@pytest.mark.parametrize("timeout_s", [0, 1])
def test_a_poll_always_names_the_updates_it_wants(
    server: Scripted, client: Client, timeout_s: int
) -> None:
    server.respond = says(200, {"ok": True, "result": [{"update_id": 3, "x": {}}]})
    assert client.get_updates(None, timeout_s, ALLOWED_UPDATES) == [{"update_id": 3, "x": {}}]
    client.get_updates(4, timeout_s, ALLOWED_UPDATES)
    first, second = (request.form for request in server.received)
    assert json.loads(first["allowed_updates"]) == ["message", "callback_query"]
    assert first["timeout"] == str(timeout_s)
    assert "offset" not in first
    assert second == first | {"offset": "4"}


def test_the_stand_in_takes_every_call(api: BotApi, tmp_path: Path) -> None:
    client = Client(Connection(TOKEN, api.url + "/"))
    assert client.get_me()["is_bot"] is True
    said = api.say("https://a.example/", CHAT)
    [update] = client.get_updates(0, 1, ALLOWED_UPDATES)
    assert update["message"]["message_id"] == said
    message_id = client.send_text(CHAT, "one", said, ("Cancel", "cancel:1"))
    query_id = api.press(CHAT, message_id, "Cancel")
    client.answer_button(query_id, "x" * 300)
    client.answer_button("not a query", "too late")
    client.edit_text(CHAT, message_id, "two", ("Cancel", "cancel:1"))
    client.edit_text(CHAT, message_id, "two", ("Cancel", "cancel:1"))
    client.edit_text(CHAT, message_id, "two")
    last = api.chat(CHAT)[-1]
    assert (last.text, last.buttons, last.reply_to) == ("two", [], said)
    assert len(last.history) == 2


def chunked(connection: Connected) -> None:
    """Answer without saying how long the answer will be."""
    connection.take()
    connection.send_response(200)
    connection.send_header("Transfer-Encoding", "chunked")
    connection.end_headers()
    for piece in (b'{"ok":true,', b'"result":{"message_id":', b"5}}", b""):
        connection.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        connection.wfile.flush()


ZIPPED = gzip.compress(b'{"ok":true,"result":{"message_id":5}}')


@pytest.mark.parametrize(
    "respond",
    [chunked, says(200, ZIPPED, **{"Content-Encoding": "gzip"})],
    ids=["chunked", "gzip"],
)
def test_an_answer_may_come_in_any_coding(
    server: Scripted, client: Client, respond: Responder
) -> None:
    server.respond = respond
    assert client.send_text(CHAT, "hi") == 5
    assert client.send_text(CHAT, "hi") == 5
    assert server.connections == 1


# ------------------------------------------------------------------------------- multipart


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


@pytest.mark.parametrize("name", ['a"b', "a\r\nb", "ä", "", "a" * 101, "a b"])
def test_a_name_that_could_break_a_header_is_refused(name: str, tmp_path: Path) -> None:
    with named_file(tmp_path / "a", b"x") as file, pytest.raises(ValueError, match="plain ASCII"):
        Multipart({}, {"f1": (name, file)})


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


# ------------------------------------------------------------------------------- failures


def cut(connection: Connected) -> None:
    """Reset the connection before the answer."""
    connection.take()
    connection.close_connection = True
    connection.connection.shutdown(socket.SHUT_RDWR)


def cut_in_the_middle(connection: Connected) -> None:
    """Promise more than is sent."""
    connection.take()
    connection.send_response(200)
    connection.send_header("Content-Length", "500")
    connection.end_headers()
    connection.wfile.write(b'{"ok":true,')
    connection.close_connection = True


def drips(connection: Connected) -> None:
    """Send a byte of the answer now and then, for ever."""
    connection.take()
    connection.send_response(200)
    connection.send_header("Content-Length", "100000")
    connection.end_headers()
    while not connection.server.over.wait(0.02):
        connection.wfile.write(b" ")
        connection.wfile.flush()


def is_silent(connection: Connected) -> None:
    """Take the request and say nothing."""
    connection.take()
    connection.server.over.wait()


FAILURES: list[tuple[str, Responder, type[Exception]]] = [
    ("429", refuses(429, "Too Many Requests", retry_after=3), TelegramBusy),
    ("401", refuses(401, "Unauthorized"), TelegramUnauthorized),
    ("409", refuses(409, "Conflict"), TelegramConflict),
    ("403", refuses(403, "Forbidden: bot was blocked by the user"), ChatClosed),
    ("gone", refuses(400, "Bad Request: message to edit not found"), MessageGone),
    ("file_id", refuses(400, "Bad Request: FILE_REFERENCE_EXPIRED"), FileIdRefused),
    ("413", refuses(413, "Request Entity Too Large"), JobError),
    ("413 page", says(413, b"<html>too large</html>"), JobError),
    ("400", refuses(400, f'Bad Request: no entity "{DIARY}" at {TOKEN}'), JobError),
    ("500", refuses(500, "Internal Server Error"), TelegramUnreachable),
    ("502 page", says(502, f"<html>{TOKEN}</html>".encode()), TelegramUnreachable),
    ("404 page", says(404, b"<html>nothing here</html>"), TelegramUnreachable),
    ("no json", says(200, b'{"ok":true,'), TelegramUnreachable),
    ("deep json", says(200, b"[" * 100_000), TelegramUnreachable),
    ("no object", says(200, [1]), TelegramUnreachable),
    ("no result", says(200, {"ok": True}), TelegramUnreachable),
    ("odd result", says(200, {"ok": True, "result": True}), TelegramUnreachable),
    ("no gzip", says(200, b"plain", **{"Content-Encoding": "gzip"}), TelegramUnreachable),
    ("endless", says(200, b" " * (17 * 1024 * 1024)), TelegramUnreachable),
    ("redirect", says(302, b"", Location="/elsewhere"), TelegramUnreachable),
    ("cut", cut, TelegramUnreachable),
    ("cut in the middle", cut_in_the_middle, TelegramUnreachable),
    ("drips", drips, TelegramUnreachable),
    ("silent", is_silent, TelegramUnreachable),
]


@pytest.mark.parametrize(
    ("respond", "kind"), [case[1:] for case in FAILURES], ids=[case[0] for case in FAILURES]
)
def test_a_failure_is_typed_and_keeps_every_secret(
    server: Scripted,
    respond: Responder,
    kind: type[Exception],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(transport, "READ_TIMEOUT_S", 0.3)
    caplog.set_level(logging.DEBUG)
    client = Client(Connection(TOKEN, server.url))
    server.respond = respond
    with pytest.raises(kind) as caught:
        client.send_text(CHAT, DIARY)
    output = capfd.readouterr()
    told = everything_told_by(caught.value) + caplog.text + output.out + output.err
    for secret in (TOKEN, TOKEN.partition(":")[2], DIARY):
        assert secret not in told
    assert len(server.received) == 1


@pytest.mark.negative
def test_the_library_alone_would_tell_the_token() -> None:
    """Without the sender of ours the same failure holds the address, which is why it exists."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(apihelper, "CUSTOM_REQUEST_SENDER", None)
        monkeypatch.setattr(apihelper, "API_URL", "http://127.0.0.1:1/bot{0}/{1}")
        with pytest.raises(OSError, match="Max retries exceeded") as caught:
            apihelper.send_message(TOKEN, CHAT, DIARY)
    assert TOKEN in everything_told_by(caught.value)


def test_a_refused_connection_is_typed_and_keeps_every_secret() -> None:
    client = Client(Connection(TOKEN, "http://127.0.0.1:1"))
    with pytest.raises(TelegramUnreachable) as caught:
        client.send_text(CHAT, DIARY)
    told = everything_told_by(caught.value)
    assert TOKEN not in told
    assert "127.0.0.1" not in told


def test_a_connection_shows_neither_token_nor_proxy() -> None:
    shown = repr(Connection(TOKEN, proxy="http://ada:secret@proxy.example"))
    assert "AAH" not in shown
    assert "secret" not in shown


@pytest.mark.parametrize("method", ["getMe", "getUpdates"])
def test_a_malformed_token_is_unauthorized(server: Scripted, client: Client, method: str) -> None:
    server.respond = refuses(404, "Not Found")
    with pytest.raises(TelegramUnauthorized):
        client.get_me() if method == "getMe" else client.get_updates(1, 0, ALLOWED_UPDATES)


@pytest.mark.parametrize("result", [None, {}, [1], "x"])
def test_updates_that_are_none_are_no_answer(
    server: Scripted, client: Client, result: object
) -> None:
    server.respond = says(200, {"ok": True, "result": result})
    with pytest.raises(TelegramUnreachable):
        client.get_updates(1, 0, ALLOWED_UPDATES)


TROUBLES: list[FaultKind] = ["bad_gateway", "server_error", "cut_before", "cut_after"]


@pytest.mark.parametrize("trouble", [*TROUBLES, "malformed_json"])
def test_the_next_call_works_after_trouble(api: BotApi, trouble: FaultKind) -> None:
    client = Client(Connection(TOKEN, api.url))
    api.faults.add(Trouble("sendMessage", trouble))
    with pytest.raises(TelegramUnreachable):
        client.send_text(CHAT, "one")
    assert client.send_text(CHAT, "two")


def test_a_group_that_moved_is_followed(server: Scripted, client: Client) -> None:
    def respond(connection: Connected) -> None:
        connection.take()
        old = server.received[-1].form["chat_id"] == "-5"
        answer: dict[str, object] = {"ok": True, "result": {"message_id": 9}}
        if old:
            answer = {"ok": False, "error_code": 400, "description": "Bad Request: moved"}
            answer["parameters"] = {"migrate_to_chat_id": -1005}
        connection.answer(400 if old else 200, json.dumps(answer).encode())

    server.respond = respond
    assert client.send_text(-5, "hi") == 9
    client.edit_text(-5, 9, "there")
    assert [request.form["chat_id"] for request in server.received] == ["-5", "-1005"] * 2


def test_a_group_that_moves_for_ever_is_closed(server: Scripted, client: Client) -> None:
    server.respond = refuses(400, "Bad Request: moved", migrate_to_chat_id=-1005)
    with pytest.raises(ChatClosed):
        client.send_text(-5, "hi")
    assert len(server.received) == 2


class Stop(BaseException):
    """What a signal handler raises to leave a long poll."""


def test_a_signal_handlers_exception_ends_a_poll_at_once(api: BotApi) -> None:
    def stop(_number: int, _frame: FrameType | None) -> None:
        raise Stop

    client = Client(Connection(TOKEN, api.url))
    main = threading.main_thread().ident
    assert main is not None
    before = signal.signal(signal.SIGUSR1, stop)
    api.on_call = lambda _call: signal.pthread_kill(main, signal.SIGUSR1)
    try:
        with pytest.raises(Stop):
            client.get_updates(0, 50, ALLOWED_UPDATES)
    finally:
        api.on_call = None
        signal.signal(signal.SIGUSR1, before)
    assert client.get_me()


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
    assert caught.value.reason is Reason.TOO_LARGE


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
