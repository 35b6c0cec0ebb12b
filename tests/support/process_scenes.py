"""Scenes of processes, each in an interpreter of its own.

`python -m tests.support.process_scenes NAME` plays one.

Some print pids and stay, one prints what it sees of another process. The others print how many
processes are left of those that they made, how many seconds it took to end them, and one more
number.
"""

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

from worker.processes import memory, process_setup, process_table, signals


def fork(body: Callable[[], object]) -> int:
    """A child that runs `body` and then lasts; the body is done when this returns."""
    read_fd, write_fd = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read_fd)
        body()
        os.write(write_fd, b"x")
        os.close(write_fd)
        while True:
            signal.pause()
    os.close(write_fd)
    os.read(read_fd, 1)
    os.close(read_fd)
    return pid


def say_and_stay(*pids: int) -> None:
    print(*pids, flush=True)
    sys.stdin.read()


# ---------------------------------------------------------------------------- those that stay


def main_thread_ends() -> None:
    """What is left of this process is one thread."""
    threading.Thread(target=signal.pause, daemon=True).start()
    print(flush=True)
    ctypes.CDLL(None).pthread_exit(None)


def family() -> None:
    say_and_stay(fork(lambda: None), fork(os.setsid))


def bound_child() -> None:
    parent = os.getpid()

    def body() -> None:
        os.setsid()
        process_setup.die_with_parent(parent)

    say_and_stay(fork(body))


def unbound_child() -> None:
    say_and_stay(fork(os.setsid))


# ------------------------------------------------------------------------------ one that looks


def look_at_closed_child() -> None:
    """Print what is seen of a child that refuses inspection."""
    parent = os.getpid()

    def body() -> None:
        process_setup.die_with_parent(parent)
        process_setup.refuse_inspection()

    pid = fork(body)
    looks = (memory.data_bytes, memory.private_bytes, memory.share_bytes, process_table.children)
    print(*(look(pid) for look in looks))


# ---------------------------------------------------------------------------- kinds of children


def plain() -> None:
    fork(lambda: None)


def deaf() -> None:
    fork(lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN))


def own_session() -> None:
    fork(os.setsid)


def double_forked() -> None:
    """A daemon below one that lasts: the one in the middle is gone at the first scan."""

    def daemonize() -> None:
        os.setsid()
        fork(lambda: None)

    fork(daemonize)


def orphaned() -> None:
    """A daemon as daemons are made: the one in the middle has gone."""
    read_fd, write_fd = os.pipe()
    middle = os.fork()
    if middle == 0:
        os.setsid()
        os.write(write_fd, fork(lambda: None).to_bytes(4))
        os._exit(0)
    os.read(read_fd, 4)
    os.waitpid(middle, 0)
    os.close(read_fd)
    os.close(write_fd)


def chain() -> None:
    """Eight generations, each in a session of its own."""

    def descend(left: int) -> None:
        os.setsid()
        if left:
            fork(lambda: descend(left - 1))

    fork(lambda: descend(7))


def stopped() -> None:
    os.kill(fork(lambda: None), signal.SIGSTOP)


def main_thread_ended() -> None:
    pid = os.fork()
    if pid == 0:
        threading.Thread(target=signal.pause, daemon=True).start()
        ctypes.CDLL(None).pthread_exit(None)
    while (found := process_table.look_up(pid)) and found.state != "Z":
        time.sleep(0.001)


# ------------------------------------------------------------------------------ ways to end them


def kill_all(kind: str) -> None:
    process_setup.become_subreaper()
    _measure(kind, signals.kill_descendants)


def kill_once(kind: str) -> None:
    """One look at the children, and not at theirs; what comes up afterwards is missed."""

    def kill_children() -> None:
        for child in process_table.children(os.getpid()):
            signals.send_signal(child.identity, signal.SIGKILL)
            os.waitpid(child.pid, 0)

    process_setup.become_subreaper()
    _measure(kind, kill_children)


def kill_all_without_subreaper(kind: str) -> None:
    """The one in the middle ends by itself, and its child is init's from then on."""
    pids = _made(kind)
    os.kill(pids[0], signal.SIGKILL)
    os.waitpid(pids[0], 0)
    signals.kill_descendants()
    _tell(pids, 0.0, 0)


def stop_session(kind: str) -> None:
    process_setup.become_subreaper()

    def heed(*_arguments: object) -> None:
        os._exit(7)

    def body() -> None:
        if kind != "leads no session":
            os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN if kind == "deaf" else heed)

    leader = process_table.identify(fork(body))
    assert leader is not None
    started = time.monotonic()
    statuses = signals.stop_session(leader, 0.3 if kind == "deaf" else 10)
    _tell([leader.pid], time.monotonic() - started, statuses[leader.pid])


def _made(kind: str) -> list[int]:
    globals()[kind]()
    return [process.pid for process in process_table.descendants(os.getpid())]


def _measure(kind: str, end: Callable[[], object]) -> None:
    scans = 0
    descendants = process_table.descendants

    def counted(pid: int) -> list[process_table.Process]:
        nonlocal scans
        scans += 1
        return descendants(pid)

    pids = _made(kind)
    assert pids
    process_table.descendants = counted
    started = time.monotonic()
    end()
    _tell(pids, time.monotonic() - started, scans)


def _tell(pids: list[int], seconds: float, number: int) -> None:
    left = [
        pid
        for pid in pids
        if (found := process_table.identify(pid)) and process_table.is_alive(found)
    ]
    print(len(left), seconds, number)
    for pid in left:
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
