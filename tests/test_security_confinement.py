"""A hostile program in yt-dlp's place, inside the real bot: what it gets hold of."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import tempfile
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.hostile.payload import ATTACKS, GOT
from tests.sandbox.site import MediaSite
from tests.scene import Scene
from worker.downloads import landlock

SCRIPT = Path(__file__).parent / "hostile" / "bot.py"

# What each attack comes to, and the Landlock ABI below which the kernel does not see to it.
REFUSED: dict[str, tuple[str, int]] = {
    "own environment": ("nothing", 0),
    "own memory": ("nothing", 0),
    "settings": ("EACCES", 1),
    "ledger": ("EACCES", 1),
    "change ledger": ("EACCES", 1),
    "look for jobs": ("EACCES", 1),
    "another job": ("EACCES", 1),
    "home": ("EACCES", 1),
    "write outside": ("EACCES", 1),
    "write to /tmp": ("EACCES", 1),
    "remove outside": ("EACCES", 1),
    "a link out": ("EACCES", 1),
    "a program of its own": ("EACCES", 1),
    "bot's environment": ("EACCES", 1),
    "telegram's memory": ("EACCES", 1),
    "bot's descriptors": ("EACCES", 1),
    "signal the bot": ("EPERM", landlock.SIGNALS_ABI),
    "signal by a program": ("EPERM", landlock.SIGNALS_ABI),
    "loopback": ("EACCES", 0),
    "loopback by a program": ("EACCES", landlock.TCP_ABI),
    "socket file": ("EACCES", 0),
    "abstract socket": ("EACCES", 0),
    "abstract by a program": ("EPERM", landlock.SIGNALS_ABI),
}
# A bot that hides nothing else: these fail because there is nothing to be had.
NOWHERE = {"own environment", "own memory", "bot's environment"}


def attack(tmp_path: Path, preload: str) -> dict[str, str]:
    """Let the payload loose inside a bot; what each of its attacks came to."""
    with MediaSite() as site, ExitStack() as stack:
        settings = {"HOSTILE": f"tests.hostile.{preload}", "ALLOWED_NETWORKS": "127.0.0.1/32"}
        scene = Scene(site, tmp_path, settings)
        scene.bot.script = SCRIPT
        (tmp_path / ".env").write_text("PROXY=\n")
        abstract = f"fetchbot-test-{os.getpid()}"
        listening = [
            stack.enter_context(socket.create_server(("127.0.0.2", 0))),
            *(stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(2)),
        ]
        file = stack.enter_context(tempfile.TemporaryDirectory()) + "/socket"
        for unix, address in zip(listening[1:], (file, "\0" + abstract), strict=True):
            unix.bind(address)
            unix.listen()
        temporary = f"{file}-new"
        with scene:
            telegram = scene.api.wait_for(lambda: scene.workers("telegram"), 20)[0]
            other = scene.data_dir / "downloads" / "999-1"
            other.mkdir(parents=True)
            (other / "media.mp4").write_bytes(b"somebody's")
            targets = {
                "bot": scene.bot.pid,
                "telegram": telegram,
                "home": Path.home(),
                "temporary": temporary,
                "port": listening[0].getsockname()[1],
                "socket": file,
                "abstract": abstract,
            }
            scene.api.say(f"{site.url}/x?{urlencode(targets)}", 4711)
            scene.wait_for_answers()
            shutil.rmtree(other)
            found = re.search(r"(\{\"own environment.*?\})", scene.bot.log)
            assert found, scene.bot.log
            assert scene.bot.log.count(scene.api.token) == 0
            results: dict[str, str] = json.loads(found[1])
            return results


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return attack(tmp_path_factory.mktemp("confined"), "confined")


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_from_inside_a_download_is_refused(results: dict[str, str], name: str) -> None:
    expected, needed = REFUSED[name]
    if needed > landlock.abi():
        pytest.skip(f"this kernel's Landlock has ABI {landlock.abi()}; {name!r} needs {needed}")
    assert results[name] == expected


@pytest.mark.negative
def test_without_its_guards_each_attack_succeeds(tmp_path: Path) -> None:
    got = attack(tmp_path, "free")
    assert {name for name, result in got.items() if result != GOT} == NOWHERE
