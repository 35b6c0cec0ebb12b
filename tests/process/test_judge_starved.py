"""A judge that lacks descriptors or memory: it lives, says so, and serves when there are some."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.judge_clients import Site, begin, connect, raw, reply_to
from tests.support.judges import RunningJudge, judge
from tests.support.process_kit import wait_until
from worker.downloads.judge.client import JudgeClient
from worker.downloads.judge.rules import MAX_CONNECTIONS
from worker.downloads.judge.socks import SocksReply
from worker.processes import process_table

_FEW = 40
_SLACK_BYTES = 2 * 1024 * 1024


@pytest.fixture
def site() -> Iterator[Site]:
    with contextlib.closing(Site()) as made:
        yield made


def with_few_descriptors() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (_FEW, _FEW))


def with_little_memory() -> None:
    """Leave it little more than it has, and let names be long in coming while a file is there."""
    real = socket.getaddrinfo
    blocked = Path(os.environ["BLOCKED"])

    def getaddrinfo(host: object, *args: object, **options: object) -> object:
        while host == "slow.example" and blocked.exists():
            threading.Event().wait(0.01)
        return real("127.0.0.1", *args, **options)  # type: ignore[arg-type]

    vars(socket)["getaddrinfo"] = getaddrinfo
    status = Path("/proc/self/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmData:")]
    limit = int(line.split()[1]) * 1024 + _SLACK_BYTES
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def is_the_same(made: RunningJudge) -> bool:
    found = process_table.look_up(made.pid)
    return found is not None and found.state not in "ZX"


def test_without_descriptors_it_waits_for_some(site: Site) -> None:
    with judge(prepare=with_few_descriptors) as made, JudgeClient(made.address) as way:
        with ExitStack() as stack:
            for _ in range(2 * _FEW):
                stack.enter_context(raw(way))
            wait_until(lambda: len(os.listdir(f"/proc/{made.pid}/fd")) >= _FEW - 1)
            used_s = processor_s(made.pid)
            time.sleep(0.3)  # in which a judge that tries again and again would be busy
            assert processor_s(made.pid) - used_s < 0.15
        wait_until(lambda: reply_to(way, "127.0.0.1", site.port) == SocksReply.DONE)
        assert is_the_same(made)


def processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_connections_that_it_cannot_make_fail_and_are_no_fault_of_the_address(site: Site) -> None:
    with judge(prepare=with_few_descriptors) as made, ExitStack() as stack:
        ways = [stack.enter_context(JudgeClient(made.address)) for _ in range(3)]
        for way in ways[:2]:
            with contextlib.suppress(OSError):
                for _ in range(MAX_CONNECTIONS):
                    client = raw(way)
                    client.settimeout(0.5)
                    stack.callback(client.close)
                    begin(client, way, b"\x09127.0.0.1", site.port)
        stack.pop_all().close()
        with JudgeClient(made.address) as way:
            connect(way, "127.0.0.1", site.port).close()
        assert is_the_same(made)


def test_without_memory_it_fails_what_it_cannot_do_and_goes_on(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "blocked"
    blocked.touch()
    monkeypatch.setenv("BLOCKED", str(blocked))
    with judge(prepare=with_little_memory) as made, JudgeClient(made.address) as way:
        # So few that it may have them all.
        clients = [raw(way) for _ in range(MAX_CONNECTIONS - 1)]
        for client in clients:
            begin(client, way, b"\x0cslow.example")
        wait_until(lambda: reply_to(way, "site.example", site.port) == SocksReply.FAILED)
        assert len(os.listdir(f"/proc/{made.pid}/task")) < MAX_CONNECTIONS - 1
        connect(way, "127.0.0.1", site.port).close()  # which takes no thread
        blocked.unlink()
        wait_until(lambda: reply_to(way, "site.example", site.port) == SocksReply.DONE)
        for client in clients:
            client.close()
        assert is_the_same(made)
