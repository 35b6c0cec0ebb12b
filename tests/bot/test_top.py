"""`python -m maintenance top` beside a real bot: a download is watched, and ended by a key."""

import os
import re
import sys
from pathlib import Path
from typing import Any

from tests.sandbox.site import MediaSite
from tests.support.operator_kit import ROOT, maintenance
from tests.support.scene import Scene
from tests.support.terminal import Terminal
from worker.errors import Reason
from worker.telegram import texts
from worker.telegram.texts import ENGLISH

TOLD = texts.explanation(ENGLISH, Reason.STOPPED)


def test_download_is_watched_and_ended_by_a_key(site: MediaSite, tmp_path: Path) -> None:
    with Scene(site, tmp_path, {"TELEGRAM_WORKERS": "2", "DOWNLOAD_WORKERS": "1"}) as scene:
        scene.send("/slow/watched.mp4?seconds=600")

        def moving() -> Any:
            jobs = maintenance(scene.data_dir, "top", "--json").json["jobs"]
            return [job for job in jobs if job["share"] and job["speed_bps"]]

        (job,) = scene.api.wait_for(moving)
        assert (job["kind"], job["stage"], job["attempt"]) == ("download", "downloading", 1)
        assert 0.0 < job["share"] < 1.0
        assert job["memory_bytes"] > 0
        env = {"PATH": os.environ["PATH"], "DATA_DIR": str(scene.data_dir), "TERM": "vt100"}
        command = [sys.executable, "-m", "maintenance", "top"]
        with Terminal(command, ROOT, env, 80, 24) as terminal:
            row = rf"(?m)^> {job['job_id']} .* [0-9]+ % .*/s .* MB +downloading$"
            # What workers do is known a moment later than what the ledger says.
            busy = r"(?m)^  downloads-1 .* busy "
            seen = terminal.wait_for(
                lambda screen: re.search(row, screen) and re.search(busy, screen)
            )
            assert f"bot {scene.bot.pid} for " in seen
            terminal.type("c")
            terminal.wait_for(lambda screen: "y/n" in screen)
            terminal.type("y")
            terminal.wait_for(lambda screen: f"job {job['job_id']} ends" in screen)
            (answer,) = scene.wait_for_answers()
            assert answer.text == TOLD
            terminal.wait_for(lambda screen: "no job runs" in screen)
            terminal.type("q")
            assert terminal.end() == 0
        assert maintenance(scene.data_dir, "failed", "list").code == 0, "nothing has failed"
