"""What the processes and files of a whole bot show while a download runs."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot import KEPT_VARIABLES
from tests.sandbox.site import MediaSite
from tests.support.scene import CHAT, Scene
from worker.downloads.confinement import seccomp
from worker.downloads.ytdlp.packages import plugin_packages
from worker.processes import process_table

# What the bot makes itself: the tag and PYTHONPATH for its processes, TMPDIR in its directory, and
# which packages may bring plugins.
OURS = {
    *(process_table.INSTANCE_VARIABLE, process_table.JOB_VARIABLE, "PYTHONPATH", "TMPDIR"),
    plugin_packages.VARIABLE,
}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A bot with a foreign secret in its environment, in the middle of a download."""
    foreign = {"AWS_SECRET_ACCESS_KEY": "foreign-secret"}
    home = tmp_path_factory.mktemp("whole")
    (home / "data").mkdir(0o755)
    # As an operator may have made the one, which stays, and put the other back from a backup.
    (home / "data" / "ledger.sqlite3").touch(0o644)
    with MediaSite() as site, Scene(site, home, foreign) as scene:
        scene.send("/slow/held.mp4?seconds=600")
        scene.api.wait_for(lambda: scene.workers("yt-dlp"))
        yield scene
        status = next(message for message in scene.api.chat(CHAT) if message.is_under_way)
        scene.api.press(CHAT, status.message_id, "Cancel", user_id=CHAT)
        scene.wait_for_answers()


def test_the_environment_of_each_process_is_on_a_list(scene: Scene) -> None:
    shown = {}
    for pid in scene.bot.tree():
        listed = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        shown[pid] = {entry.split(b"=")[0].decode() for entry in listed if entry}
    assert len(shown) > 5
    assert set().union(*shown.values()) <= {*KEPT_VARIABLES, *OURS}


def test_directories_and_files_are_the_bots_alone(scene: Scene) -> None:
    modes = {
        os.fspath(path.relative_to(scene.data_dir)): stat.S_IMODE(path.lstat().st_mode)
        for path in scene.data_dir.rglob("*")
    }
    kinds = {name: (scene.data_dir / name).is_dir() for name in modes}
    assert any("/" in name for name in modes), "nothing of a download"
    wrong = {
        name: oct(mode) for name, mode in modes.items() if mode != (0o700 if kinds[name] else 0o600)
    }
    assert wrong == {}


def test_a_download_is_under_its_filter_and_without_new_privileges(scene: Scene) -> None:
    (pid,) = scene.workers("yt-dlp")
    status = dict(
        line.split(":\t", 1)
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if ":\t" in line
    )
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == ("2" if seccomp.is_offered() else status["Seccomp"])
