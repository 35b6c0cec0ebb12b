"""The least memory that settings allow is enough for a bot that works."""

from pathlib import Path

import pytest

from tests.sandbox.site import MediaSite
from tests.support.scene import CHAT, ONE_WORKER_EACH, Scene
from worker.settings import VARIABLES


def least_memory() -> dict[str, str]:
    """The lowest allowed value of each setting for memory, as its hint names it."""
    found = {
        variable.name: variable.kind.allowed.partition(" from ")[2].partition(" to ")[0]
        for variable in VARIABLES
        if variable.name.endswith("_MEMORY_MB")
    }
    assert len(found) == 2
    assert all(value.isdecimal() for value in found.values())
    return found


@pytest.mark.usefixtures("needs_ffmpeg")
def test_least_memory_is_enough_for_a_video_a_song_and_a_clip(
    site: MediaSite, tmp_path: Path
) -> None:
    with Scene(site, tmp_path, {**ONE_WORKER_EACH, **least_memory()}) as scene:
        for command in ("", "/audio mp3 ", "/clip 0:01-0:02 "):
            scene.api.say(command + scene.link("/clip.mp4"), CHAT)
        answers = scene.wait_for_answers(3)
        kinds = sorted(answer.media.kind if answer.media else "" for answer in answers)
        assert kinds == ["audio", "video", "video"]
