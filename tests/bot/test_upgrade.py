"""A yt-dlp that is replaced on disk while the bot runs."""

import re
import shutil
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.bot_process import BOT
from tests.sandbox.site import MediaSite
from tests.support.operator_kit import maintenance
from tests.support.scene import ONE_WORKER_EACH, Scene
from worker.dispatch.ytdlp_upgrade import RESTART

ADMIN = 99
"""Has written to the bot before: Telegram lets no bot begin a chat."""


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """The packages of a virtual environment that has a yt-dlp of its own and shares the rest."""
    venv.create(tmp_path / "venv", symlinks=True)
    (packages,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    shared = Path(sysconfig.get_paths()["purelib"])
    (packages / "shared.pth").write_text(f"{shared}\n")
    shutil.copytree(shared / "yt_dlp", packages / "yt_dlp")
    return packages


@pytest.fixture
def scene(site: MediaSite, tmp_path: Path, packages: Path) -> Iterator[Scene]:
    scene = Scene(site, tmp_path, {**ONE_WORKER_EACH, "ADMINS": str(ADMIN)}, script=BOT)
    scene.bot.python = str(tmp_path / "venv/bin/python")
    assert packages.is_dir()
    with scene:
        # The yt-dlp that the bot starts with is the one that it has imported by now.
        scene.send("/clip/before.mp4", ADMIN)
        scene.wait_for_answers(1, ADMIN)
        yield scene


def install(packages: Path, version: str, more: str = "") -> None:
    """Put another yt-dlp in the place of the one that is there."""
    (packages / "yt_dlp/version.py").write_text(f"__version__ = {version!r}\n{more}")


def test_upgraded_yt_dlp_takes_over_between_jobs(scene: Scene, packages: Path) -> None:
    (old,) = scene.workers("downloads")
    with scene.site.holding("/slow/meanwhile.mp4"):
        scene.send("/slow/meanwhile.mp4?seconds=0", 1)
        scene.api.wait_for(lambda: scene.site.hits("/slow/meanwhile.mp4"))
        version = packages / "yt_dlp/version.py"
        install(packages, "2099.1.1", version.read_text().partition("\n")[2])
        scene.api.wait_for(lambda: "yt-dlp 2099.1.1 is on disk now" in scene.bot.log)
    scene.send("/clip/after.mp4", 2)
    for chat in (1, 2):
        (answer,) = scene.wait_for_answers(1, chat)
        assert answer.kind == "video"
    # The new one may be there before the old one has gone.
    scene.api.wait_for(lambda: set(scene.workers("downloads")).isdisjoint({old}))
    scene.api.wait_for(lambda: scene.workers("downloads"))
    assert scene.ledger("SELECT max(attempts) FROM jobs WHERE kind = 'download'") == [(1,)]


def test_yt_dlp_that_cannot_be_used_leaves_the_old_one_at_work(
    scene: Scene, packages: Path
) -> None:
    before = scene.workers("downloads")
    install(packages, "2099.1.2", "raise ImportError('half a package')")
    scene.api.wait_for(lambda: "yt-dlp 2099.1.2 on disk cannot be used" in scene.bot.log)
    assert "ImportError: half a package" in scene.bot.log
    scene.send("/clip/still.mp4", 1)
    (answer,) = scene.wait_for_answers(1, 1)
    assert answer.kind == "video"
    assert scene.workers("downloads") == before

    def alerts() -> list[str]:
        told = [message.text or "" for message in scene.api.chat(ADMIN)]
        return [text for text in told if "upgrade" in text]

    (alert,) = scene.api.wait_for(alerts)
    assert "yt-dlp 2099.1.2 on disk cannot be used" in alert


def test_truncated_yt_dlp_costs_downloads_alone_until_it_is_repaired(
    site: MediaSite, tmp_path: Path, packages: Path
) -> None:
    truncated = packages / "yt_dlp/YoutubeDL.py"
    whole = truncated.read_bytes()
    truncated.write_bytes(whole[:5000])
    env = {**ONE_WORKER_EACH, "TELEGRAM_WORKERS": "2", "ADMINS": str(ADMIN)}
    scene = Scene(site, tmp_path, env, script=BOT)
    scene.bot.python = str(tmp_path / "venv/bin/python")
    with scene:
        scene.api.say("/start", ADMIN)
        scene.wait_for_answers(1, ADMIN)
        scene.send("/clip/patient.mp4", 1)
        scene.wait_for_status("Waiting: sorry, I cannot download anything", 1)
        alerts = scene.wait_for_answers(3, ADMIN)[1:]
        told = " ".join(message.text or "" for message in alerts)
        assert "workers downloads" in told
        assert "on disk cannot be used: SyntaxError" in told
        shown = maintenance(scene.data_dir, "health").text
        assert re.search(r"^critical +yt-dlp +none in use, on disk", shown, re.MULTILINE), shown
        truncated.write_bytes(whole)
        (answer,) = scene.wait_for_answers(1, 1)
        assert answer.kind == "video"


def test_new_code_of_the_bot_waits_for_a_restart(site: MediaSite, tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    for part in ("worker", "maintenance"):
        shutil.copytree(BOT.parent / part, installed / part)
    scene = Scene(site, tmp_path, ONE_WORKER_EACH)
    scene.bot.script = Path(shutil.copy(BOT, installed))
    with scene:
        scene.send("/clip/before.mp4", 99)
        scene.wait_for_answers(1, 99)
        # Files that workers would not even be able to import.
        for file in ("bot.py", "worker/protocol/media.py"):
            (installed / file).write_text("raise ImportError('half a release')")
        scene.api.wait_for(lambda: RESTART in scene.bot.log)
        scene.kill("downloads")
        scene.send("/clip/still.mp4", 1)
        (answer,) = scene.wait_for_answers(1, 1)
        assert answer.kind == "video"
