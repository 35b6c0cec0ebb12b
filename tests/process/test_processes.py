"""Identity and signals, on real processes."""

import errno
import mmap
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.process_kit import (
    come_to_an_end,
    ends,
    forked,
    go_on,
    reused_pid,
    wait_until,
)
from worker.processes import memory, process_table, signals
from worker.processes.process_table import Identity

# ----------------------------------------------------------------------------------- identity


def test_process_is_looked_up_whatever_its_name(tmp_path: Path) -> None:
    program = tmp_path / "a) R 1 (b\nc"
    program.symlink_to("/bin/sh")
    command = [str(program), "-c", "echo; read line"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        # The kernel gives it its name a moment after Popen has seen that it was executed.
        assert child.stdout is not None
        child.stdout.readline()
        found = process_table.look_up(child.pid)
    assert found is not None
    assert (found.pid, found.parent_pid, found.name) == (child.pid, os.getpid(), "a) R 1 (b\nc")
    assert found.state in "RS"
    assert 0 <= found.age_s < 10
    assert not found.is_defunct
    assert process_table.look_up(child.pid) is None
    assert process_table.identify(child.pid) is None


def test_defunct_process_has_an_identity_and_no_life() -> None:
    with forked(come_to_an_end) as child:
        assert ends(child)
        assert process_table.identify(child.pid) == child
        assert signals.reap([child.pid]) == {child.pid: 0}
        assert process_table.identify(child.pid) is None
        assert signals.reap([child.pid]) == {}


def test_tag_is_found_on_what_was_executed_with_it(tmp_path: Path) -> None:
    tag = process_table.instance_tag(tmp_path)
    assert tag == process_table.instance_tag(tmp_path / "x" / "..")
    env = {**os.environ, process_table.INSTANCE_VARIABLE: tag}
    with (
        subprocess.Popen(["sleep", "60"], env=env) as marked,
        subprocess.Popen(["sleep", "60"]) as other,
    ):
        assert [p.pid for p in process_table.tagged(tag)] == [marked.pid]
        assert signals.kill_tagged(tag) == 1
        assert marked.wait(10) == -signal.SIGKILL
        assert other.poll() is None
        other.kill()
    assert signals.kill_tagged(tag) == 0


def test_memory_of_a_process_is_known() -> None:
    assert memory.data_bytes(os.getpid()) > 1_000_000
    assert memory.data_bytes(2**22 + 1) == 0
    assert memory.private_bytes(2**22 + 1) == 0


@pytest.mark.parametrize("flags", [mmap.MAP_PRIVATE, mmap.MAP_SHARED])
def test_memory_that_could_be_shared_counts_as_well(flags: int) -> None:
    before = memory.private_bytes(os.getpid())
    with mmap.mmap(-1, 32 << 20, flags=flags | mmap.MAP_ANONYMOUS) as held:
        held.write(b"x" * len(held))
        held_bytes = memory.private_bytes(os.getpid()) - before
    assert 31 << 20 < held_bytes < 40 << 20


def test_memory_of_this_process_is_known_without_what_it_shares() -> None:
    before = memory.own_anonymous_bytes()
    with (
        mmap.mmap(-1, 32 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as own,
        mmap.mmap(-1, 64 << 20, flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS) as shared,
    ):
        own.write(b"x" * len(own))
        shared.write(b"x" * len(shared))
        held_bytes = memory.own_anonymous_bytes() - before
    assert 31 << 20 < held_bytes < 48 << 20


# ------------------------------------------------------------------------------------ signals


def test_signal_reaches_the_process_it_is_meant_for() -> None:
    with forked(go_on) as child:
        assert signals.send_signal(child, signal.SIGTERM)
        assert ends(child)
        assert signals.reap([child.pid]) == {child.pid: signal.SIGTERM}
        assert not signals.send_signal(child, signal.SIGTERM)


def test_signal_for_an_earlier_owner_of_the_pid_reaches_nobody() -> None:
    with forked(go_on) as child:
        earlier = Identity(child.pid, child.started - 1)
        assert not process_table.is_alive(earlier)
        assert signals.open_pidfd(earlier) is None
        assert not signals.send_signal(earlier, signal.SIGKILL)
        signals.wait_for_one([earlier], 60)  # returns at once
        assert process_table.is_alive(child)


def test_reused_pid_is_not_hit() -> None:
    with reused_pid() as (gone, innocent):
        assert gone != innocent
        assert not process_table.is_alive(gone)
        assert signals.open_pidfd(gone) is None
        assert not signals.send_signal(gone, signal.SIGKILL)
        assert process_table.is_alive(innocent)


def test_pidfd_that_cannot_be_compared_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_pid: int) -> None:
        raise OSError(errno.EMFILE, "no descriptor is left")

    with forked(go_on) as child:
        monkeypatch.setattr(process_table, "identify", fail)
        before = os.listdir("/proc/self/fd")
        with pytest.raises(OSError, match="no descriptor"):
            signals.open_pidfd(child)
        assert os.listdir("/proc/self/fd") == before
        monkeypatch.undo()


def test_pid_reused_between_look_and_signal_is_not_hit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The descriptor is opened first and compared then, so a look that came before is no help."""
    with forked(go_on) as innocent:
        gone = Identity(innocent.pid, innocent.started - 1)
        steps: list[str] = []
        pidfd_open, identify = os.pidfd_open, process_table.identify

        def open_now(pid: int) -> int:
            steps.append("open")
            return pidfd_open(pid)

        def identify_as(pid: int) -> Identity | None:
            steps.append("look")
            return identify(pid) if "open" in steps else gone

        monkeypatch.setattr(os, "pidfd_open", open_now)
        monkeypatch.setattr(process_table, "identify", identify_as)
        assert not signals.send_signal(gone, signal.SIGKILL)
        assert steps == ["open", "look"]
        monkeypatch.undo()
        assert process_table.is_alive(innocent)


def test_whole_tree_ends_while_it_forks(tmp_path: Path) -> None:
    tag = process_table.instance_tag(tmp_path)
    forks = (
        "import os, signal\n"
        "from worker.processes import process_setup\n"
        "process_setup.become_subreaper()\n"
        "print(flush=True)\n"
        "for _ in range(300):\n"
        "    if os.fork() == 0:\n"
        "        os.setsid()\n"
        "        if os.fork():\n"
        "            os._exit(0)\n"
        "        signal.pause()\n"
        "signal.pause()\n"
    )
    env = {**os.environ, process_table.INSTANCE_VARIABLE: tag}
    with subprocess.Popen([sys.executable, "-c", forks], env=env, stdout=subprocess.PIPE) as root:
        assert root.stdout is not None
        root.stdout.readline()
        found = process_table.identify(root.pid)
        assert found is not None
        signals.kill_tree(found)
        assert root.wait(10) == -signal.SIGKILL
    wait_until(lambda: all(p.is_defunct for p in process_table.tagged(tag)))
    assert signals.kill_tagged(tag) == 0
