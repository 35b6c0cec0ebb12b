"""yt-dlp is updated again and again while people send links, and no link is lost."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.bot_process import BOT
from tests.sandbox.site import MediaSite
from tests.support.operator_kit import ROOT
from tests.support.scene import Scene
from tests.support.wheels import make_ytdlp, pip_variables
from worker.downloads.ytdlp.packages import copies

ADMIN = 99
PERIOD_S = 0.5
MAX_WAITING = 8
GOOD, BROKEN, WORSE, LAST = "2099.1.1", "2099.2.2", "2099.3.3", "2099.4.4"

FAILS_EACH_THIRD = """

_real_extract_of_all = InfoExtractor.extract


def _extract_two_of_three(self, url):
    number = re.search(r'/load-([0-9]+)', url)
    if number and int(number[1]) % 3 == 0:
        raise ExtractorError('the page is not what it was')
    return _real_extract_of_all(self, url)


InfoExtractor.extract = _extract_two_of_three
"""


class Load:
    """People who send a link each, one after the other; each in a chat of their own."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.sent = 0

    def _run(self) -> None:
        waiting: list[int] = []
        while not self._is_over.wait(PERIOD_S):
            waiting = [each for each in waiting if not self._scene.answers(self.chat(each))]
            # A slow machine would otherwise have a line that it does not get to the end of.
            if len(waiting) < MAX_WAITING:
                self.sent += 1
                waiting.append(self.sent)
                self._scene.send(f"/clip/load-{self.sent}.mp4", self.chat(self.sent))

    @staticmethod
    def chat(number: int) -> int:
        return 1000 + number

    @contextmanager
    def running(self) -> Iterator["Load"]:
        self._thread.start()
        try:
            yield self
        finally:
            self._is_over.set()
            self._thread.join()

    def answers(self) -> list[str]:
        """How each link was answered, once; waits for those that are not yet."""
        found = []
        for number in range(1, self.sent + 1):
            (answer,) = self._scene.wait_for_answers(1, self.chat(number), 120)
            found.append(answer.kind)
        return found


def update(scene: Scene, index: Path, *arguments: str) -> dict[str, Any]:
    """Type the command."""
    done = subprocess.run(
        [sys.executable, "-m", "maintenance", "update", "--json", *arguments],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "DATA_DIR": str(scene.data_dir),
            **pip_variables(index),
        },
        stdout=subprocess.PIPE,
        timeout=400,
        check=False,
    )
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def in_use(scene: Scene) -> str:
    """What the running bot says of itself."""
    ((value,),) = scene.ledger("SELECT value FROM state WHERE name = 'bot'")
    return str(json.loads(value)["ytdlp_in_use"])


@pytest.mark.exhaustive
@pytest.mark.timeout(1500)
@pytest.mark.usefixtures("needs_ffmpeg", "needs_deno")
def test_no_link_is_lost_by_a_good_a_broken_and_a_worse_one(
    site: MediaSite, tmp_path: Path
) -> None:
    index = tmp_path / "index"
    make_ytdlp(index, GOOD)
    env = {"ADMINS": str(ADMIN), "USER_LINKS_PER_MINUTE": "60", **pip_variables(index)}
    with Scene(site, tmp_path, env, script=BOT) as scene:
        scene.api.say("/start", ADMIN)
        first = set(scene.workers("downloads"))
        with Load(scene).running() as load:
            scene.api.wait_for(lambda: load.sent > 20)
            assert update(scene, index)["result"] == "updated"
            scene.api.wait_for(lambda: f"yt-dlp {GOOD} is on trial" in scene.bot.log)
            scene.api.wait_for(lambda: in_use(scene) == GOOD)

            make_ytdlp(index, BROKEN, {"YoutubeDL.py": "\nraise ImportError('half of it')\n"})
            refused = update(scene, index)
            assert (refused["result"], refused["in_use"]) == ("refused", GOOD)
            assert "half of it" in refused["text"]
            assert in_use(scene) == GOOD

            make_ytdlp(index, WORSE, {"extractor/common.py": FAILS_EACH_THIRD})
            assert update(scene, index)["result"] == "updated"
            scene.api.wait_for(lambda: "yt-dlp was taken back" in scene.bot.log, 240)
            scene.api.wait_for(lambda: in_use(scene) == GOOD)
        came = load.answers()
        lost = [number for number, kind in enumerate(came, start=1) if kind != "video"]
        print(f"{load.sent} links, {len(lost)} failed")
        assert all(number % 3 == 0 for number in lost)
        assert 5 <= len(lost) <= load.sent / 4
        assert not first & set(scene.workers("downloads"))

        def told() -> list[str]:
            texts = [message.text or "" for message in scene.answers(ADMIN)]
            return [text for text in texts if f"went back from yt-dlp {WORSE}" in text]

        (alert,) = scene.api.wait_for(told)
        assert "links failed" in alert
        assert update(scene, index)["result"] == "current", "it is not taken again"

        # An admin has the next one installed, and the bot is killed while that is at work.
        make_ytdlp(index, LAST)
        before = len(scene.answers(ADMIN))
        scene.api.say("/update now", ADMIN)
        scene.api.wait_for(lambda: len(scene.answers(ADMIN)) > before)
        work = copies.directory_of(scene.data_dir)
        scene.api.wait_for(lambda: any(path.name.startswith(LAST) for path in work.iterdir()))
        scene.bot.kill()
        scene.restart_after_death()
        outcome = f"{LAST} takes over from {GOOD}."
        scene.api.wait_for(
            lambda: any((each.text or "").startswith(outcome) for each in scene.answers(ADMIN)), 300
        )
        scene.api.wait_for(lambda: in_use(scene) == LAST)
        scene.send("/clip/load-3000.mp4", 1)
        (answer,) = scene.wait_for_answers(1, 1, 90)
        assert answer.kind == "video"
        left = {path.name for path in work.iterdir()} - {copies.CHOICE, "lock"}
        assert {name.partition("-")[0] for name in left} == {GOOD, LAST}
        choice = copies.read(work / copies.CHOICE)
        assert choice is not None
        assert choice.before is not None
        assert choice.before.version == GOOD
