"""What the chat page is told and what it can do, without a browser."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.sandbox.api import DEFAULT_CHAT as CHAT
from tests.sandbox.api import BotApi
from tests.sandbox.chat_page import ChatPage, Sample
from tests.sandbox.client import Client
from tests.sandbox.clips import SAMPLE
from tests.sandbox.people import CAST, GROUP, introduce_all
from tests.support.sandbox_kit import MP4, edit_media, keyboard, send_text
from tests.support.sandbox_kit import api as api
from tests.support.sandbox_kit import client as client

ADA = {"chat": CHAT, "user": CHAT}
JONAS = 1002


@pytest.fixture
def page(api: BotApi) -> Iterator[ChatPage]:
    introduce_all(api)
    running = ChatPage(api, [Sample("http://a.example/clip.mp4", "a video")])
    running.start()
    yield running
    running.stop()


def ask(
    page: ChatPage, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(urlsplit(page.url).netloc, timeout=20)
    with contextlib.closing(connection):
        data = None if body is None else json.dumps(body)
        kind = {"Content-Type": "application/json"} if data else {}
        connection.request("POST" if data else "GET", path, data, {**kind, **(headers or {})})
        response = connection.getresponse()
        return response.status, response.read()


def test_page_shows_the_conversation(page: ChatPage, client: Client, api: BotApi) -> None:
    html = ask(page, "/")[1]
    assert b"<!doctype html>" in html
    parts = re.findall(rb'(?:href|src)="(/[^"]+)"', html)
    assert b"/app.js" in parts
    assert {ask(page, part.decode())[0] for part in parts} == {200}
    assert ask(page, "/say", {**ADA, "text": "http://a.example/b"})[0] == 200
    status = send_text(client, reply_markup=keyboard("cancel"))
    assert ask(page, "/press", {**ADA, "message": status, "data": "cancel"})[0] == 200
    assert "callback_query" in api.pending_updates[-1]
    assert edit_media(client, status, width=320, height=240).status == 200
    state = json.loads(ask(page, "/state")[1])
    assert [message["text"] for message in state["messages"]] == ["http://a.example/b", ""]
    media = state["messages"][1]["media"]
    assert ask(page, media["url"]) == (200, MP4[1])
    assert ask(page, media["url"], headers={"Range": "bytes=10-19"}) == (206, MP4[1][10:20])
    assert state["samples"] == [{"url": "http://a.example/clip.mp4", "what": "a video"}]


def test_page_state_waits_for_a_change(page: ChatPage, client: Client, api: BotApi) -> None:
    version = json.loads(ask(page, "/state")[1])["version"]
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(ask, page, f"/state?version={version}")
        threading.Event().wait(0.05)
        assert not waiting.done()
        api.say("hello")
        assert json.loads(waiting.result(10)[1])["messages"][0]["text"] == "hello"


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/", None, {"Host": "evil.example"}, 403),
        ("/say", {**ADA, "text": "x"}, {"Host": "evil.example"}, 403),
        ("/say", {**ADA, "text": "x"}, {"Content-Type": "text/plain"}, 403),
        ("/say", ADA, {}, 400),
        ("/say", {"text": "x"}, {}, 400),
        ("/say", {**ADA, "chat": 5, "text": "x"}, {}, 400),
        ("/say", {**ADA, "text": "x", "replyTo": 99}, {}, 400),
        ("/state?chat=5", None, {}, 400),
        ("/state?chat=x", None, {}, 400),
        ("/stop", ADA, {}, 400),
        ("/trouble", {"name": "kill-bot"}, {}, 400),
        ("/../chat_page.py", None, {}, 404),
        ("/press", {**ADA, "message": 1, "data": "x"}, {}, 400),
        ("/media/1001/99", None, {}, 404),
        ("/elsewhere", None, {}, 404),
    ],
)
def test_page_refuses(
    path: str, body: Any, headers: dict[str, str], status: int, page: ChatPage
) -> None:
    assert ask(page, path, body, headers)[0] == status


def state(page: ChatPage, chat: int, user: int) -> Any:
    return json.loads(ask(page, f"/state?chat={chat}&user={user}")[1])


def test_page_has_several_people_and_a_group(page: ChatPage, client: Client, api: BotApi) -> None:
    assert [chat["id"] for chat in state(page, CHAT, CHAT)["chats"]] == [
        *(person.user_id for person in CAST),
        GROUP,
    ]
    said = {"chat": GROUP, "user": JONAS, "text": "hello"}
    assert ask(page, "/say", said)[0] == 200
    update = api.pending_updates[-1]["message"]
    assert (update["from"]["language_code"], update["chat"]["type"]) == ("de", "supergroup")
    (message,) = state(page, GROUP, CHAT)["messages"]
    assert (message["sender"], message["user"]) == ("Jonas", JONAS)
    assert state(page, CHAT, CHAT)["messages"] == []


def test_page_replies(page: ChatPage, client: Client, api: BotApi) -> None:
    first = send_text(client, "A video")
    assert ask(page, "/say", {**ADA, "text": "/audio", "replyTo": first})[0] == 200
    replied = api.pending_updates[-1]["message"]["reply_to_message"]
    assert (replied["text"], replied["from"]["is_bot"]) == ("A video", True)
    assert state(page, CHAT, CHAT)["messages"][-1]["replyTo"] == first


def test_page_offers_the_menu_of_commands(page: ChatPage, client: Client) -> None:
    def set_menu(name: str, scope: dict[str, Any], **more: Any) -> None:
        commands = [{"command": name, "description": "does it"}]
        assert client.call("setMyCommands", commands=commands, scope=scope, **more).status == 200

    def offered(chat: int, user: int) -> list[str]:
        return [each["command"] for each in state(page, chat, user)["menu"]]

    assert offered(CHAT, CHAT) == []
    set_menu("everybody", {"type": "default"})
    set_menu("groups", {"type": "all_group_chats"})
    set_menu("private", {"type": "all_private_chats"})
    set_menu("privat", {"type": "all_private_chats"}, language_code="de")
    set_menu("own", {"type": "chat", "chat_id": CAST[-1].user_id})
    set_menu("leads", {"type": "all_chat_administrators"})
    assert offered(CHAT, CHAT) == ["private"]
    assert offered(JONAS, JONAS) == ["privat"]
    assert offered(CAST[-1].user_id, CAST[-1].user_id) == ["own"]
    assert offered(GROUP, JONAS) == ["groups"]
    assert offered(GROUP, CHAT) == ["leads"]


def test_page_shows_albums_and_songs(page: ChatPage, client: Client) -> None:
    files = {"one": ("one.mp4", MP4[1]), "two": ("two.mp4", MP4[1])}
    media = [{"type": "video", "media": f"attach://{name}"} for name in files]
    assert client.call("sendMediaGroup", files, chat_id=CHAT, media=media).status == 200
    song = {"audio": ("song.mp3", b"ID3 sound")}
    assert client.call("sendAudio", song, chat_id=CHAT, performer="A band").status == 200
    first, second, last = state(page, CHAT, CHAT)["messages"]
    assert first["album"] is not None
    assert first["album"] == second["album"]
    assert (last["album"], last["media"]["performer"]) == (None, "A band")


def test_page_tells_what_the_bot_has_taken(page: ChatPage, client: Client) -> None:
    assert ask(page, "/say", {**ADA, "text": "hello"})[0] == 200
    assert state(page, CHAT, CHAT)["messages"][0]["taken"] is False
    (update,) = client.call("getUpdates", timeout=0).result
    client.call("getUpdates", timeout=0, offset=update["update_id"] + 1)
    assert state(page, CHAT, CHAT)["messages"][0]["taken"] is True


@pytest.mark.usefixtures("needs_ffmpeg")
def test_page_reads_subtitles_out_of_a_video(
    page: ChatPage, client: Client, tmp_path: Path
) -> None:
    film = tmp_path / "film.mp4"
    words = tmp_path / "words.vtt"
    words.write_text("WEBVTT\n\n00:00:00.000 --> 00:00:02.000\nGood morning.\n")
    inputs = ["-i", str(SAMPLE), "-i", str(words), "-i", str(words)]
    streams = ["-map", "0", "-map", "1", "-map", "2", "-c", "copy", "-c:s", "mov_text"]
    tags = ["-metadata:s:s:0", "language=eng", "-metadata:s:s:1", "language=deu"]
    command = ["ffmpeg", "-v", "error", *inputs, *streams, *tags, str(film)]
    subprocess.run(command, check=True, timeout=60)
    for data in (film.read_bytes(), MP4[1]):
        sent = client.call("sendVideo", {"video": ("a.mp4", data)}, chat_id=CHAT)
        assert sent.status == 200
    with_words, without = (each["media"] for each in state(page, CHAT, CHAT)["messages"])
    assert json.loads(ask(page, with_words["subtitles"])[1]) == ["eng", "deu"]
    assert json.loads(ask(page, without["subtitles"])[1]) == []
    status, track = ask(page, f"{with_words['subtitles']}/1")
    assert status == 200
    assert track.startswith(b"WEBVTT")
    assert b"Good morning." in track
    assert ask(page, f"{with_words['subtitles']}/2")[0] == 404
    assert ask(page, "/subtitles/1001/99")[0] == 404


def test_page_lists_the_calls(page: ChatPage, client: Client) -> None:
    send_text(client, "Hello", parse_mode="HTML")
    client.call("getUpdates", timeout=0)
    client.call("sendMessage", chat_id=5, text="To nobody")
    failed, sent = state(page, CHAT, CHAT)["calls"]
    assert (failed["status"], failed["description"]) == (400, "Bad Request: chat not found")
    assert (sent["method"], sent["about"], sent["status"]) == ("sendMessage", "Hello", 200)
    assert json.loads(sent["params"])["parse_mode"] == "HTML"
    assert sent["number"] < failed["number"]
    assert state(page, CHAT, CHAT)["trouble"] is None
