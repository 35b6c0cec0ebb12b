"""The stand-in takes calls as the Bot API does, and refuses those it would refuse."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import telebot
from telebot.apihelper import ApiTelegramException
from telebot.types import InlineKeyboardButton, InlineKeyboardMarkup, InputFile, InputMediaVideo

from tests.sandbox.api import DEFAULT_CHAT as CHAT
from tests.sandbox.api import BotApi
from tests.sandbox.client import MULTIPART, Answer, Client, multipart
from tests.sandbox.clips import SAMPLE
from tests.sandbox.faults import Fault
from tests.support.sandbox_kit import JPEG, MP4, keyboard
from tests.support.sandbox_kit import api as api
from tests.support.sandbox_kit import client as client

# ------------------------------------------------------------------------------- parameters


def in_query(client: Client, params: dict[str, str]) -> Answer:
    return client.by_query("sendMessage", **params)


def in_form(client: Client, params: dict[str, str]) -> Answer:
    kind = "application/x-www-form-urlencoded"
    return client.raw("sendMessage", urlencode(params).encode(), content_type=kind)


def in_json(client: Client, params: dict[str, str]) -> Answer:
    body = json.dumps({**params, "chat_id": CHAT}).encode()
    return client.raw("sendMessage", body, content_type="application/json; charset=utf-8")


def in_multipart(client: Client, params: dict[str, str]) -> Answer:
    return client.raw("sendMessage", b"".join(multipart(params, {})), content_type=MULTIPART)


def in_chunks(client: Client, params: dict[str, str]) -> Answer:
    body = b"".join(multipart(params, {}))
    pieces = [body[i : i + 7] for i in range(0, len(body), 7)]
    return client.raw("sendMessage", pieces, content_type=MULTIPART)


def in_query_of_a_post(client: Client, params: dict[str, str]) -> Answer:
    return client.raw(f"sendMessage?{urlencode(params)}", b"")


@pytest.mark.parametrize(
    "way", [in_query, in_form, in_json, in_multipart, in_chunks, in_query_of_a_post]
)
def test_parameters_are_taken_from(
    way: Callable[[Client, dict[str, str]], Answer], client: Client, api: BotApi
) -> None:
    text = "Hé & <b>+ 100 %\n🎬"
    assert way(client, {"chat_id": str(CHAT), "text": text}).result["text"] == text
    assert api.chat()[-1].text == text


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("sendMessage", {"text": "a"}, "chat_id is empty"),
    ("sendMessage", {"chat_id": CHAT}, "message text is empty"),
    ("sendMessage", {"chat_id": CHAT, "text": ""}, "message text is empty"),
    ("sendMessage", {"chat_id": CHAT, "text": " \n"}, "text must be non-empty"),
    ("sendMessage", {"chat_id": CHAT, "text": "a" * 4097}, "message is too long"),
    ("sendMessage", {"chat_id": CHAT, "text": "🎬" * 2049}, "message is too long"),
    ("sendMessage", {"chat_id": 5, "text": "a"}, "chat not found"),
    ("sendMessage", {"chat_id": "five", "text": "a"}, 'parameter "chat_id" must be Integer'),
    ("sendMessage", {"chat_id": CHAT, "text": "a", "tekst": "b"}, 'unknown parameter "tekst"'),
    ("sendMessage", {"chat_id": CHAT, "text": ["a"]}, 'parameter "text" must be String'),
    ("sendMessage", {"chat_id": CHAT, "text": "a", "parse_mode": "x"}, "unsupported parse_mode"),
    (
        "sendMessage",
        {"chat_id": CHAT, "text": "a", "disable_notification": "maybe"},
        'parameter "disable_notification" must be Boolean',
    ),
    (
        "sendMessage",
        {"chat_id": CHAT, "text": "a", "reply_parameters": {"message": 1}},
        'unknown field "message" in reply_parameters',
    ),
    (
        "sendMessage",
        {"chat_id": CHAT, "text": "a", "reply_parameters": {}},
        'field "message_id" of reply_parameters (ReplyParameters) is required',
    ),
    (
        "sendMessage",
        {"chat_id": CHAT, "text": "a", "reply_parameters": {"message_id": 99}},
        "message to be replied not found",
    ),
    (
        "sendMessage",
        {"chat_id": CHAT, "text": "a", "reply_markup": "{"},
        'can\'t parse parameter "reply_markup"',
    ),
    (
        "sendMessage",
        {"chat_id": CHAT, "text": "a", "reply_markup": keyboard("x" * 65)},
        "BUTTON_DATA_INVALID",
    ),
    (
        "sendMessage",
        {"chat_id": CHAT, "text": "a", "reply_markup": keyboard("é" * 33)},
        "BUTTON_DATA_INVALID",
    ),
    (
        "sendMessage",
        {"chat_id": CHAT, "text": "a", "reply_markup": {"inline_keyboard": [[{"text": "b"}]]}},
        "can't parse inline keyboard button",
    ),
    ("sendVideo", {"chat_id": CHAT}, 'parameter "video" is required'),
    ("sendVideo", {"chat_id": CHAT, "video": "BAAC"}, "wrong remote file identifier specified"),
    ("sendVideo", {"chat_id": CHAT, "video": "file:///etc/hosts"}, "invalid file URI specified"),
    ("sendVideo", {"chat_id": CHAT, "video": "attach://a"}, 'file "a" is not in the request'),
    ("editMessageText", {"chat_id": CHAT, "text": "a"}, "message identifier is not specified"),
    (
        "editMessageText",
        {"chat_id": CHAT, "message_id": 77, "text": "a"},
        "message to edit not found",
    ),
    (
        "editMessageMedia",
        {"chat_id": CHAT, "message_id": 77, "media": {"type": "film", "media": "x"}},
        "can't parse InputMedia",
    ),
    ("deleteMessage", {"chat_id": CHAT, "message_id": 77}, "message to delete not found"),
    ("sendChatAction", {"chat_id": CHAT, "action": "sleeping"}, "wrong parameter action"),
    ("answerCallbackQuery", {"callback_query_id": "1"}, "query is too old"),
    ("getFile", {"file_id": "x"}, "wrong remote file identifier specified"),
    ("getChat", {"chat_id": 5}, "chat not found"),
    ("setMyCommands", {"commands": [{"command": "St art", "description": "x"}]}, "BOT_COMMAND"),
    ("getUpdates", {"timeout": "soon"}, 'parameter "timeout" must be Integer'),
]


@pytest.mark.parametrize(("method", "params", "reason"), REFUSED)
def test_call_is_refused(
    method: str, params: dict[str, Any], reason: str, client: Client, api: BotApi
) -> None:
    answer = client.call(method, **params)
    assert (answer.status, answer.body["error_code"], answer.body["ok"]) == (400, 400, False)
    assert answer.description.startswith(f"Bad Request: {reason}")
    assert api.chat() == []
    assert [(call.method, call.status) for call in api.calls] == [(method, 400)]


def test_method_names_are_matched_in_any_case(client: Client) -> None:
    assert client.raw("GETME", b"").result["is_bot"] is True


def test_unknown_method_is_not_found(client: Client) -> None:
    assert client.call("sendPigeon").body == {
        "ok": False,
        "error_code": 404,
        "description": "Not Found: method not found",
    }


def test_another_token_is_unauthorized(client: Client, api: BotApi) -> None:
    answer = client.raw("getMe", b"", token="123456789:AAother")
    assert (answer.status, answer.description) == (401, "Unauthorized")
    assert api.calls[-1].status == 401


def test_connection_is_kept_alive(api: BotApi) -> None:
    connection = http.client.HTTPConnection(urlsplit(api.url).netloc, timeout=10)
    connection.connect()
    first = connection.sock
    for _ in range(3):
        connection.request("POST", f"/bot{api.token}/getMe")
        assert json.loads(connection.getresponse().read())["ok"]
    assert connection.sock is first
    connection.close()


# -------------------------------------------------------------------------- a real client


@pytest.fixture
def bot(api: BotApi, monkeypatch: pytest.MonkeyPatch) -> telebot.TeleBot:
    monkeypatch.setattr(telebot.apihelper, "API_URL", api.url + "/bot{0}/{1}")
    # The bot's own client, if it was used before, has put its sender there.
    monkeypatch.setattr(telebot.apihelper, "CUSTOM_REQUEST_SENDER", None)
    monkeypatch.setattr(telebot.apihelper, "FILE_URL", api.url + "/file/bot{0}/{1}")
    return telebot.TeleBot(api.token, threaded=False)


def test_pytelegrambotapi_works_with_it(bot: telebot.TeleBot, api: BotApi, tmp_path: Path) -> None:
    assert bot.get_me().username == "sandbox_bot"
    link = api.say("http://a.example/b")
    (update,) = bot.get_updates(allowed_updates=["message", "callback_query"], timeout=1)
    assert update.message is not None
    assert [entity.type for entity in update.message.entities or []] == ["url"]
    markup = InlineKeyboardMarkup([[InlineKeyboardButton("Cancel", callback_data="c")]])
    status = bot.send_message(
        CHAT,
        "<b>Wait</b>",
        parse_mode="HTML",
        reply_markup=markup,
        reply_parameters=telebot.types.ReplyParameters(link),
        link_preview_options=telebot.types.LinkPreviewOptions(is_disabled=True),
    )
    (tmp_path / "t.jpg").write_bytes(JPEG)
    media = InputMediaVideo(
        InputFile(SAMPLE),
        thumbnail=InputFile(tmp_path / "t.jpg"),
        caption="Done",
        width=320,
        height=240,
        duration=3,
        supports_streaming=True,
    )
    edited = bot.edit_message_media(media, CHAT, status.message_id)
    assert isinstance(edited, telebot.types.Message)
    assert edited.video is not None
    assert bot.download_file(bot.get_file(edited.video.file_id).file_path or "") == MP4[1]
    sent = bot.send_video(CHAT, edited.video.file_id, caption="again")
    assert sent.video is not None
    assert sent.video.width == 320
    bot.send_chat_action(CHAT, "upload_video")
    bot.set_my_commands([telebot.types.BotCommand("start", "Begin")])
    bot.delete_message(CHAT, sent.message_id)
    api.faults.add(Fault("sendMessage", "too_many_requests", retry_after=3))
    with pytest.raises(ApiTelegramException) as caught:
        bot.send_message(CHAT, "x")
    assert caught.value.result_json["parameters"]["retry_after"] == 3
    assert {call.status for call in api.calls} == {200, 429}
