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
from tests.support.networks import ONE_NETWORK
from tests.support.scene import Scene
from worker.downloads.confinement import landlock, seccomp
from worker.downloads.confinement.network import Network

# What each attack comes to, and the guard without which it would not.
HOOK, FILTER, BORDER = "the audit hook", "seccomp", "Landlock"
# And what native code comes to that connects, by what keeps it from the network.
CONNECTING = {
    Network.NAMESPACE: "ECONNREFUSED",
    Network.LANDLOCK: "EACCES",
    Network.NONE: GOT,
}
NATIVELY = "loopback natively"
REFUSED: dict[str, tuple[str, str]] = {
    "own environment": ("nothing", HOOK),
    "own memory": ("nothing", HOOK),
    "settings": ("EACCES", BORDER),
    "ledger": ("EACCES", BORDER),
    "change ledger": ("EACCES", BORDER),
    "look for jobs": ("EACCES", BORDER),
    "another job": ("EACCES", BORDER),
    "home": ("EACCES", BORDER),
    "write outside": ("EACCES", BORDER),
    "write to /tmp": ("EACCES", BORDER),
    "remove outside": ("EACCES", BORDER),
    "a link out": ("EACCES", BORDER),
    "a program of its own": ("EACCES", BORDER),
    "bot's environment": ("EACCES", BORDER),
    "telegram's memory": ("EACCES", BORDER),
    "telegram's memory by a program": ("EACCES", BORDER),
    "bot's descriptors": ("EACCES", BORDER),
    "signal the bot": ("EPERM", FILTER),
    "signal by a program": ("EPERM", FILTER),
    "signal everybody": ("EPERM", FILTER),
    "signal by a pidfd": ("EPERM", FILTER),
    "signal by a descriptor": ("EPERM", FILTER),
    "limit the bot": ("EPERM", FILTER),
    "limit telegram by a program": ("EPERM", FILTER),
    "slow the bot down": ("EPERM", FILTER),
    "let the bot wait": ("EPERM", FILTER),
    "trace the bot": ("EPERM", FILTER),
    "loopback": ("EACCES", HOOK),
    "loopback by a program": ("EACCES", FILTER),
    "a datagram by a program": ("EACCES", FILTER),
    "socket file": ("EACCES", HOOK),
    "socket file by a program": ("EACCES", FILTER),
    "socket file natively": ("EACCES", FILTER),
    "abstract socket": ("EACCES", HOOK),
    "abstract by a program": ("EACCES", FILTER),
}
# A bot that hides nothing else: these fail because there is nothing to be had.
NOWHERE = {"own environment", "own memory", "bot's environment"}
# Where there is no border, these processes themselves are closed to others of their user.
CLOSED = ("telegram's memory", "telegram's memory by a program", "bot's descriptors")


def attack(tmp_path: Path, preload: str, kept_by: Network | None = None) -> dict[str, str]:
    """Let the payload loose inside a bot; what each of its attacks came to.

    The bot keeps it from the network as well as it can, unless `kept_by` says how.
    """
    with MediaSite() as site, ExitStack() as stack:
        settings = {
            "IN_FORK_SERVER": f"tests.hostile.{preload}",
            "ALLOWED_NETWORKS": "127.0.0.1/32",
        }
        if kept_by:
            settings |= {"IN_MAIN": "tests.hostile.forced_network", "FORCED_NETWORK": kept_by}
        scene = Scene(site, tmp_path, settings)
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
            telegram = scene.api.wait_for(lambda: scene.workers("telegram"))[0]
            # Its first step removes what no job needs.
            scene.api.wait_for(lambda: "The dispatcher starts" in scene.bot.log)
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
            found = re.search(r"(\{\"outcomes.*?\})", scene.bot.log)
            assert found, scene.bot.log
            assert scene.bot.log.count(scene.api.token) == 0
            return dict(zip(ATTACKS, json.loads(found[1])["outcomes"], strict=True))


def _needs(*guards: str) -> None:
    if BORDER in guards and not landlock.abi():
        pytest.skip("this kernel offers no Landlock")
    if FILTER in guards and not seccomp.is_offered():
        pytest.skip("this kernel offers no seccomp, or its numbers are not known")


@pytest.fixture(scope="module", params=ONE_NETWORK)
def kept_by(request: pytest.FixtureRequest) -> Network:
    found: Network = request.param
    return found


@pytest.fixture(scope="module")
def results(kept_by: Network, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return attack(tmp_path_factory.mktemp("confined"), "confined", kept_by)


@pytest.fixture(scope="module")
def without_landlock(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return attack(tmp_path_factory.mktemp("older"), "older")


@pytest.mark.parametrize("name", REFUSED)
def test_an_attack_from_inside_a_download_is_refused(results: dict[str, str], name: str) -> None:
    expected, guard = REFUSED[name]
    _needs(guard)
    assert results[name] == expected


def test_native_code_connects_to_nobody_where_it_is_confined(
    results: dict[str, str], kept_by: Network
) -> None:
    assert results[NATIVELY] == CONNECTING[kept_by]


@pytest.mark.parametrize("name", [name for name, (_, by) in REFUSED.items() if by != BORDER])
def test_an_older_kernel_refuses_all_but_files(without_landlock: dict[str, str], name: str) -> None:
    expected, guard = REFUSED[name]
    _needs(guard)
    assert without_landlock[name] == expected


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look into every process")
@pytest.mark.parametrize("name", CLOSED)
def test_an_older_kernel_keeps_an_ordinary_user_from_what_knows_the_token(
    without_landlock: dict[str, str], name: str
) -> None:
    assert without_landlock[name] == "EACCES"


@pytest.mark.negative
def test_without_its_guards_each_attack_succeeds(tmp_path: Path) -> None:
    got = attack(tmp_path, "free")
    # The main process closes itself, but to root.
    closed = {"bot's descriptors", "trace the bot"} if os.geteuid() else set()
    assert {name for name, result in got.items() if result != GOT} == NOWHERE | closed
