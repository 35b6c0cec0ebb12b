"""A video that is too large in every quality comes in parts, which the bot sends in order."""

import re
from pathlib import Path

import pytest

from tests.sandbox.chats import ChatMessage
from tests.sandbox.site import MediaSite
from tests.support.file_server import served
from tests.support.media import make
from tests.support.scene import CHAT, Scene


@pytest.mark.usefixtures("needs_ffmpeg")
def test_the_bot_sends_the_parts_beside_the_answer(
    film: Path, site: MediaSite, tmp_path: Path
) -> None:
    files = tmp_path / "files"
    files.mkdir()
    make(files / "film.mp4", "-c copy", film)
    with served(files) as url, Scene(site, tmp_path, {"MAX_FILE_MB": "1"}) as scene:
        scene.api.say(f"{url}/film.mp4", CHAT)
        answers = scene.api.wait_for(lambda: complete(scene.answers()))
        parts = len(answers)
        first = next(answer for answer in answers if "part 1 of" in (answer.caption or ""))
        assert "cut it into parts" in (first.caption or "")
        assert first.message_id == min(answer.message_id for answer in answers)
        numbers = [f"part {number} of {parts}" for number in range(1, parts + 1)]
        in_order = sorted(answers, key=lambda answer: answer.message_id)
        assert all(n in (a.caption or "") for n, a in zip(numbers, in_order, strict=True))
        assert all(answer.media and answer.media.kind == "video" for answer in answers)
        # The second time Telegram has all of them.
        scene.api.say(f"{url}/film.mp4", CHAT)
        scene.wait_for_answers(2 * parts)
        assert [call.method for call in scene.api.calls if "Group" in call.method] == [
            "sendMediaGroup"
        ]
        assert scene.ledger("SELECT count(*) FROM jobs WHERE kind = 'download'") == [(1,)]


def complete(answers: list[ChatMessage]) -> list[ChatMessage]:
    """All parts, once the first of them says how many there are and they have come."""
    said = next((re.search(r"part 1 of (\d+)", answer.caption or "") for answer in answers), None)
    return answers if said and len(answers) == int(said[1]) else []
