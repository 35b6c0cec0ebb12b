"""What a process sets up for itself, and that the kernel holds it to it."""

import os
import signal
from pathlib import Path

import pytest

from tests.support.process_kit import ends, forked
from worker.processes import process_setup, process_table, signals
from worker.processes.process_setup import Limits


def test_child_of_a_parent_that_was_faster_ends_at_once() -> None:
    def body(write_fd: int) -> None:
        os.write(write_fd, b"x")
        process_setup.die_with_parent(os.getppid() + 1)
        os._exit(0)

    with forked(body) as child:
        assert ends(child)
        assert os.waitstatus_to_exitcode(signals.reap([child.pid])[child.pid]) == 1


@pytest.mark.parametrize("state", ["pausing", "spinning", "stopped"])
def test_process_dies_with_the_last_writer(state: str) -> None:
    life_line, writer = os.pipe()

    def body(write_fd: int) -> None:
        os.close(writer)
        process_setup.die_with_writer(life_line)
        os.write(write_fd, b"x")
        while True:
            if state != "spinning":
                signal.pause()

    with forked(body) as child:
        if state == "stopped":
            signals.send_signal(child, signal.SIGSTOP)
        assert not ends(child, 0.05)
        os.close(writer)
        assert ends(child)
    os.close(life_line)


def test_process_whose_last_writer_has_gone_ends_at_once() -> None:
    life_line, writer = os.pipe()
    os.close(writer)

    def body(write_fd: int) -> None:
        os.write(write_fd, b"x")
        process_setup.die_with_writer(life_line)
        signal.pause()

    with forked(body) as child:
        assert ends(child)
    os.close(life_line)


def test_limits_hold_and_stay() -> None:
    def body(write_fd: int) -> None:
        Limits(data_bytes=300_000_000, file_bytes=1000, open_files=50).apply()
        Limits(data_bytes=400_000_000, file_bytes=500).apply()  # lower is possible, higher is not
        os.write(write_fd, b"x")
        signal.pause()

    with forked(body) as child:
        text = Path(f"/proc/{child.pid}/limits").read_text()
    limits = {line[:25].strip(): line[25:].split()[:2] for line in text.splitlines()[1:]}
    assert limits["Max data size"] == ["300000000", "300000000"]
    assert limits["Max file size"] == ["500", "500"]
    assert limits["Max open files"] == ["50", "50"]
    assert limits["Max core file size"] == ["0", "0"]


def test_name_is_shown() -> None:
    def body(write_fd: int) -> None:
        process_setup.set_name("a-name-that-is-too-long")
        os.write(write_fd, b"x")
        signal.pause()

    with forked(body) as child:
        found = process_table.look_up(child.pid)
        assert found is not None
        assert found.name == "a-name-that-is-"


def test_title_takes_the_place_of_the_command_line() -> None:
    def body(write_fd: int) -> None:
        process_setup.set_title("a long title")
        process_setup.set_title("title of ünïcode")
        os.write(write_fd, b"x")
        signal.pause()

    with forked(body) as child:
        shown = Path(f"/proc/{child.pid}/cmdline").read_bytes()
        environment = Path(f"/proc/{child.pid}/environ").read_bytes()
    assert shown.rstrip(b"\0").decode() == "title of ünïcode"
    assert environment == Path("/proc/self/environ").read_bytes()


def test_title_without_room_is_cut() -> None:
    def body(write_fd: int) -> None:
        process_setup.set_title("x" * 100_000)
        os.write(write_fd, b"x")
        signal.pause()

    room = len(Path("/proc/self/cmdline").read_bytes()) - 1
    with forked(body) as child:
        shown = Path(f"/proc/{child.pid}/cmdline").read_bytes()
        environment = Path(f"/proc/{child.pid}/environ").read_bytes()
    assert shown == b"x" * room + b"\0"
    assert environment == Path("/proc/self/environ").read_bytes()
