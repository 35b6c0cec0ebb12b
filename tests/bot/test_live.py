"""Live streams in a chat: recorded, stopped, cut short by the end of the bot, waited for."""

import json
import subprocess
from collections.abc import Iterator

import pytest

from tests.sandbox.chats import ChatMessage
from tests.sandbox.site import MediaSite
from tests.support.conversation import Conversation
from tests.support.scene import GALLERY, Scene

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")

PART = "The recording was stopped early, so this is only a part."


@pytest.fixture(scope="module")
def scene(site: MediaSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    site.clips.path("broadcast/media.m3u8")
    env = {"LIVE_MAX_MINUTES": "10", "USER_MAX_RUNNING": "2", **GALLERY}
    with Scene(site, tmp_path_factory.mktemp("bot"), env) as scene:
        yield scene


@pytest.fixture
def talk(scene: Scene) -> Conversation:
    return Conversation(scene)


def length_s(message: ChatMessage) -> float:
    """How long the video in a message is, by ffprobe."""
    assert message.media is not None
    path = str(message.media.path)
    command = ["ffprobe", "-v", "error", "-print_format", "json", "-show_format", path]
    made = subprocess.run(command, capture_output=True, check=True, timeout=30)
    return float(json.loads(made.stdout)["format"]["duration"])


def record(talk: Conversation, path: str) -> None:
    """A person has a live stream recorded, and some of it has been."""
    talk.send(path)
    scene, chat_id = talk.scene, talk.chat_id
    (refusal,) = scene.answers(chat_id)
    scene.api.press(chat_id, refusal.message_id, "Record 5 minutes")
    scene.wait_for_status("Recording", chat_id)


def test_a_recording_that_a_person_stops(talk: Conversation) -> None:
    record(talk, "/live/golden.m3u8?pace=4")
    scene, chat_id = talk.scene, talk.chat_id
    status = scene.wait_for_status("Recording", chat_id)
    scene.api.press(chat_id, status.message_id, "Stop and send")
    _, sent = scene.wait_for_answers(2, chat_id)
    assert 1 < length_s(sent) < 200
    talk.assert_as_in("live")


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_recording_that_the_end_of_the_bot_cuts_short(talk: Conversation, end: str) -> None:
    record(talk, f"/live/{end}.m3u8?pace=4")
    scene, chat_id = talk.scene, talk.chat_id
    asked = len(scene.site.requests)
    if end == "kill":
        scene.bot.kill()
    else:
        scene.bot.terminate()
    scene.restart_after_death()
    _, sent = scene.wait_for_answers(2, chat_id)
    assert PART in (sent.caption or "")
    assert 1 < length_s(sent) < 200
    scene.wait_until_idle()
    assert len(scene.answers(chat_id)) == 2
    late = [request.path for request in scene.site.requests[asked:]]
    assert len(late) < 20, "what follows the end of the bot is no recording"


def test_a_stream_that_has_not_started(talk: Conversation) -> None:
    scene, chat_id, name = talk.scene, talk.chat_id, "golden"
    talk.send(f"/soon/{name}")
    (refusal,) = scene.answers(chat_id)
    scene.api.press(chat_id, refusal.message_id, "Tell me when it starts")
    scene.wait_for_status("It has not started yet", chat_id)
    looked = "SELECT 1 FROM jobs WHERE kind = 'look' AND state = 'waiting' AND not_before > ?"
    scene.api.wait_for(lambda: scene.ledger(looked, 0.0))
    scene.site.start_stream(name)
    scene.change("UPDATE jobs SET not_before = 0 WHERE kind = 'look'")
    _, told = scene.wait_for_answers(2, chat_id)
    assert "It is live now." in (told.text or "")
    assert any("Record 5 minutes" in str(row) for row in told.buttons)
    # The message that said so until then.
    scene.api.wait_for(lambda: any(message.deleted for message in scene.api.chat(chat_id)))
    talk.assert_as_in("live-soon")
