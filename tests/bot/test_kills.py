"""SIGKILL at each stage of one link's way: one final answer, no process, no directory.

The cases share a bot, or what its deaths have left of it, and each has a chat of its own.
"""

import itertools
import sqlite3
import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from tests.sandbox.patience import PATIENCE_S
from tests.sandbox.site import MediaSite
from tests.support.kills import (
    downloads_worker,
    judge,
    stopped_judge,
    telegram_worker,
    the_bot,
    yt_dlp,
)
from tests.support.scene import CHAT, ONE_WORKER_EACH, Scene, once

Stage = Callable[[Scene, Callable[[], None]], str]
"""Arranges that an action happens at a stage, and returns the path of the link to send.

The link is the only one that is under way.
"""

CHATS = itertools.count(CHAT)


@pytest.fixture(scope="module")
def shared(site: MediaSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with Scene(site, tmp_path_factory.mktemp("shared"), ONE_WORKER_EACH) as scene:
        yield scene


@pytest.fixture
def scene(shared: Scene) -> Iterator[Scene]:
    """The bot that these tests share, with nothing under way."""
    with shared.told():
        shared.wait_until_idle()
        yield shared


@pytest.fixture
def chat() -> int:
    """One that the bot does not know yet."""
    return next(CHATS)


def polling(scene: Scene, action: Callable[[], None]) -> str:
    """The update is on its way to the bot, and not confirmed."""
    scene.api.on_applied = once("getUpdates", action)
    return "/clip/polling.mp4?"


def queued(scene: Scene, action: Callable[[], None]) -> str:
    """The update is on disk, for the next poll confirms it; nothing more is certain."""
    scene.api.on_call = once("getUpdates", action)
    return "/clip/queued.mp4?"


def posting(scene: Scene, action: Callable[[], None]) -> str:
    """The status message stands in the chat, and its number is not recorded."""
    scene.api.on_applied = once("sendMessage", action)
    return "/clip/posting.mp4?"


def downloading(scene: Scene, action: Callable[[], None]) -> str:
    """yt-dlp has begun to receive the file."""
    seen: list[bool] = []

    def progress_is_shown() -> None:
        seen.append(True)
        action()

    scene.api.on_applied = once("editMessageText", progress_is_shown)
    return "/slow/downloading.mp4?seconds=4"


def downloaded(scene: Scene, action: Callable[[], None]) -> str:
    """The file lies on disk, and its delivery waits for the status message."""

    def wait_for_the_file() -> None:
        scene.api.wait_for(
            lambda: scene.ledger(
                "SELECT 1 FROM jobs JOIN requests ON download_id = jobs.id"
                " WHERE jobs.state = 'done' AND requests.answered_at IS NULL"
            )
        )
        action()

    scene.api.on_call = once("sendMessage", wait_for_the_file)
    return "/clip/downloaded.mp4?"


def uploading(scene: Scene, action: Callable[[], None]) -> str:
    """Telegram has received the file, and not taken it yet."""
    scene.api.on_call = once("editMessageMedia", action)
    return "/clip/uploading.mp4?"


def uploaded(scene: Scene, action: Callable[[], None]) -> str:
    """The media stands in the chat, and the bot does not know it yet."""
    scene.api.on_applied = once("editMessageMedia", action)
    return "/clip/uploaded.mp4?"


@pytest.mark.parametrize(
    ("stage", "victim"),
    [
        (polling, the_bot),
        (polling, telegram_worker),
        (polling, downloads_worker),
        (queued, the_bot),
        (queued, telegram_worker),
        (posting, the_bot),
        (posting, telegram_worker),
        (downloading, the_bot),
        (downloading, telegram_worker),
        (downloading, downloads_worker),
        (downloading, yt_dlp),
        (downloading, judge),
        (downloading, stopped_judge),
        (downloaded, the_bot),
        (downloaded, downloads_worker),
        (uploading, the_bot),
        (uploading, telegram_worker),
        (uploaded, the_bot),
        (uploaded, telegram_worker),
    ],
)
def test_killed_on_a_links_way(
    stage: Stage, victim: Callable[[Scene], None], scene: Scene, chat: int
) -> None:
    killed: list[bool] = []

    def action() -> None:
        victim(scene)
        killed.append(True)

    scene.send(f"{stage(scene, action)}&{victim.__name__}", chat)
    scene.api.wait_for(lambda: killed)
    if victim is the_bot:
        scene.bot.wait_for_empty_tree()
        scene.restart_after_death()
    (answer,) = scene.wait_for_answers(1, chat)
    assert answer.kind == "video", answer.text
    if victim in (judge, stopped_judge):
        assert attempts_of(scene, chat) == [1], "the judge's end is not the download's fault"
    # A call of the killed process may still be under way at Telegram, and come to nothing.
    scene.wait_until_idle()
    (answer,) = scene.wait_for_answers(1, chat)


def attempts_of(scene: Scene, chat: int) -> list[int]:
    found = scene.ledger(
        "SELECT jobs.attempts FROM jobs JOIN requests ON download_id = jobs.id"
        " WHERE requests.chat_id = ?",
        chat,
    )
    return [attempts for (attempts,) in found]


def test_link_that_kills_every_worker_is_given_up(scene: Scene, chat: int) -> None:
    scene.send("/slow/poison.mp4?seconds=30", chat)
    for attempt in (1, 2, 3):
        running = (
            "SELECT 1 FROM jobs JOIN requests ON download_id = jobs.id"
            f" WHERE requests.chat_id = {chat} AND jobs.attempts = {attempt}"
        )
        scene.api.wait_for(
            lambda sql=running: scene.workers("yt-dlp") and scene.ledger(sql)  # type: ignore[misc]
        )
        scene.kill("downloads")
    (answer,) = scene.wait_for_answers(1, chat)
    assert "Something broke on my side" in (answer.text or "")


def test_update_is_not_lost_while_the_ledger_is_locked(scene: Scene, chat: int) -> None:
    seen = len(scene.bot.log)
    lock = sqlite3.connect(scene.data_dir / "ledger.sqlite3", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    scene.send("/clip/locked.mp4", chat)
    scene.api.wait_for(lambda: "cannot be written" in scene.bot.log[seen:])
    lock.execute("ROLLBACK")
    lock.close()
    (answer,) = scene.wait_for_answers(1, chat)
    assert answer.kind == "video"


def test_bot_that_starts_while_its_ledger_cannot_be_written_waits_and_goes_on(
    scene: Scene, chat: int
) -> None:
    scene.send("/slow/again.mp4?seconds=3", chat)
    scene.api.wait_for(lambda: scene.workers("yt-dlp"))
    scene.bot.kill()
    scene.bot.wait()
    seen = len(scene.bot.log)
    lock = sqlite3.connect(scene.data_dir / "ledger.sqlite3", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    scene.bot.start()
    scene.api.wait_for(lambda: "cannot be written" in scene.bot.log[seen:])
    started = scene.bot.pid
    lock.execute("ROLLBACK")
    lock.close()
    (answer,) = scene.wait_for_answers(1, chat)
    assert answer.kind == "video"
    assert scene.bot.pid == started
    assert scene.bot.is_running


# --------------------------------------------------- with more telegram workers than hang


@pytest.fixture(scope="module")
def shared_usual(site: MediaSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with Scene(site, tmp_path_factory.mktemp("usual")) as scene:
        yield scene


@pytest.fixture
def usual(shared_usual: Scene) -> Iterator[Scene]:
    """Another bot that tests share, with as many workers as by default."""
    with shared_usual.told():
        shared_usual.wait_until_idle()
        yield shared_usual


def test_cancel_in_the_middle_of_an_upload_outlives_the_bot(usual: Scene, chat: int) -> None:
    killed: list[bool] = []

    def cancel_and_kill() -> None:
        status = [message for message in usual.api.chat(chat) if message.is_under_way]
        usual.api.press(chat, status[0].message_id, "Cancel")
        usual.api.wait_for(
            lambda: usual.ledger("SELECT 1 FROM requests WHERE verdict = 'cancelled'")
        )
        usual.bot.kill()
        killed.append(True)

    usual.api.on_call = once("editMessageMedia", cancel_and_kill)
    usual.send("/clip/cancelled-upload.mp4", chat)
    usual.api.wait_for(lambda: killed)
    usual.restart_after_death()
    usual.wait_for_answers(1, chat)
    usual.wait_for_no_directories()
    assert usual.ledger("SELECT 1 FROM requests WHERE answered_at IS NULL") == []


def test_slow_telegram_holds_up_no_poll(usual: Scene, chat: int) -> None:
    others_are_answered = threading.Event()
    usual.api.on_call = once("editMessageMedia", partial(others_are_answered.wait, PATIENCE_S))
    before = len(usual.api.calls)
    usual.send("/clip/slow-upload.mp4", chat)
    upload = usual.api.wait_for(
        lambda: [call for call in usual.api.calls[before:] if call.method == "editMessageMedia"]
    )[0]
    other = next(CHATS)
    usual.api.say("hello", other)
    usual.wait_for_answers(1, other)
    assert upload.status is None, "the upload still hangs"
    others_are_answered.set()
    usual.wait_for_answers(1, chat)
