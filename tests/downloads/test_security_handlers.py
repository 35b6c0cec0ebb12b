"""Ways to make a request, or to have one made: the guard hears of each, and there is no other."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yt_dlp
from yt_dlp.networking import common as networking
from yt_dlp.networking.common import Request, register_preference, register_rh

from tests.hostile.tools import tell, told, without_guard
from tests.hostile.web import Web, content
from tests.support.download_limits import limits_with
from tests.support.downloads_harness import Worker, worker
from tests.support.networks import NETWORKS
from worker.downloads.confinement.network import Network
from worker.downloads.ytdlp.network import handlers, page_limits


def _offer_another() -> None:
    """A handler whose connections no audit hook hears of, and that wants to be asked first."""

    class NativeRH(networking.RequestHandler):
        _SUPPORTED_URL_SCHEMES = ("http", "https")

        def _send(self, request: Any) -> Any:
            raise AssertionError("past the guard")

    register: Any = register_rh
    register(NativeRH)
    preferring: Any = register_preference(NativeRH)
    preferring(lambda *_: 1000)


def _request_by_each(task: Any, rules: Any, report: Any, extractors: Any) -> None:
    outcomes = {}
    ydl: Any
    with page_limits.LimitedYoutubeDL({"quiet": True}, extractors) as ydl:
        ydl.network = rules.network
        for key, handler in ydl._request_director.handlers.items():
            scheme = "ws" if key == "Websockets" else "http"
            try:
                handler.send(Request(task.url.replace("http", scheme, 1), proxies={}))
                outcomes[key] = "answered"
            except Exception as error:  # noqa: BLE001 - whatever it makes of the refusal
                outcomes[key] = "refused" if _was_refused(error) else str(error)[:60]
    tell(outcomes=outcomes)


def _was_refused(error: BaseException | None) -> bool:
    while error is not None:
        if "egress guard" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    home = tmp_path_factory.mktemp("guarded")
    with worker(home, prepare=_offer_another, is_cold=True) as made:
        yield made


def _outcomes(made: Worker, inside: Web, **changes: Any) -> dict[str, str]:
    # Accepted as a link: what is judged here is the connect.
    made.begin("http://127.0.0.1:8080/", limits_with(**changes), _Requesting(inside.url))
    outcomes: dict[str, str] = json.loads(made.finish().error.detail)["outcomes"]
    return outcomes


class _Requesting:
    """Takes yt-dlp's place and asks for another address than the link's."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __call__(self, task: Any, *others: Any) -> None:
        _request_by_each(dataclasses.replace(task, url=self._url), *others)


@pytest.fixture
def inside() -> Iterator[Web]:
    with Web("127.0.0.2") as inside:
        inside.otherwise = content("inside")
        yield inside


@pytest.mark.parametrize("network", NETWORKS)
def test_the_guard_hears_of_each_handler_or_the_kernel_keeps_it_in(
    guarded: Worker, inside: Web, network: Network
) -> None:
    outcomes = _outcomes(guarded, inside, network=network)
    if network is not Network.NONE:
        assert "Failed to connect" in outcomes.pop("Browser")
    assert outcomes == dict.fromkeys(handlers.GUARDED, "refused")
    assert inside.hits == []


def _use_all() -> None:
    without_guard()
    _offer_another()
    weak: Any = page_limits.LimitedYoutubeDL
    weak.build_request_director = yt_dlp.YoutubeDL.build_request_director


@pytest.mark.negative
def test_without_the_guard_each_handler_reaches_inside(inside: Web, tmp_path: Path) -> None:
    with worker(tmp_path, prepare=_use_all, is_cold=True) as weak:
        outcomes = _outcomes(weak, inside, network=Network.NONE)
    assert outcomes.pop("Native") == "past the guard"
    assert outcomes.pop("Websockets") not in {"refused", "answered"}  # it is no such server
    assert outcomes == dict.fromkeys(("Requests", "Urllib", "CurlCFFI"), "answered")
    assert len(inside.hits) == 4


ADDRESS = "http://127.0.0.2:8080/"


def _exec_in_a_child(start: Callable[[], object]) -> None:
    """An exec that succeeds ends the process, so it is tried in one of its own."""
    pid = os.fork()
    if pid == 0:
        try:
            start()
        except PermissionError:
            os._exit(3)
        finally:
            os._exit(4)
    if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3:
        raise PermissionError


def _spawn() -> None:
    # Its child hears the refusal and ends with the number for a program that is not there.
    if os.spawnv(os.P_WAIT, TRUE, ["true", ADDRESS]) == 127:
        raise PermissionError


STARTS: dict[str, Callable[[], object]] = {
    "Popen": lambda: subprocess.run(["true", ADDRESS], check=True),
    "a shell's line": lambda: subprocess.run(f"true {ADDRESS}", shell=True, check=True),
    "bytes": lambda: subprocess.run([b"true", ADDRESS.encode()], check=True),
    "popen": lambda: os.popen(f"true {ADDRESS}").close(),
    "system": lambda: os.system("true"),
    "posix_spawn": lambda: os.waitpid(os.posix_spawn(TRUE, ["true", ADDRESS], {}), 0),
    "spawn": lambda: _spawn(),
    "exec": lambda: _exec_in_a_child(lambda: os.execv(TRUE, ["true", ADDRESS])),
    "execvp": lambda: _exec_in_a_child(lambda: os.execvp("true", ["true", ADDRESS])),
    "asyncio": lambda: asyncio.run(_by_asyncio()),
}
TRUE = "/bin/true"


async def _by_asyncio() -> None:
    process = await asyncio.create_subprocess_exec("true", ADDRESS)
    await process.wait()


def _start_by_each(task: Any, rules: Any, report: Any, extractors: Any) -> None:
    started = []
    for name, start in STARTS.items():
        with contextlib.suppress(PermissionError):
            start()
            started.append(name)
    tell(started=started)


def test_no_way_to_start_a_program_takes_an_address(guarded: Worker) -> None:
    assert told(guarded, _start_by_each) == {"started": []}


@pytest.mark.negative
def test_without_the_guard_each_way_does(tmp_path: Path) -> None:
    with worker(tmp_path, prepare=without_guard, is_cold=True) as weak:
        started = told(weak, _start_by_each)["started"]
    # A child of the test's own ends with 0 or 4, and nobody refused it.
    assert started == list(STARTS)
