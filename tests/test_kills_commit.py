"""SIGKILL of the whole bot when it is idle, and at every commit of a link's way."""

import itertools
import sqlite3
from pathlib import Path

import pytest

from tests import staged_bot
from tests.pool_driver import METHODS
from tests.sandbox.site import MediaSite
from tests.scene import ONE_WORKER_EACH, Scene

pytestmark = [pytest.mark.parametrize("method", METHODS), pytest.mark.timeout(240)]

MOMENTS = ["before", "within", "after"]

STAGED_BOT = Path(staged_bot.__file__)


def staged(method: str, site: MediaSite, home: Path) -> Scene:
    """A bot whose deaths cost no attempt that counts: how many there are is not the matter."""
    env = {
        **ONE_WORKER_EACH,
        "START_METHOD": method,
        "PYTHONPATH": str(STAGED_BOT.parents[1]),
        "JOB_MAX_ATTEMPTS": "100",
    }
    return Scene(site, home, env, script=STAGED_BOT)


def test_killed_when_idle_and_back_it_answers(method: str, site: MediaSite, tmp_path: Path) -> None:
    with staged(method, site, tmp_path) as scene:
        scene.api.wait_for(lambda: scene.workers("downloads") and scene.workers("telegram"))
        scene.bot.kill()
        scene.bot.wait_for_empty_tree()
        scene.restart_after_death()
        scene.send(f"/clip/idle-{method}.mp4")
        (answer,) = scene.wait_for_answers()
        assert answer.kind == "video", answer.text


def test_killed_while_it_waits_to_write(method: str, site: MediaSite, tmp_path: Path) -> None:
    """Somebody else holds the lock, so the bot hangs in BEGIN IMMEDIATE with the update in hand."""
    with staged(method, site, tmp_path) as scene:
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


def test_killed_at_every_commit_of_a_links_way(
    method: str, site: MediaSite, tmp_path: Path
) -> None:
    """Each life gets two commits further than the last, and dies at the next moment of one.

    One start method takes the odd commits, the other the even ones.
    """
    moments = itertools.cycle(MOMENTS)
    with staged(method, site, tmp_path) as scene:
        scene.bot.kill()
        scene.send(f"/clip/commits-{method}.mp4")
        for commit in itertools.count(1 + METHODS.index(method), 2):
            scene.bot.env |= {"DIE_AT_COMMIT": str(commit), "DIE_WHEN": next(moments)}
            scene.bot.start()
            scene.api.wait_for(lambda: not scene.bot.is_running or is_done(scene), 60)
            scene.bot.kill()
            scene.bot.wait_for_empty_tree()
            if is_done(scene):
                break
        assert commit > 6, "it did not take more commits than that"
        del scene.bot.env["DIE_AT_COMMIT"]
        scene.bot.start()
        scene.bot.wait_until_polling()
        (answer,) = scene.wait_for_answers()
        assert answer.kind == "video", answer.text


def is_done(scene: Scene) -> bool:
    """Whether the link has its answer, and the ledger knows it."""
    return bool(
        scene.ledger("SELECT 1 FROM requests WHERE answered_at IS NOT NULL")
    ) and not scene.ledger("SELECT 1 FROM jobs WHERE state IN ('waiting', 'running')")
