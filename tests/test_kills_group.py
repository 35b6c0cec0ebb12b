"""SIGKILL while the files beside an answer are sent: one final answer, nothing left."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sandbox.site import MediaSite
from tests.scene import ONE_WORKER_EACH, Scene, once
from tests.test_answers import SCRIPT
from tests.test_kills import telegram_worker, the_bot

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")


@pytest.mark.parametrize("victim", [the_bot, telegram_worker])
@pytest.mark.parametrize(
    ("method", "hook", "albums"),
    [
        # Nobody knows that it stands in the chat, or soon will, so it is sent again.
        ("sendMediaGroup", "on_call", 2),
        ("sendMediaGroup", "on_applied", 2),
        ("editMessageMedia", "on_call", 1),
        ("editMessageMedia", "on_applied", 1),
    ],
)
def test_killed_within_an_answer_of_several_files(
    method: str,
    hook: str,
    albums: int,
    victim: Callable[[Scene], None],
    site: MediaSite,
    tmp_path: Path,
) -> None:
    env = {**ONE_WORKER_EACH, "HOSTILE": "tests.hostile.gallery"}
    with Scene(site, tmp_path, env, script=SCRIPT) as scene:
        killed: list[bool] = []

        def action() -> None:
            victim(scene)
            killed.append(True)

        setattr(scene.api, hook, once(method, action))
        scene.send("/post/ppp")
        scene.api.wait_for(lambda: killed)
        if victim is the_bot:
            scene.bot.wait_for_empty_tree()
            scene.restart_after_death()
        scene.api.wait_for(
            lambda: scene.ledger("SELECT 1 FROM requests WHERE answered_at IS NOT NULL")
        )
        answers = scene.wait_for_answers(1 + 2 * albums)
        assert [answer.kind for answer in answers] == ["photo"] * len(answers)
        assert len([answer for answer in answers if answer.caption]) == 1
        scene.wait_for_no_directories()
