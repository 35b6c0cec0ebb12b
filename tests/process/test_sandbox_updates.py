"""Updates, messages and edits go through the stand-in as through the Bot API."""

from __future__ import annotations

import contextlib
import http.client
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.sandbox.api import DEFAULT_CHAT as CHAT
from tests.sandbox.api import BotApi
from tests.sandbox.chats import NOT_MODIFIED
from tests.sandbox.client import Client
from tests.support.sandbox_kit import MP4, edit_media, keyboard, send_text, video
from tests.support.sandbox_kit import api as api
from tests.support.sandbox_kit import client as client

# --------------------------------------------------------------------------------- updates


def update_ids(client: Client, **params: Any) -> list[int]:
    return [update["update_id"] for update in client.call("getUpdates", **params).result]


def test_updates_stay_until_a_higher_offset_confirms_them(client: Client, api: BotApi) -> None:
    for text in ("one", "two", "three"):
        api.say(text)
    first, second, third = update_ids(client)
    assert [second, third] == [first + 1, first + 2]
    assert update_ids(client, limit=2) == [first, second]
    assert update_ids(client, offset=-1) == [third], "a negative offset forgets the others"
    assert update_ids(client) == [third]
    assert update_ids(client, offset=third + 1) == []
    assert api.pending_updates == []


def test_long_poll_ends_with_the_first_update(client: Client, api: BotApi) -> None:
    with ThreadPoolExecutor() as pool:
        poll = pool.submit(client.call, "getUpdates", timeout=30)
        api.wait_for(lambda: api.calls)
        message_id = api.say("/start now")
        (update,) = poll.result(10).result
    assert update["message"]["message_id"] == message_id
    assert update["message"]["entities"] == [{"type": "bot_command", "offset": 0, "length": 6}]
    assert update["message"]["chat"] == {"id": CHAT, "type": "private", "first_name": "Ada"}
    assert update["message"]["from"]["is_bot"] is False


def test_second_poll_ends_the_first_with_a_conflict(client: Client, api: BotApi) -> None:
    with ThreadPoolExecutor() as pool:
        first = pool.submit(client.call, "getUpdates", timeout=30)
        api.wait_for(lambda: api.calls)
        second = pool.submit(client.call, "getUpdates", timeout=30)
        assert first.result(10).description == (
            "Conflict: terminated by other getUpdates request; "
            "make sure that only one bot instance is running"
        )
        api.say("hello")
        assert len(second.result(10).result) == 1
    assert first.result().status == 409


def test_allowed_updates_persist(client: Client, api: BotApi) -> None:
    client.call("getUpdates", allowed_updates=["callback_query"])
    api.say("not wanted")
    assert update_ids(client) == []
    client.call("getUpdates", allowed_updates=[])
    api.say("wanted")
    assert len(update_ids(client)) == 1
    assert api.push({"message_reaction": {}}) is None, "not among the default ones"


def test_delete_webhook_can_drop_what_is_pending(client: Client, api: BotApi) -> None:
    api.say("old")
    assert client.call("deleteWebhook", drop_pending_updates=True).result is True
    assert update_ids(client) == []


def test_raw_update_keeps_its_id(client: Client, api: BotApi) -> None:
    assert api.push({"update_id": 5, "message": {"odd": True}}) == 5
    assert client.call("getUpdates").result == [{"update_id": 5, "message": {"odd": True}}]


def test_stop_ends_a_running_poll(client: Client, api: BotApi) -> None:
    with ThreadPoolExecutor() as pool:
        poll = pool.submit(client.call, "getUpdates", timeout=50)
        api.wait_for(lambda: api.calls)
        started = time.monotonic()
        api.stop()
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
            poll.result(10)
    assert time.monotonic() - started < 5


# ----------------------------------------------------------------------- messages and edits


def test_edits_keep_the_history(client: Client, api: BotApi) -> None:
    link = api.say("http://a.example/b")
    status = send_text(
        client,
        "<i>Wait</i>",
        parse_mode="HTML",
        reply_markup=keyboard("cancel"),
        reply_parameters={"message_id": link},
    )
    client.do("editMessageText", chat_id=CHAT, message_id=status, text="40 %")
    result = edit_media(client, status, width=320, height=240, duration=3, caption="Done").result
    assert "text" not in result
    assert result["caption"] == "Done"
    assert result["reply_to_message"]["message_id"] == link
    assert {**result["video"], "file_id": 0, "file_unique_id": 0} == {
        "file_id": 0,
        "file_unique_id": 0,
        "file_size": len(MP4[1]),
        "file_name": "clip.mp4",
        "mime_type": "video/mp4",
        "width": 320,
        "height": 240,
        "duration": 3,
    }
    _, message = api.chat()
    assert (message.kind, message.text, message.reply_to) == ("video", None, link)
    assert message.media is not None
    assert message.media.path.read_bytes() == MP4[1]
    assert [state.text for state in message.history] == ["Wait", "40 %"]
    assert message.history[0].buttons == [[("Do cancel", "cancel")]]
    assert message.history[1].buttons == [], "an edit without a keyboard removes it"
    assert "<video, 320x240, 3 s, 59.5 kB: clip.mp4>  Done" in api.transcript(CHAT)


def test_identical_edit_is_refused(client: Client) -> None:
    markup = keyboard("cancel")
    status = send_text(client, "Wait", reply_markup=markup)
    same: dict[str, Any] = {"chat_id": CHAT, "message_id": status, "reply_markup": markup}
    refused = f"Bad Request: {NOT_MODIFIED}"
    assert client.call("editMessageText", text=" Wait", **same).description == refused
    assert client.call("editMessageReplyMarkup", **same).description == refused
    file_id = edit_media(client, status, caption="a").result["video"]["file_id"]
    assert edit_media(client, status, caption="a").description == refused, "the same bytes"
    by_id = video(media=file_id, caption="a")
    again = client.call("editMessageMedia", chat_id=CHAT, message_id=status, media=by_id)
    assert again.description == refused
    assert edit_media(client, status, caption="b").status == 200
    caption = client.call("editMessageCaption", chat_id=CHAT, message_id=status, caption="b")
    assert caption.description == refused


def test_edit_must_fit_the_message(client: Client, api: BotApi) -> None:
    text = send_text(client)
    here: dict[str, Any] = {"chat_id": CHAT, "message_id": text}
    no_caption = client.call("editMessageCaption", caption="a", **here)
    assert no_caption.description.endswith("there is no caption in the message to edit")
    assert edit_media(client, text).status == 200
    no_text = client.call("editMessageText", text="a", **here)
    assert no_text.description.endswith("there is no text in the message to edit")
    theirs = client.call("editMessageText", chat_id=CHAT, message_id=api.say("a"), text="b")
    assert theirs.description.endswith("message can't be edited")
    api.delete_message(CHAT, text)
    assert edit_media(client, text).description.endswith("message to edit not found")


def test_reply_to_a_deleted_message(client: Client, api: BotApi) -> None:
    link = api.say("http://a.example")
    api.delete_message(CHAT, link)
    reply = {"message_id": link, "allow_sending_without_reply": True}
    message = client.call("sendMessage", chat_id=CHAT, text="a", reply_parameters=reply).result
    assert "reply_to_message" not in message


def test_bot_deletes_a_message(client: Client, api: BotApi) -> None:
    message_id = send_text(client)
    assert client.call("deleteMessage", chat_id=CHAT, message_id=message_id).result is True
    assert api.chat()[-1].deleted


def test_blocked_bot_is_told_so(client: Client, api: BotApi) -> None:
    status = send_text(client)
    api.block(CHAT)
    assert "my_chat_member" in client.call("getUpdates").result[0]
    for answer in (
        client.call("sendMessage", chat_id=CHAT, text="a"),
        client.call("editMessageText", chat_id=CHAT, message_id=status, text="b"),
    ):
        assert answer.status == 403
        assert answer.description == "Forbidden: bot was blocked by the user"
    api.block(CHAT, blocked=False)
    send_text(client)


def test_pressed_button_arrives_as_a_query(client: Client, api: BotApi) -> None:
    status = send_text(client, reply_markup=keyboard("cancel:7"))
    query_id = api.press(CHAT, status, "Do cancel:7", user_id=42)
    (update,) = client.call("getUpdates").result
    query = update["callback_query"]
    assert (query["id"], query["data"], query["from"]["id"]) == (query_id, "cancel:7", 42)
    assert query["message"]["message_id"] == status
    answers: list[str] = []
    api.events.subscribe(lambda event: answers.append(f"{event.kind} {event.text}"))
    client.do("answerCallbackQuery", callback_query_id=query_id, text="Stopped")
    assert answers == ["answer Stopped"]
    with pytest.raises(LookupError, match="no button 'Retry'"):
        api.press(CHAT, status, "Retry")


SCOPE = {"type": "chat", "chat_id": CHAT}


def test_other_methods(client: Client, api: BotApi) -> None:
    commands = [{"command": "start", "description": "Begin"}]
    assert client.call("setMyCommands", commands=commands).result is True
    assert client.call("setMyCommands", commands=commands, scope=SCOPE).result is True
    assert api.menus == {"default": commands, f"chat:{CHAT}": commands}
    assert client.call("deleteMyCommands", scope=SCOPE).result is True
    assert api.menus == {"default": commands}
    assert client.call("sendChatAction", chat_id=CHAT, action="upload_video").result is True
    group = api.open(-100200, "Films")
    chat = client.call("getChat", chat_id=group).result
    assert (chat["type"], chat["title"]) == ("supergroup", "Films")
