"""What native code in a download reaches: code that no audit hook hears of."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.hostile import native
from tests.hostile.listeners import Listeners
from tests.hostile.native import MADE, MAKING
from tests.hostile.tools import tell, told, with_capabilities, without_guard, without_landlock
from tests.support.download_limits import LIMITS, limits_with
from tests.support.downloads_harness import Worker, worker
from tests.support.judges import shared_judge
from tests.support.networks import NETWORKS
from worker.downloads.confinement import landlock, seccomp
from worker.downloads.confinement.network import Network

SOURCE = Path(native.__file__).read_text()

OPEN_TO_A_DOWNLOAD = {"tcp", "tcp by its number", "tcp, mapped"}
"""Ways that only the audit hook judges, where nothing keeps native code from the network."""

PAST_THE_PORT_RULE = {
    "mptcp",
    "mptcp, mapped",
    "fast open",
    "fast open by sendmsg",
    "fast open by sendmmsg",
    "fast open, mapped",
}
"""Ways to a port that Landlock alone would forbid."""

pytestmark = pytest.mark.skipif(
    not seccomp.is_offered(), reason="this kernel offers no seccomp, or its numbers are not known"
)


def _in_the_download(task: Any, rules: Any, report: Any, extractors: Any) -> None:
    # Without their names: a failure's words have a limit.
    tell(outcomes=list(native.outcomes(_targets(task.url)).values()))


def _to_the_judge(task: Any, rules: Any, report: Any, extractors: Any) -> None:
    judge = urlsplit(rules.proxy)
    tell(
        judge=native.outcome_of_connecting(judge.hostname, judge.port),
        beside=native.outcome_of_connecting(judge.hostname, judge.port - 1),
        metadata=native.outcome_of_connecting("169.254.169.254", 80),
        public=native.outcome_of_connecting("192.0.2.1", 443),
        public6=native.outcome_of_connecting("2001:db8::1", 443),
    )


def _in_a_program(task: Any, rules: Any, report: Any, extractors: Any) -> None:
    tell(outcomes=list(_by_a_program(_targets(task.url)).values()))


def _by_a_program(targets: dict[str, Any]) -> dict[str, str]:
    command = [sys.executable, "-I", "-S", "-c", SOURCE, json.dumps(targets)]
    done = subprocess.run(command, capture_output=True, check=True)
    outcomes: dict[str, str] = json.loads(done.stdout)
    return outcomes


def _targets(url: str) -> dict[str, Any]:
    targets: dict[str, Any] = json.loads(parse_qs(urlsplit(url).query)["to"][0])
    return targets


def _open_ways(
    made: Worker, listeners: Listeners, fetch: Any, kept_by: Network = Network.NONE
) -> set[str]:
    """The ways that somebody came in by, or that made what reaches others."""
    url = "http://127.0.0.1:8080/?" + urlencode({"to": json.dumps(_all_targets(listeners))})
    error = made.run(url, limits_with(network=kept_by), fetch).error
    outcomes = dict(zip(native.WAYS, json.loads(error.detail)["outcomes"], strict=True))
    return listeners.arrived() | {name for name in MAKING if outcomes[name] == MADE}


def _all_targets(listeners: Listeners) -> dict[str, Any]:
    judge = shared_judge(LIMITS.allowed_networks).removeprefix("\0")
    return listeners.targets | {"control": judge}


@pytest.fixture
def listeners(tmp_path: Path) -> Iterator[Listeners]:
    with Listeners(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def cold(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with worker(tmp_path_factory.mktemp("confined"), is_cold=True) as made:
        yield made


@pytest.mark.parametrize("kept_by", NETWORKS)
def test_native_code_in_a_download_reaches_nobody(
    cold: Worker, listeners: Listeners, kept_by: Network
) -> None:
    is_open = OPEN_TO_A_DOWNLOAD if kept_by is Network.NONE else set()
    assert _open_ways(cold, listeners, _in_the_download, kept_by) == is_open


@pytest.mark.parametrize("kept_by", NETWORKS)
def test_a_program_that_a_download_starts_reaches_nobody(
    cold: Worker, listeners: Listeners, kept_by: Network
) -> None:
    assert _open_ways(cold, listeners, _in_a_program, kept_by) == set()


@pytest.mark.parametrize("kept_by", NETWORKS)
def test_all_that_native_code_finds_is_the_judge(cold: Worker, kept_by: Network) -> None:
    found = told(cold, _to_the_judge, network=kept_by)
    assert found.pop("judge") == MADE
    match kept_by:
        case Network.NAMESPACE:
            assert found.pop("beside") == "ECONNREFUSED"
            assert set(found.values()) == {"ENETUNREACH"}
        case Network.LANDLOCK:
            assert set(found.values()) == {"EACCES"}
        case Network.NONE:
            assert "EACCES" not in found.values()


def _free() -> None:
    without_guard()
    without_landlock()
    with_capabilities()


@pytest.mark.negative
@pytest.mark.parametrize("fetch", [_in_the_download, _in_a_program])
def test_without_its_guards_each_way_is_open(
    listeners: Listeners, tmp_path: Path, fetch: Any
) -> None:
    outcomes = _by_a_program(_all_targets(listeners))
    listeners.arrived()  # The program's own words.
    closed_to_all = {name: outcomes[name] for name in MAKING if outcomes[name] != MADE}
    with worker(tmp_path / "downloads", prepare=_free, is_cold=True) as weak:
        reached = _open_ways(weak, listeners, fetch)
    assert reached | _for_root() | closed_to_all.keys() == set(native.WAYS)
    if missing := {name: why for name, why in closed_to_all.items() if name not in _for_root()}:
        pytest.skip(f"all others are open, but this machine lets nobody have: {missing}")


def _for_root() -> set[str]:
    if os.geteuid() == 0:
        return set()
    return {"a raw socket", "a packet socket", "another's namespace", "another's descriptor"}


def _without_filter() -> None:
    seccomp.is_offered = lambda: False


@pytest.mark.negative
@pytest.mark.skipif(landlock.abi() < landlock.TCP_ABI, reason="needs Landlock's ABI 4")
def test_without_the_filter_there_are_ways_past_landlocks_rule(
    listeners: Listeners, tmp_path: Path
) -> None:
    with worker(tmp_path / "downloads", prepare=_without_filter, is_cold=True) as weak:
        reached = _open_ways(weak, listeners, _in_a_program)
    tcp = {name for name in reached if name.startswith(("tcp", "mptcp", "fast open"))}
    assert tcp == PAST_THE_PORT_RULE
