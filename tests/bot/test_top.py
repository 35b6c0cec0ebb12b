"""`python -m maintenance top` beside a real bot: a download is watched, and ended by a key."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.patience import PATIENCE_S
from tests.sandbox.site import MediaSite
from tests.support.operator_kit import ROOT, maintenance
from tests.support.scene import CHAT, Scene
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
            terminal.wait_for(lambda screen: "no running jobs" in screen)
            terminal.type("q")
            assert terminal.end() == 0
        assert maintenance(scene.data_dir, "failed", "list").code == 0, "nothing has failed"


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_view_in_tmux_over_a_line_without_colours(site: MediaSite, tmp_path: Path) -> None:
    with Scene(site, tmp_path) as scene, site.holding("/slow/in-tmux.mp4"):
        scene.send("/slow/in-tmux.mp4?seconds=0")
        scene.wait_for_status("Downloading")
        tmux = ["tmux", "-S", str(tmp_path / "tmux"), "-f", "/dev/null"]
        view = shlex.join([sys.executable, "-m", "maintenance", "top"])
        env = {"PATH": os.environ["PATH"], "DATA_DIR": str(scene.data_dir), "LC_ALL": "C.UTF-8"}

        def typed(*arguments: str) -> str:
            done = subprocess.run(
                [*tmux, *arguments],
                cwd=ROOT, env=env, capture_output=True, text=True, check=True, timeout=PATIENCE_S,
            )  # fmt: skip
            return done.stdout

        def screen_with_a_job() -> list[str]:
            lines = typed("capture-pane", "-p").splitlines()
            return lines if any(re.match(r"> \d+ .*downloading$", line) for line in lines) else []

        typed("new-session", "-d", "-x", "80", "-y", "24", view)
        try:
            lines = scene.api.wait_for(screen_with_a_job)
            assert f"bot {scene.bot.pid} for " in lines[0]
            assert len(lines) == 24
            assert max(map(len, lines)) <= 80
            typed("send-keys", "q")
            scene.api.wait_for(lambda: not (tmp_path / "tmux").exists() or not _sessions(tmux))
        finally:
            subprocess.run([*tmux, "kill-server"], check=False, capture_output=True)
        scene.send("/clip/after-it.mp4", CHAT + 1)
        scene.wait_for_answers(1, CHAT + 1)


def _sessions(tmux: list[str]) -> str:
    done = subprocess.run([*tmux, "list-sessions"], capture_output=True, text=True, check=False)
    return done.stdout
