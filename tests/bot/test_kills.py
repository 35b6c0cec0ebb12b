"""SIGKILL at each stage of one link's way: one final answer, no process, no directory."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sandbox.faults import Fault
from tests.sandbox.site import MediaSite
from tests.support.kills import downloads_worker, judge, telegram_worker, the_bot, yt_dlp
from tests.support.scene import CHAT, ONE_WORKER_EACH, Scene, once

Stage = Callable[[Scene, Callable[[], None]], str]
"""Arranges that an action happens at a stage, and returns the path of the link to send."""


def polling(scene: Scene, action: Callable[[], None]) -> str:
    """The update is on its way to the bot, and not confirmed."""
    scene.api.on_applied = once("getUpdates", action)
    return "/clip/polling.mp4"


def queued(scene: Scene, action: Callable[[], None]) -> str:
    """The update is on disk, for the next poll confirms it; nothing more is certain."""
    scene.api.on_call = once("getUpdates", action)
    return "/clip/queued.mp4"


def posting(scene: Scene, action: Callable[[], None]) -> str:
    """The status message stands in the chat, and its number is not recorded."""
    scene.api.on_applied = once("sendMessage", action)
    return "/clip/posting.mp4"


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
            lambda: scene.ledger("SELECT 1 FROM jobs WHERE kind = 'download' AND state = 'done'")
        )
        action()

    scene.api.on_call = once("sendMessage", wait_for_the_file)
    return "/clip/downloaded.mp4"


def uploading(scene: Scene, action: Callable[[], None]) -> str:
    """Telegram has received the file, and not taken it yet."""
    scene.api.on_call = once("editMessageMedia", action)
    return "/clip/uploading.mp4"


def uploaded(scene: Scene, action: Callable[[], None]) -> str:
    """The media stands in the chat, and the bot does not know it yet."""
    scene.api.on_applied = once("editMessageMedia", action)
    return "/clip/uploaded.mp4"


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
        (downloaded, the_bot),
        (downloaded, downloads_worker),
        (uploading, the_bot),
        (uploading, telegram_worker),
        (uploaded, the_bot),
        (uploaded, telegram_worker),
    ],
)
def test_killed_on_a_links_way(
    stage: Stage, victim: Callable[[Scene], None], site: MediaSite, tmp_path: Path
) -> None:
    with Scene(site, tmp_path, ONE_WORKER_EACH) as scene:
        killed: list[bool] = []

        def action() -> None:
            victim(scene)
            killed.append(True)

        path = stage(scene, action)
        scene.send(path)
        scene.api.wait_for(lambda: killed)
        if victim is the_bot:
            scene.bot.wait_for_empty_tree()
            scene.restart_after_death()
        (answer,) = scene.wait_for_answers()
        assert answer.kind == "video", answer.text
        # A call of the killed process may still be under way at Telegram, and come to nothing.
        scene.wait_for_no_directories()
        (answer,) = scene.wait_for_answers()


def test_cancel_in_the_middle_of_an_upload_outlives_the_bot(
    site: MediaSite, tmp_path: Path
) -> None:
    with Scene(site, tmp_path) as scene:
        killed: list[bool] = []

        def cancel_and_kill() -> None:
            status = [message for message in scene.api.chat(CHAT) if message.is_under_way]
            scene.api.press(CHAT, status[0].message_id, "Cancel")
            scene.api.wait_for(
                lambda: scene.ledger("SELECT 1 FROM requests WHERE verdict = 'cancelled'")
            )
            scene.bot.kill()
            killed.append(True)

        scene.api.on_call = once("editMessageMedia", cancel_and_kill)
        scene.send("/clip/cancelled-upload.mp4")
        scene.api.wait_for(lambda: killed)
        scene.restart_after_death()
        scene.wait_for_answers()
        scene.wait_for_no_directories()
        assert scene.ledger("SELECT 1 FROM requests WHERE answered_at IS NULL") == []


def test_link_that_kills_every_worker_is_given_up(site: MediaSite, tmp_path: Path) -> None:
    env = {**ONE_WORKER_EACH, "JOB_MAX_ATTEMPTS": "2"}
    with Scene(site, tmp_path, env) as scene:
        scene.send("/slow/poison.mp4?seconds=30")
        for attempt in (1, 2):
            running = f"SELECT 1 FROM jobs WHERE kind = 'download' AND attempts = {attempt}"
            scene.api.wait_for(
                lambda sql=running: scene.workers("yt-dlp") and scene.ledger(sql)  # type: ignore[misc]
            )
            scene.kill("downloads")
        (answer,) = scene.wait_for_answers()
        assert "Something broke on my side" in (answer.text or "")


def test_update_is_not_lost_while_the_ledger_is_locked(site: MediaSite, tmp_path: Path) -> None:
    with Scene(site, tmp_path, ONE_WORKER_EACH) as scene:
        lock = sqlite3.connect(scene.data_dir / "ledger.sqlite3", isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        scene.send("/clip/locked.mp4")
        scene.api.wait_for(lambda: "cannot be written" in scene.bot.log, 20)
        lock.execute("ROLLBACK")
        lock.close()
        (answer,) = scene.wait_for_answers()
        assert answer.kind == "video"


def test_bot_that_starts_while_its_ledger_cannot_be_written_waits_and_goes_on(
    site: MediaSite, tmp_path: Path
) -> None:
    with Scene(site, tmp_path, ONE_WORKER_EACH) as scene:
        scene.send("/slow/again.mp4?seconds=3")
        scene.api.wait_for(lambda: scene.workers("yt-dlp"))
        scene.bot.kill()
        scene.bot.wait()
        lock = sqlite3.connect(scene.data_dir / "ledger.sqlite3", isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        scene.bot.start()
        scene.api.wait_for(lambda: "cannot be written" in scene.bot.log, 20)
        started = scene.bot.pid
        lock.execute("ROLLBACK")
        lock.close()
        (answer,) = scene.wait_for_answers()
        assert answer.kind == "video"
        assert scene.bot.pid == started
        assert scene.bot.is_running


def test_slow_telegram_holds_up_no_poll(site: MediaSite, tmp_path: Path) -> None:
    with Scene(site, tmp_path) as scene:
        scene.api.faults.add(Fault("editMessageMedia", "slow", seconds=6))
        scene.send("/clip/slow-upload.mp4")
        upload = scene.api.wait_for(
            lambda: [call for call in scene.api.calls if call.method == "editMessageMedia"]
        )[0]
        scene.api.say("hello", CHAT + 1)
        scene.wait_for_answers(1, CHAT + 1, timeout_s=5)
        assert upload.status is None, "the upload still hangs"
        scene.wait_for_answers()
