"""Whole trees of processes and how they end, each played by an interpreter of its own."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support import process_scenes
from tests.support.process_kit import ends, identity_of, with_hidden_proc
from worker.processes import process_table, signals
from worker.processes.process_table import Identity


@contextmanager
def scene(name: str, *arguments: str) -> Iterator[tuple[Identity, list[int]]]:
    """A process of its own that plays a scene, and the pids that it tells when it is set."""
    command = [sys.executable, "-m", process_scenes.__name__, name, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as player:
        identity = identity_of(player.pid)
        assert player.stdout is not None
        pids = [int(pid) for pid in player.stdout.readline().split()]
        others = [found for pid in pids if (found := process_table.identify(pid))]
        try:
            yield identity, pids
        finally:
            player.kill()
            for other in others:
                signals.send_signal(other, signal.SIGKILL)


def test_process_whose_main_thread_alone_has_ended_is_alive() -> None:
    with scene("main_thread_ends") as (child, _):
        while (found := process_table.look_up(child.pid)) and found.state != "Z":
            select.select([], [], [], 0.001)
        assert found is not None
        assert not found.is_defunct
        pidfd = signals.open_pidfd(child)
        assert pidfd is not None
        assert not signals.has_ended(pidfd)
        assert signals.send_signal(child, signal.SIGKILL)
        assert select.select([pidfd], [], [], 10)[0]
        assert signals.has_ended(pidfd)
        os.close(pidfd)


def test_family_is_found() -> None:
    with scene("family") as (child, grandchildren):
        assert [p.pid for p in process_table.children(child.pid)] == grandchildren
        assert [p.pid for p in process_table.descendants(child.pid)] == grandchildren
        assert child.pid in {p.pid for p in process_table.children(os.getpid())}
        assert set(grandchildren) <= process_table.snapshot().keys()


def test_thread_that_has_just_ended_hides_no_children_of_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listdir = os.listdir
    with scene("family") as (child, grandchildren):
        # One that was still there when the threads were listed.
        monkeypatch.setattr(os, "listdir", lambda path: ["1073741824", *listdir(path)])
        assert [p.pid for p in process_table.children(child.pid)] == grandchildren


@pytest.mark.parametrize("hidepid", [1, 2])
def test_what_proc_hides_is_looked_at_like_what_is_gone(hidepid: int) -> None:
    command = [sys.executable, "-m", process_scenes.__name__, "look_at_closed_child"]
    command = with_hidden_proc(hidepid) + command
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "0 0 0 []\n", done.stderr


def test_child_dies_with_its_parent() -> None:
    with scene("bound_child") as (parent, (child,)):
        bound = identity_of(child)
        signals.send_signal(parent, signal.SIGKILL)
        assert ends(bound)


@pytest.mark.negative
def test_child_that_is_not_bound_outlives_its_parent() -> None:
    with scene("unbound_child") as (parent, (child,)):
        unbound = process_table.identify(child)
        assert unbound is not None
        signals.send_signal(parent, signal.SIGKILL)
        ends(parent)
        assert not ends(unbound, 0.3)
        signals.send_signal(unbound, signal.SIGKILL)


@pytest.mark.parametrize(
    "kind", ["plain", "deaf", "own_session", "double_forked", "stopped", "main_thread_ended"]
)
def test_kill_descendants_leaves_nothing(kind: str) -> None:
    left, seconds, _ = play_to_the_end("kill_all", kind)
    assert left == 0
    assert seconds < 3


def test_kill_descendants_reaches_what_shows_up_in_a_later_scan() -> None:
    left, seconds, scans = play_to_the_end("kill_all", "chain")
    assert left == 0
    assert seconds < 3
    assert scans > 1


@pytest.mark.negative
def test_without_further_scans_something_is_left() -> None:
    left, _, _ = play_to_the_end("kill_once", "double_forked")
    assert left > 0


@pytest.mark.negative
def test_without_a_subreaper_an_orphan_escapes() -> None:
    left, _, _ = play_to_the_end("kill_all_without_subreaper", "double_forked")
    assert left > 0


@pytest.mark.parametrize("kind", ["heeds", "leads no session"])
def test_leader_that_heeds_term_is_not_killed(kind: str) -> None:
    left, seconds, status = play_to_the_end("stop_session", kind)
    assert (left, status) == (0, 7 << 8)
    assert seconds < 5


def test_session_that_ignores_term_is_killed_after_the_grace() -> None:
    left, seconds, status = play_to_the_end("stop_session", "deaf")
    assert (left, status) == (0, signal.SIGKILL)
    assert 0.3 <= seconds < 3


def play_to_the_end(name: str, *arguments: str) -> tuple[int, float, int]:
    """Processes that were left, seconds, and one more number that the scene tells."""
    command = [sys.executable, "-m", process_scenes.__name__, name, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    left, seconds, number = done.stdout.split()
    return int(left), float(seconds), int(number)
