"""Languages through the whole bot: of the sound and of subtitles, and voices; by ffprobe."""

import functools
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.site import MediaSite
from tests.support.conversation import Conversation
from tests.support.scene import ONE_WORKER_EACH, Scene

GERMAN = """1
00:00:00,000 --> 00:00:01,000
Guten Morgen

2
00:00:02,000 --> 00:00:03,000
und gute Nacht
"""

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")


@pytest.fixture(scope="module")
def scene(site: MediaSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with Scene(site, tmp_path_factory.mktemp("bot"), ONE_WORKER_EACH) as scene:
        yield scene


@pytest.fixture
def talk(scene: Scene) -> Conversation:
    return Conversation(scene)


def streams_of(path: Path) -> list[dict[str, Any]]:
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_streams", str(path)]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    streams: list[dict[str, Any]] = found["streams"]
    return streams


def newest(talk: Conversation) -> tuple[str, Path]:
    """The kind of the file that came last, and where it is."""
    files = [each for message in talk.scene.answers(talk.chat_id) if (each := message.media)]
    return files[-1].kind, files[-1].path


def texts_of(path: Path) -> list[str]:
    """The languages of the subtitles in a file."""
    texts = [each for each in streams_of(path) if each["codec_type"] == "subtitle"]
    assert all(each["codec_name"] == "mov_text" for each in texts)
    return [each["tags"]["language"] for each in texts]


def press(talk: Conversation, *buttons: str) -> None:
    """Press buttons below the first answer, each once it is there."""
    api, chat_id = talk.scene.api, talk.chat_id

    def is_there(button: str) -> bool:
        return f"'{button}'" in str(api.chat(chat_id)[1].buttons)

    for button in buttons:
        api.wait_for(functools.partial(is_there, button))
        api.press(chat_id, api.chat(chat_id)[1].message_id, button)


def test_subtitles_as_a_file_and_in_the_video(talk: Conversation) -> None:
    link = talk.scene.link("/spoken.html?golden")
    talk.say(link)
    press(talk, "More", "Subtitles", "In the video")
    talk.scene.wait_for_answers(2, talk.chat_id)
    assert texts_of(newest(talk)[1]) == ["eng"]
    talk.say(f"/subs de {link}", answers=3)
    kind, path = newest(talk)
    assert (kind, path.read_text()) == ("document", GERMAN)
    talk.say(f"/subs it {link}", answers=4)
    talk.say(f"/subs 5 {link}", answers=5)
    talk.assert_as_in("subtitles")


def test_subtitles_that_are_set_come_with_each_video(talk: Conversation) -> None:
    api, chat_id = talk.scene.api, talk.chat_id
    api.say("/settings", chat_id)
    api.wait_for(lambda: api.chat(chat_id)[1:])
    press(talk, "Subtitles: off", "German")
    api.wait_for(lambda: "Subtitles: German" in str(api.chat(chat_id)[1].buttons))
    press(talk, "Close")
    api.wait_for(lambda: not api.chat(chat_id)[1].buttons)
    talk.send("/spoken.html?set", answers=2)
    assert texts_of(newest(talk)[1]) == ["deu"]
    talk.say(f"/clip 0:02-0:03 {talk.scene.link('/spoken.html?set')}", answers=3)
    assert texts_of(newest(talk)[1]) == ["deu"]
    talk.send("/clip/not-spoken.mp4", answers=4)
    assert texts_of(newest(talk)[1]) == []
    talk.assert_as_in("subtitles-set")


def test_sound_in_another_language_is_chosen_and_never_taken_by_itself(talk: Conversation) -> None:
    site = talk.scene.site
    talk.send("/languages/master.m3u8?golden")
    assert (sounds_fetched(site, "en"), sounds_fetched(site, "de")) == (1, 0)
    assert [each["codec_type"] for each in streams_of(newest(talk)[1])] == ["video", "audio"]
    press(talk, "More", "Language", "German, dubbed")
    talk.scene.wait_for_answers(2, talk.chat_id)
    assert (sounds_fetched(site, "en"), sounds_fetched(site, "de")) == (1, 1)
    talk.assert_as_in("languages")


def sounds_fetched(site: MediaSite, tag: str) -> int:
    """How often the sound in a language was fetched."""
    return sum(request.path == f"/audio.m4a?{tag}" for request in site.requests)


def test_voice_is_opus_in_ogg(talk: Conversation) -> None:
    talk.say(f"/audio voice {talk.scene.link('/clip/voice.mp4')}")
    kind, path = newest(talk)
    (stream,) = streams_of(path)
    assert (kind, stream["codec_name"], stream["channels"]) == ("voice", "opus", 1)
    assert path.read_bytes()[:4] == b"OggS"
