"""Every stage between a link and its answer, as a person sees it, and Cancel at each."""

import os
import re
import signal
import threading
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
from worker.protocol import Cancelled
from worker.telegram import texts
from worker.telegram.texts import ENGLISH

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")

# One download at a time, so that there is a line, and a retry that does not come.
ENV = {"DOWNLOAD_WORKERS": "1", "QUEUE_RETRY_AFTER": "600"}

IMPAIRED = Path(__file__).parents[1] / "support" / "impaired_bot.py"
IMPAIRED_ENV = {"PYTHONPATH": str(IMPAIRED.parent.parent)}

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
            scene.api.wait_for(until, 60)
            raise Cut

    scene.api.on_call = hook


# ---------------------------------------------------------------------------- what is seen


def test_stages_of_a_link(scene: Scene) -> None:
    first, talk = Conversation(scene), Conversation(scene, in_full=True)
    scene.send("/slow/first.mp4?seconds=60", first.chat_id)
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


def test_download_that_stands_still_does_not_pretend_to_move(scene: Scene, chat: int) -> None:
    scene.send("/stall.mp4", chat)

    def says_so() -> bool:
        status = scene.status(chat)
        return bool(status and re.search(r"B · waiting for the site$", status.text or ""))

    scene.api.wait_for(says_so, 40)
    cancel(scene, chat)


def test_line_moves_up(scene: Scene) -> None:
    one, two = next(_chats), next(_chats)
    talk = Conversation(scene, in_full=True)
    for chat, words in ((one, "Downloading"), (two, "Waiting")):
        scene.send(f"/slow/line-{chat}.mp4?seconds=60", chat)
        scene.wait_for_status(words, chat)
    scene.send("/clip/line.mp4", talk.chat_id)
    scene.wait_for_status("Waiting: 1 download is before yours", talk.chat_id)
    cancel(scene, one)
    scene.wait_for_status("Waiting: yours is next", talk.chat_id)
    cancel(scene, two)
    scene.wait_for_answers(1, talk.chat_id)
    talk.assert_as_in("line")


def test_chat_shows_that_the_bot_is_at_work(scene: Scene, chat: int) -> None:
    shown: list[str] = []

    def listen(event: Event) -> None:
        if event.kind == "action" and event.chat_id == chat:
            shown.append(event.text)

    def upload_is_announced(call: Call) -> None:
        if call.method == "editMessageMedia":
            scene.api.wait_for(lambda: "upload_video" in shown, 30)

    unsubscribe = scene.api.events.subscribe(listen)
    scene.api.on_call = upload_is_announced
    scene.send("/slow/action.mp4?seconds=12", chat)
    scene.wait_for_answers(1, chat)
    unsubscribe()
    assert shown[0] == "upload_document"
    assert shown.count("upload_document") >= 2, "it is kept alive"
    assert shown[-1] == "upload_video"


def test_link_that_waits_for_the_disk_says_so(site: MediaSite, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.touch()
    env = {**IMPAIRED_ENV, "NO_ROOM_WHILE": str(full)}
    with Scene(site, tmp_path, env, script=IMPAIRED) as scene:
        talk = Conversation(scene, in_full=True)
        scene.send("/clip/room.mp4", talk.chat_id)
        scene.wait_for_status("Waiting", talk.chat_id)
        full.unlink()
        scene.wait_for_answers(1, talk.chat_id)
        talk.assert_as_in("no-room")


@pytest.mark.parametrize("stage", ["Waiting", "Downloading"])
def test_message_goes_on_after_a_restart(
    site: MediaSite, tmp_path: Path, stage: str, chat: int
) -> None:
    with Scene(site, tmp_path, ENV) as scene:
        if stage == "Waiting":
            scene.send("/slow/before-restart.mp4?seconds=12", chat + 1000)
            scene.wait_for_status("Downloading", chat + 1000)
        scene.send(f"/slow/restart-{stage}.mp4?seconds=6", chat)
        before = scene.wait_for_status(stage, chat)
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


def accepted(scene: Scene, chat: int, _tmp_path: Path) -> None:
    """The message stands in the chat, and the bot does not know that yet."""

    def wait_for_cancel(call: Call) -> None:
        if call.method == "sendMessage" and str(call.params["chat_id"]) == str(chat):
            cancelled = "SELECT 1 FROM requests WHERE chat_id = ? AND verdict = 'cancelled'"
            scene.api.wait_for(lambda: scene.ledger(cancelled, chat), 60)

    scene.api.on_applied = wait_for_cancel
    scene.send("/slow/cancel-accepted.mp4?seconds=60", chat)
    scene.wait_for_status("Got it", chat)


def in_line(scene: Scene, chat: int, _tmp_path: Path) -> None:
    """Another link is being downloaded; it ends by itself, long after this test."""
    scene.send("/slow/cancel-first.mp4?seconds=60", chat + 1000)
    scene.wait_for_status("Downloading", chat + 1000)
    scene.send("/clip/cancel-in-line.mp4", chat)
    scene.wait_for_status("Waiting", chat)


def downloading(scene: Scene, chat: int, _tmp_path: Path) -> None:
    """yt-dlp receives the file."""
    scene.send("/slow/cancel-downloading.mp4?seconds=60", chat)
    scene.wait_for_status("Downloading ▰", chat)
    assert scene.workers("yt-dlp")


def stopped(scene: Scene, chat: int, _tmp_path: Path) -> None:
    """yt-dlp heeds no SIGTERM, for somebody has stopped it."""
    scene.send("/slow/cancel-stopped.mp4?seconds=60", chat)
    scene.wait_for_status("Downloading ▰", chat)
    for pid in scene.workers("yt-dlp"):
        os.kill(pid, signal.SIGSTOP)


def finishing(scene: Scene, chat: int, tmp_path: Path) -> None:
    """ffmpeg converts the file, and is stopped over it."""
    film = make(tmp_path / "film.avi", "-s 1280x960 -c:v mpeg4 -q:v 2 -c:a libmp3lame")
    with served(film.parent) as url:
        scene.api.say(f"{url}/{film.name}", chat)
        for pid in scene.api.wait_for(lambda: scene.workers("ffmpeg"), 40):
            os.kill(pid, signal.SIGSTOP)
    scene.wait_for_status("Almost there", chat)
    assert scene.workers("ffmpeg")


def retrying(scene: Scene, chat: int, _tmp_path: Path) -> None:
    """The site has failed, and the next try is far away."""
    scene.send("/flaky/cancel-retrying.mp4?fails=9", chat)
    scene.wait_for_status("The site has trouble of its own.\nTrying again in 10 minutes", chat)


def uploading(scene: Scene, chat: int, _tmp_path: Path) -> None:
    """Telegram has the file and does not take it."""
    hold(scene, chat, "editMessageMedia", lambda: scene.answers(chat))
    scene.send("/clip/cancel-uploading.mp4", chat)
    scene.wait_for_status("Uploading", chat)


@pytest.mark.parametrize(
    "stage", [accepted, in_line, downloading, stopped, finishing, retrying, uploading]
)
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
    scene.api.wait_for(lambda: notices == [texts.notice(ENGLISH, Cancelled.NOT_YOURS)])
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
    assert notices[1:] == [texts.notice(ENGLISH, Cancelled.DONE)]
    if stage is in_line:
        cancel(scene, chat + 1000)
    scene.api.wait_for(lambda: not scene.workers("yt-dlp") and not scene.workers("ffmpeg"), 10)
    scene.wait_for_no_directories()
    end = "done" if stage is uploading else "dropped"
    scene.api.wait_for(
        lambda: scene.ledger("SELECT state FROM jobs WHERE id = ?", job) == [(end,)], 10
    )


def cancel_during_an_edit(scene: Scene, chat: int, until: Callable[[], object]) -> None:
    """Press Cancel while an edit of the message is on its way, which arrives after `until`."""
    begun, release = threading.Event(), threading.Event()

    def hold_edit(call: Call) -> None:
        if call.method == "editMessageText" and "Downloading" in call.params["text"]:
            begun.set()
            assert release.wait(60)

    scene.api.on_call = hold_edit
    scene.send("/slow/edited.mp4?seconds=60", chat)
    scene.api.wait_for(begun.is_set)
    status = scene.status(chat)
    assert status
    scene.api.press(chat, status.message_id, "Cancel")
    scene.api.wait_for(until)
    release.set()


def test_answer_waits_for_an_edit_on_its_way(scene: Scene, chat: int) -> None:
    explanations = "SELECT state FROM jobs WHERE kind = 'explain' AND chat_id = ?"
    cancel_during_an_edit(scene, chat, lambda: scene.ledger(explanations, chat))
    (answer,) = scene.wait_for_answers(1, chat)
    assert answer.text == ENGLISH.cancelled


@pytest.mark.negative
def test_edit_on_its_way_would_overwrite_an_answer_that_did_not_wait(
    site: MediaSite, tmp_path: Path, chat: int
) -> None:
    env = {**IMPAIRED_ENV, "EDITS_MAY_OVERTAKE": "1"}
    with Scene(site, tmp_path, env, script=IMPAIRED) as scene:
        cancel_during_an_edit(scene, chat, lambda: scene.answers(chat))
        scene.wait_for_status("Downloading", chat)
