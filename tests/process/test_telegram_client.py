"""Calls over HTTP: what goes out, and what comes back."""

import gzip
import json
from pathlib import Path

import pytest

from tests.sandbox.api import BotApi
from tests.support.scripted_server import CHAT, DIARY, TOKEN, Connected, Responder, Scripted, says
from tests.support.scripted_server import api as api
from tests.support.scripted_server import client as client
from tests.support.scripted_server import long_poll as long_poll
from tests.support.scripted_server import server as server
from worker.telegram.api_access import ApiAccess
from worker.telegram.buttons import Button
from worker.telegram.client import Client
from worker.telegram.handlers import ALLOWED_UPDATES
from worker.telegram.long_poll import LongPoll

CANCEL = [[Button("Cancel", "cancel:1")]]


def test_parameters_travel_in_the_body(server: Scripted, client: Client) -> None:
    assert client.send_text(CHAT, f"{DIARY} & ä🎬", 7, CANCEL) == 5
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
    Client(ApiAccess(TOKEN, server.url + base)).send_text(CHAT, "hi")
    expected = base.rstrip("/").replace("{", "%7B").replace("}", "%7D")
    path = server.received[0].line.split()[1]
    assert path.replace("{", "%7B").replace("}", "%7D") == f"{expected}/bot{TOKEN}/sendMessage"


def test_one_connection_serves_many_calls(server: Scripted, client: Client) -> None:
    for _ in range(5):
        client.send_text(CHAT, "hi")
    assert server.connections == 1


def test_the_configured_proxy_is_used(server: Scripted) -> None:
    client = Client(ApiAccess(TOKEN, "http://api.invalid", proxy=server.url))
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
    server: Scripted, long_poll: LongPoll, timeout_s: int
) -> None:
    server.respond = says(200, {"ok": True, "result": [{"update_id": 3, "x": {}}]})
    assert long_poll.get_updates(0, timeout_s, ALLOWED_UPDATES) == [{"update_id": 3, "x": {}}]
    long_poll.get_updates(4, timeout_s, ALLOWED_UPDATES)
    first, second = (request.form for request in server.received)
    assert json.loads(first["allowed_updates"]) == list(ALLOWED_UPDATES)
    assert first["timeout"] == str(timeout_s)
    assert "offset" not in first
    assert second == first | {"offset": "4"}


def test_the_stand_in_takes_every_call(api: BotApi, tmp_path: Path) -> None:
    access = ApiAccess(TOKEN, api.url + "/")
    client, long_poll = Client(access), LongPoll(access)
    assert client.get_me() == long_poll.get_me()
    assert client.get_me()["is_bot"] is True
    said = api.say("https://a.example/", CHAT)
    [update] = long_poll.get_updates(0, 1, ALLOWED_UPDATES)
    assert update["message"]["message_id"] == said
    message_id = client.send_text(CHAT, "one", said, CANCEL)
    query_id = api.press(CHAT, message_id, "Cancel")
    client.answer_button(query_id, "x" * 300)
    client.answer_button("not a query", "too late")
    client.edit_text(CHAT, message_id, "two", CANCEL)
    client.edit_text(CHAT, message_id, "two", CANCEL)
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
