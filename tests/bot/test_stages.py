"""The stages between a link and its answer, as a person sees them, and Cancel."""

import os
import re
import signal
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.sandbox.faults import Call
from tests.sandbox.server import Cut
from tests.sandbox.site import MediaSite
from tests.sandbox.world import Event
from tests.support.conversation import Conversation
from tests.support.file_server import served
from tests.support.media import make
from tests.support.scene import Scene
from worker.protocol.notices import Cancelled, Notice
from worker.telegram import texts
from worker.telegram.texts import ENGLISH

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")

# One download at a time, so that there is a line, and a retry that does not come.
ENV = {"DOWNLOAD_WORKERS": "1", "QUEUE_RETRY_AFTER": "600"}


_chats = count(5000)


@pytest.fixture(scope="module")
def scene(site: MediaSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with Scene(site, tmp_path_factory.mktemp("bot"), ENV) as scene:
        yield scene


@pytest.fixture
def chat() -> int:
    return next(_chats)


@pytest.fixture(autouse=True)
def _no_hooks(scene: Scene) -> Iterator[None]:
    yield
    scene.api.on_call = scene.api.on_applied = None


def cancel(scene: Scene, chat: int) -> None:
    """The requester gives up, and hears that it is over."""
    status = scene.status(chat)
    assert status
    scene.api.press(chat, status.message_id, "Cancel")
    scene.wait_for_answers(1, chat)


def hold(scene: Scene, chat: int, method: str, until: Callable[[], object]) -> None:
    """Let the calls of this method about this chat come to nothing, and not before `until`."""

    def hook(call: Call) -> None:
        if call.method == method and str(call.params.get("chat_id")) == str(chat):
            scene.api.wait_for(until)
            raise Cut

    scene.api.on_call = hook


# ---------------------------------------------------------------------------- what is seen


def test_stages_of_a_link(scene: Scene) -> None:
    first, talk = Conversation(scene), Conversation(scene, in_full=True)
    scene.send("/slow/first.mp4?seconds=600", first.chat_id)
    scene.wait_for_status("Downloading", first.chat_id)
    scene.send("/slow/stages.mp4?seconds=8", talk.chat_id)
    scene.wait_for_status("Waiting", talk.chat_id)

    def upload_is_shown(call: Call) -> None:
        if call.method == "editMessageMedia":
            scene.wait_for_status("Uploading", talk.chat_id)

    scene.api.on_call = upload_is_shown
    cancel(scene, first.chat_id)
    scene.wait_for_answers(1, talk.chat_id)
    talk.assert_as_in("stages")


def test_message_goes_on_after_a_restart(site: MediaSite, tmp_path: Path, chat: int) -> None:
    with Scene(site, tmp_path, ENV) as scene:
        scene.send("/slow/restart.mp4?seconds=6", chat)
        before = scene.wait_for_status("Downloading", chat)
        scene.bot.kill()
        scene.restart_after_death()
        after = scene.api.wait_for(
            lambda: (now := scene.status(chat)) and len(now.history) > len(before.history) and now
        )
        assert after
        assert after.message_id == before.message_id
        (answer,) = scene.wait_for_answers(1, chat)
        assert answer.message_id == before.message_id
        assert answer.kind == "video"
        texts_after = [m.text or "" for m in [*answer.history][len(before.history) + 1 :]]
        assert any(re.match("Downloading ▰", text) for text in texts_after)


# ------------------------------------------------------------------------------- Cancel

Stage = Callable[[Scene, int, Path], None]
"""Brings a link of a chat to a stage, and keeps it there."""


def downloading(scene: Scene, chat: int, _tmp_path: Path) -> None:
    """yt-dlp receives the file."""
    scene.send("/slow/cancel-downloading.mp4?seconds=600", chat)
    scene.wait_for_status("Downloading", chat)
    assert scene.workers("yt-dlp")


def stopped(scene: Scene, chat: int, _tmp_path: Path) -> None:
    """yt-dlp heeds no SIGTERM, for somebody has stopped it."""
    scene.send("/slow/cancel-stopped.mp4?seconds=600", chat)
    scene.wait_for_status("Downloading", chat)
    for pid in scene.workers("yt-dlp"):
        os.kill(pid, signal.SIGSTOP)


def finishing(scene: Scene, chat: int, tmp_path: Path) -> None:
    """ffmpeg converts the file, and is stopped over it."""
    film = make(tmp_path / "film.avi", "-s 1280x960 -c:v mpeg4 -q:v 2 -c:a libmp3lame")
    with served(film.parent) as url:
        scene.api.say(f"{url}/{film.name}", chat)
        for pid in scene.api.wait_for(lambda: scene.workers("ffmpeg")):
            os.kill(pid, signal.SIGSTOP)
    scene.wait_for_status("Almost there", chat)
    assert scene.workers("ffmpeg")


def uploading(scene: Scene, chat: int, _tmp_path: Path) -> None:
    """Telegram has the file and does not take it."""
    hold(scene, chat, "editMessageMedia", lambda: scene.answers(chat))
    scene.send("/clip/cancel-uploading.mp4", chat)
    scene.wait_for_status("Uploading", chat)


@pytest.mark.parametrize("stage", [downloading, stopped, finishing, uploading])
def test_cancel(scene: Scene, stage: Stage, chat: int, tmp_path: Path) -> None:
    notices: list[str] = []

    def listen(event: Event) -> None:
        if event.kind == "answer" and event.chat_id == chat:
            notices.append(event.text)

    unsubscribe = scene.api.events.subscribe(listen)
    stage(scene, chat, tmp_path)
    status = scene.status(chat)
    assert status
    (job,) = next(iter(scene.ledger("SELECT download_id FROM requests WHERE chat_id = ?", chat)))

    scene.api.press(chat, status.message_id, "Cancel", user_id=chat + 1)
    scene.api.wait_for(lambda: notices == [texts.notice(ENGLISH, Notice(Cancelled.NOT_YOURS))])
    assert scene.answers(chat) == []
    assert scene.ledger("SELECT verdict FROM requests WHERE chat_id = ?", chat) in (
        [(None,)],
        [("media",)],
    ), "somebody else's press does nothing"

    scene.api.press(chat, status.message_id, "Cancel")
    (answer,) = scene.wait_for_answers(1, chat)
    scene.api.wait_for(lambda: notices[1:])  # it may come after the answer
    unsubscribe()
    assert answer.text == ENGLISH.cancelled
    assert notices[1:] == [texts.notice(ENGLISH, Notice(Cancelled.DONE))]
    scene.api.wait_for(lambda: not scene.workers("yt-dlp") and not scene.workers("ffmpeg"))
    scene.wait_for_no_directories()
    end = "done" if stage is uploading else "dropped"
    scene.api.wait_for(
        lambda: scene.ledger("SELECT state FROM jobs WHERE id = ?", job) == [(end,)], 10
    )
