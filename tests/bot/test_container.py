"""The bot as it runs in a container or under systemd: as process 1, on a disk that is read-only.

There is no container here, so what one is made of is tried: a pid namespace, a mount namespace
with a read-only root, no capabilities, and no way to get new privileges.
"""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from maintenance import runs
from maintenance.exit_codes import EXIT_NOT_NOW
from tests.sandbox.api import BotApi
from tests.sandbox.bot_process import BotProcess
from tests.sandbox.site import MediaSite
from tests.support.scene import CHAT, ONE_WORKER_EACH, TESTED_BOT
from worker import clocks, data_directory

CAN = os.geteuid() == 0 and shutil.which("unshare") and shutil.which("setpriv")

NAMESPACES = ["unshare", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc"]
INSIDE = """
set -e
mount --make-rprivate /
mount --bind "$DATA_DIR" "$DATA_DIR"
mount -o remount,bind,ro /
touch "$CODE/written" 2>/dev/null && exit 99
exec setpriv --no-new-privs --inh-caps=-all --bounding-set=-all -- "$@"
"""


@pytest.mark.skipif(not CAN, reason="needs root, unshare and setpriv")
def test_process_1_on_a_read_only_disk_answers_reaps_and_stops(
    site: MediaSite, tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    with BotApi() as api:
        settings = BotProcess(api, data_dir, ONE_WORKER_EACH)
        with (tmp_path / "log").open("wb") as log:
            outside = subprocess.Popen(
                [*NAMESPACES, "sh", "-c", INSIDE, "sh", sys.executable, str(TESTED_BOT)],
                cwd=settings.cwd,
                env={**settings.env, "CODE": str(TESTED_BOT.parent)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            api.wait_for(lambda: any(call.method == "getUpdates" for call in api.calls))
            (bot,) = psutil.Process(outside.pid).children()
            assert (data_dir / "lock").read_text().strip() == "1"
            orphan = f"nsenter --target {bot.pid} --pid --mount setsid sh -c 'sleep 0.1 & exit 0'"
            subprocess.run(["sh", "-c", orphan], check=True)
            api.say(f"{site.url}/clip.mp4", CHAT)
            api.wait_for(lambda: any(message.media for message in api.chat(CHAT)))
            api.wait_for(lambda: not _defunct(bot))
            bot.send_signal(signal.SIGTERM)
            assert outside.wait(50) == 0, (tmp_path / "log").read_text()
            assert "The bot has stopped." in (tmp_path / "log").read_text()
            assert not list((data_dir / "downloads").iterdir())
        finally:
            outside.kill()
            outside.wait()


@pytest.mark.skipif(not CAN, reason="needs root, unshare and setpriv")
def test_process_1_need_not_end_its_pause_before_a_stop(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    for _ in range(6):
        pause_s = runs.note_end(data_dir, EXIT_NOT_NOW, clocks.wall_clock())
    assert pause_s == runs.MAX_PAUSE_S
    with BotApi() as api, data_directory.lock(data_dir):
        settings = BotProcess(api, data_dir, ONE_WORKER_EACH)
        outside = subprocess.Popen(
            [*NAMESPACES, sys.executable, str(TESTED_BOT)],
            cwd=settings.cwd,
            env=settings.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            assert outside.stderr
            said = next(line for line in outside.stderr if "ends with exit code" in line)
            assert f"exit code {EXIT_NOT_NOW} in {runs.MAX_PAUSE_S:.0f} s" in said
            (bot,) = psutil.Process(outside.pid).children()
            bot.send_signal(signal.SIGTERM)
            assert outside.wait(runs.MAX_PAUSE_S / 2) == 0
        finally:
            outside.kill()
            outside.wait()


def _defunct(bot: psutil.Process) -> list[psutil.Process]:
    below = bot.children(recursive=True)
    return [each for each in below if each.status() == psutil.STATUS_ZOMBIE]
