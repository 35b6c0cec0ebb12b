"""A list in a bot that is killed again and again: each of its items is answered once."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.sandbox.site import MediaSite
from tests.support.scene import CHAT, Scene

QUICK = {
    "USER_LINKS_PER_MINUTE": "1000",
    "USER_LINKS_PER_HOUR": "1000",
    "IN_MAIN": "tests.support.quick_chats",
}
"""Without quotas. Two messages for each item would take as many seconds, and prove nothing."""


@pytest.mark.parametrize(
    ("items", "kills"),
    [
        (12, (2, 6)),
        pytest.param(
            200,
            (1, 40, 80, 120, 160),
            marks=[pytest.mark.exhaustive, pytest.mark.timeout(600)],
        ),
    ],
)
@pytest.mark.usefixtures("needs_ffmpeg")
def test_each_item_is_answered_once(
    site: MediaSite, tmp_path: Path, items: int, kills: Sequence[int]
) -> None:
    missing = {5, items - 1}
    env = {**QUICK, "PLAYLIST_MAX": str(items), "USER_MAX_RUNNING": "2"}
    with Scene(site, tmp_path, env) as scene:
        scene.send(f"/feed.xml?items={items}&missing=5,{items - 1}")
        (found,) = scene.wait_for_answers()
        scene.api.press(CHAT, found.message_id, f"All {items}")
        for number in kills:
            wait_for_media(scene, number)
            scene.bot.kill()
            scene.restart_after_death()
        last = f"A feed\nDone: {items - 2} · Failed: 2\n5, {items - 1}: "
        scene.api.wait_for(lambda: said(scene, last), 400)
        scene.wait_until_idle()
        wanted = sorted(f"item-{n}.mp4" for n in range(1, items + 1) if n not in missing)
        assert sorted(media_in(scene)) == wanted
        assert scene.ledger("SELECT count(*) FROM requests WHERE answered_at IS NULL") == [(0,)]


def wait_for_media(scene: Scene, number: int) -> None:
    scene.api.wait_for(lambda: len(media_in(scene)) >= number, 400)


def media_in(scene: Scene) -> list[str]:
    """The names of all files that stand in the chat."""
    return [message.media.file_name or "" for message in scene.answers() if message.media]


def said(scene: Scene, words: str) -> bool:
    return any((message.text or "").startswith(words) for message in scene.answers())
