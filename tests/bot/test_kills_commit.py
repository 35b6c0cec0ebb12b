"""SIGKILL of the whole bot when it is idle, when it waits to write, and at commits.

The suite takes some commits of a link's way; `-m exhaustive` takes every one.
"""

import sqlite3
from pathlib import Path

import pytest

from tests.sandbox.site import MediaSite
from tests.support.kills import die_at_commits, mortal
from tests.support.scene import CHAT, ONE_WORKER_EACH, Scene


def test_killed_when_idle_and_while_it_waits_to_write(site: MediaSite, tmp_path: Path) -> None:
    with Scene(site, tmp_path, ONE_WORKER_EACH) as scene:
        scene.api.wait_for(lambda: scene.workers("downloads") and scene.workers("telegram"))
        scene.bot.kill()
        scene.bot.wait_for_empty_tree()
        scene.restart_after_death()
        # Somebody else holds the lock, so the bot hangs in BEGIN IMMEDIATE with the update.
        lock = sqlite3.connect(scene.data_dir / "ledger.sqlite3", isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        scene.send("/clip/locked.mp4")
        scene.api.wait_for(lambda: "cannot be written" in scene.bot.log)
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
def test_killed_at_commits_of_a_links_way(further: int, site: MediaSite, tmp_path: Path) -> None:
    with mortal(site, tmp_path) as scene:
        scene.bot.kill()
        scene.send(f"/clip/commits-{further}.mp4")
        assert die_at_commits(scene, 2, further) > 6
        (answer,) = scene.wait_for_answers()
        assert answer.kind == "video", answer.text


@pytest.mark.timeout(600)
@pytest.mark.exhaustive
def test_killed_at_commits_of_a_looks_way(site: MediaSite, tmp_path: Path) -> None:
    with mortal(site, tmp_path) as scene:
        scene.bot.kill()
        scene.api.say(f"/info {scene.link('/described.html')}", CHAT)
        assert die_at_commits(scene, 2, 1) > 6
        (answer,) = scene.wait_for_answers()
        assert "How bread is made" in (answer.text or "")
