"""Calls over HTTP that fail: each failure is typed, and keeps what is secret."""

import logging
import signal
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from types import FrameType

import pytest
from telebot import apihelper

from tests.sandbox.api import BotApi
from tests.sandbox.faults import Fault as Trouble
from tests.sandbox.faults import FaultKind
from tests.support.scripted_server import (
    CHAT,
    DIARY,
    TOKEN,
    Connected,
    Responder,
    Scripted,
    everything_told_by,
    refuses,
    says,
)
from tests.support.scripted_server import api as api
from tests.support.scripted_server import client as client
from tests.support.scripted_server import long_poll as long_poll
from tests.support.scripted_server import server as server
from worker.errors import (
    ChatClosed,
    ChatMoved,
    FileIdRefused,
    JobError,
    MessageGone,
    TelegramBusy,
    TelegramConflict,
    TelegramUnauthorized,
    TelegramUnreachable,
    TopicClosed,
)
from worker.protocol import AnswerButton
from worker.protocol.choices import Menu
from worker.protocol.lists import ListMenu
from worker.telegram import transport
from worker.telegram.api_access import ApiAccess
from worker.telegram.client import Client
from worker.telegram.delivery import answer_button
from worker.telegram.handlers import ALLOWED_UPDATES
from worker.telegram.long_poll import LongPoll


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
    client = Client(ApiAccess(TOKEN, server.url))
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
    client = Client(ApiAccess(TOKEN, "http://127.0.0.1:1"))
    with pytest.raises(TelegramUnreachable) as caught:
        client.send_text(CHAT, DIARY)
    told = everything_told_by(caught.value)
    assert TOKEN not in told
    assert "127.0.0.1" not in told


def test_a_connection_shows_neither_token_nor_proxy() -> None:
    shown = repr(ApiAccess(TOKEN, proxy="http://ada:secret@proxy.example"))
    assert "AAH" not in shown
    assert "secret" not in shown


@pytest.mark.parametrize("method", ["getMe", "getUpdates"])
def test_a_malformed_token_is_unauthorized(
    server: Scripted, long_poll: LongPoll, method: str
) -> None:
    server.respond = refuses(404, "Not Found")
    with pytest.raises(TelegramUnauthorized):
        long_poll.get_me() if method == "getMe" else long_poll.get_updates(1, 0, ALLOWED_UPDATES)


@pytest.mark.parametrize("result", [None, {}, [1], "x"])
def test_updates_that_are_none_are_no_answer(
    server: Scripted, long_poll: LongPoll, result: object
) -> None:
    server.respond = says(200, {"ok": True, "result": result})
    with pytest.raises(TelegramUnreachable):
        long_poll.get_updates(1, 0, ALLOWED_UPDATES)


TROUBLES: list[FaultKind] = ["bad_gateway", "server_error", "cut_before", "cut_after"]


@pytest.mark.parametrize("trouble", [*TROUBLES, "malformed_json"])
def test_the_next_call_works_after_trouble(api: BotApi, trouble: FaultKind) -> None:
    client = Client(ApiAccess(TOKEN, api.url))
    api.faults.add(Trouble("sendMessage", trouble))
    with pytest.raises(TelegramUnreachable):
        client.send_text(CHAT, "one")
    assert client.send_text(CHAT, "two")


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.send_text(-5, "hi", 3),
        lambda client: client.edit_text(-5, 9, "there"),
        lambda client: client.edit_buttons(-5, 9, ()),
        lambda client: client.delete_message(-5, 9),
    ],
)
def test_nothing_is_done_in_a_supergroup_with_the_ids_of_its_group(
    server: Scripted, client: Client, call: Callable[[Client], object]
) -> None:
    server.respond = refuses(400, "Bad Request: moved", migrate_to_chat_id=-1005)
    with pytest.raises(ChatMoved) as moved:
        call(client)
    assert moved.value.chat_id == -1005
    assert [request.form["chat_id"] for request in server.received] == ["-5"]


def test_a_message_without_a_link_in_its_chat_is_no_reply(server: Scripted, client: Client) -> None:
    server.respond = says(200, {"ok": True, "result": {"message_id": 9}})
    assert client.send_text(-1005, "hi", 0) == 9
    assert "reply_parameters" not in server.received[0].form


@pytest.mark.parametrize("shown", ["menu", "list_menu"])
@pytest.mark.parametrize(
    ("code", "words", "error"),
    [
        (400, "Bad Request: TOPIC_CLOSED", TopicClosed),
        (403, "Forbidden: bot was kicked from the supergroup chat", ChatClosed),
        (429, "Too Many Requests: retry after 40", TelegramBusy),
        (400, "Bad Request: REPLY_MARKUP_INVALID", JobError),
    ],
)
def test_a_press_is_answered_though_its_menu_cannot_be_shown(
    server: Scripted, client: Client, code: int, words: str, error: type[Exception], shown: str
) -> None:
    def respond(connection: Connected) -> None:
        if "editMessageReplyMarkup" in connection.requestline:
            refuses(code, words)(connection)
        else:
            says(200, {"ok": True, "result": True})(connection)

    server.respond = respond
    answer = AnswerButton("press", "en", None)
    if shown == "menu":
        answer = replace(answer, menu=Menu(7, 50, 1, "all", has_qualities=True))
    else:
        answer = replace(answer, list_menu=ListMenu(7, 50, 1, 3, is_whole=True))
    with pytest.raises(error):
        answer_button(client, answer)
    assert "answerCallbackQuery" in server.received[-1].line


class Stop(BaseException):
    """What a signal handler raises to leave a long poll."""


def test_a_signal_handlers_exception_ends_a_poll_at_once(api: BotApi) -> None:
    def stop(_number: int, _frame: FrameType | None) -> None:
        raise Stop

    long_poll = LongPoll(ApiAccess(TOKEN, api.url))
    main = threading.main_thread().ident
    assert main is not None
    before = signal.signal(signal.SIGUSR1, stop)
    api.on_call = lambda _call: signal.pthread_kill(main, signal.SIGUSR1)
    try:
        with pytest.raises(Stop):
            long_poll.get_updates(0, 50, ALLOWED_UPDATES)
    finally:
        api.on_call = None
        signal.signal(signal.SIGUSR1, before)
    assert long_poll.get_me()
