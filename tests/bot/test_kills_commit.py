"""SIGKILL of the whole bot when it is idle, when it waits to write, and at commits.

The suite takes some commits of a link's way; `-m exhaustive` takes every one.
"""

import itertools
import sqlite3
from pathlib import Path

import pytest

from tests.sandbox.site import MediaSite
from tests.support import staged_bot
from tests.support.pool_driver import METHODS
from tests.support.scene import ONE_WORKER_EACH, Scene

pytestmark = [pytest.mark.parametrize("method", METHODS), pytest.mark.timeout(240)]

MOMENTS = ["before", "within", "after"]

STAGED_BOT = Path(staged_bot.__file__)


def staged(method: str, site: MediaSite, home: Path, **more: str) -> Scene:
    """A bot whose deaths cost no attempt that counts: how many there are is not the matter."""
    env = {
        **ONE_WORKER_EACH,
        "START_METHOD": method,
        "PYTHONPATH": str(STAGED_BOT.parents[1]),
        "JOB_MAX_ATTEMPTS": "100",
        **more,
    }
    return Scene(site, home, env, script=STAGED_BOT)


def test_killed_when_idle_and_while_it_waits_to_write(
    method: str, site: MediaSite, tmp_path: Path
) -> None:
    with staged(method, site, tmp_path) as scene:
        scene.api.wait_for(lambda: scene.workers("downloads") and scene.workers("telegram"))
        scene.bot.kill()
        scene.bot.wait_for_empty_tree()
        scene.restart_after_death()
        # Somebody else holds the lock, so the bot hangs in BEGIN IMMEDIATE, the update in hand.
        lock = sqlite3.connect(scene.data_dir / "ledger.sqlite3", isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        scene.send(f"/clip/locked-{method}.mp4")
        scene.api.wait_for(lambda: "cannot be written" in scene.bot.log, 20)
        scene.bot.kill()
        scene.bot.wait_for_empty_tree()
        lock.execute("ROLLBACK")
        lock.close()
        scene.restart_after_death()
        (answer,) = scene.wait_for_answers()
        assert answer.kind == "video", answer.text


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "further", [5, pytest.param(1, marks=pytest.mark.exhaustive)], ids=["some", "every"]
)
def test_killed_at_commits_of_a_links_way(
    method: str, further: int, site: MediaSite, tmp_path: Path
) -> None:
    """The two start methods begin at different commits."""
    with staged(method, site, tmp_path) as scene:
        scene.bot.kill()
        scene.send(f"/clip/commits-{method}-{further}.mp4")
        assert die_at_commits(scene, 2 + METHODS.index(method), further) > 6
        (answer,) = scene.wait_for_answers()
        assert answer.kind == "video", answer.text


def die_at_commits(scene: Scene, first: int, further: int) -> int:
    """Begin life after life until there is an answer, and then one that lives on.

    Each gets so many commits further than the last, and dies at the next moment of one. Returns
    how many the last mortal one was given.
    """
    moments = itertools.cycle(MOMENTS)
    for commit in itertools.count(first, further):
        scene.bot.env |= {"DIE_AT_COMMIT": str(commit), "DIE_WHEN": next(moments)}
        scene.bot.start()
        scene.api.wait_for(lambda: not scene.bot.is_running or is_done(scene), 60)
        scene.bot.kill()
        scene.bot.wait_for_empty_tree()
        if is_done(scene):
            break
    del scene.bot.env["DIE_AT_COMMIT"]
    scene.bot.start()
    scene.bot.wait_until_polling()
    return commit


def is_done(scene: Scene) -> bool:
    """Whether the link has its answer, and the ledger knows it."""
    return bool(
        scene.ledger("SELECT 1 FROM requests WHERE answered_at IS NOT NULL")
    ) and not scene.ledger("SELECT 1 FROM jobs WHERE state IN ('waiting', 'running')")
