"""SIGKILL for tests of the whole bot: for its processes, and for itself at chosen commits."""

import itertools
import signal
from pathlib import Path

from tests.sandbox.site import MediaSite
from tests.support.scene import ONE_WORKER_EACH, Scene


def the_bot(scene: Scene) -> None:
    scene.bot.kill()


def telegram_worker(scene: Scene) -> None:
    scene.kill("telegram")


def downloads_worker(scene: Scene) -> None:
    scene.kill("downloads")


def judge(scene: Scene) -> None:
    scene.kill("judge")


def stopped_judge(scene: Scene) -> None:
    scene.kill("judge", signal.SIGSTOP)


def yt_dlp(scene: Scene) -> None:
    scene.kill("yt-dlp")


MOMENTS = ["before", "within", "after"]


def mortal(site: MediaSite, home: Path, **more: str) -> Scene:
    """A bot that dies at commits, any number of times: none of these deaths gives a link up."""
    env = {**ONE_WORKER_EACH, "IN_MAIN": "tests.support.death_at_commit", **more}
    return Scene(site, home, env | {"JOB_MAX_ATTEMPTS": "100"})


def die_at_commits(scene: Scene, first: int, further: int) -> int:
    """Start the bot again and again until there is an answer, and then once more to stay.

    Each gets so many commits further than the last, and dies at the next moment of one. Returns
    how many the last mortal one was given.
    """
    moments = itertools.cycle(MOMENTS)
    for commit in itertools.count(first, further):
        scene.bot.env |= {"DIE_AT_COMMIT": str(commit), "DIE_WHEN": next(moments)}
        scene.bot.start()
        scene.api.wait_for(lambda: not scene.bot.is_running or is_done(scene))
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
