"""What leaves the bot beside Telegram: pings, the page of health, and words for systemd."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from maintenance.commands import listen
from maintenance.findings import critical, ok
from maintenance.measures import Measures
from maintenance.reporting import health_server, sd_notify
from maintenance.reporting.condition import Condition
from maintenance.reporting.health_server import HealthServer
from maintenance.reporting.pings import AGAIN_S, EVERY_S, Pings, PingTarget, below
from maintenance.reporting.sd_notify import Notifier
from tests.support.operator_kit import ROOT
from tests.support.ping_receiver import Ping, receiving_pings
from worker.clocks import Monotonic

POLLED = cast(Measures, SimpleNamespace(polled_at=1.0))
TOKEN = "123456789:AAFakeFakeFakeFakeFakeFakeFakeFake0"


def well() -> Condition:
    made = Condition(lambda _: None)
    made.note(POLLED, [ok("disk", "")], Monotonic(0.0))
    return made


# -------------------------------------------------------------------------------------- pings


def test_a_bot_that_is_well_says_so_every_minute() -> None:
    with receiving_pings() as receiver:
        pings = Pings(PingTarget(receiver.url), well(), None)
        for second in range(61):
            pings.step(Monotonic(float(second)))
        assert receiver.pings == [Ping(True, "ok"), Ping(True, "ok")]


def test_a_change_is_said_at_once_and_with_its_reason() -> None:
    with receiving_pings() as receiver:
        condition = well()
        pings = Pings(PingTarget(receiver.url), condition, None)
        pings.step(Monotonic(1.0))
        for at in (2.0, 3.0):
            condition.note(POLLED, [critical("disk", f"full, {TOKEN}")], Monotonic(at))
        pings.step(Monotonic(3.0))
        condition.note(POLLED, [ok("disk", "")], Monotonic(4.0))
        pings.step(Monotonic(4.0))
        failure = Ping(False, "critical: disk: full, [redacted]")
        assert receiver.pings == [Ping(True, "ok"), failure, Ping(True, "ok")]


def test_the_end_of_the_last_run_comes_first() -> None:
    with receiving_pings() as receiver:
        pings = Pings(PingTarget(receiver.url), well(), "the last run ended: exit code 70")
        receiver.status = 500
        pings.step(Monotonic(1.0))
        receiver.status = 200
        pings.step(Monotonic(1.0 + AGAIN_S))
        pings.step(Monotonic(2.0 + AGAIN_S))
        first = Ping(False, "critical: the last run ended: exit code 70")
        assert receiver.pings == [first, first, Ping(True, "ok")]


def test_what_does_not_arrive_is_repeated_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with receiving_pings() as receiver:
        pings = Pings(PingTarget(receiver.url), well(), None)
        receiver.status = 404
        for second in range(int(2 * AGAIN_S) + 1):
            pings.step(Monotonic(float(second)))
        assert len(receiver.pings) == 3
        receiver.status = 200
        pings.step(Monotonic(3 * AGAIN_S))
        pings.step(Monotonic(3 * AGAIN_S + 1))
        assert len(receiver.pings) == 4
    pings.step(Monotonic(3 * AGAIN_S + EVERY_S))
    assert [record.message for record in caplog.records] == [
        "HEALTH_URL does not take pings (HTTP 404); they are repeated.",
        "HEALTH_URL takes pings again.",
        "HEALTH_URL does not take pings (ConnectionError); they are repeated.",
    ]
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("https://h.example/abc", "https://h.example/abc/fail"),
        ("https://h.example/abc/", "https://h.example/abc/fail"),
        ("https://h.example/key/slug?create=1", "https://h.example/key/slug/fail?create=1"),
    ],
)
def test_fail_stands_behind_the_path(url: str, where: str) -> None:
    assert below(url, "fail") == where


# -------------------------------------------------------------------------------- the server


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> tuple[str, int]:
    """Where a server listens that has less patience than usual, and has found it in use before."""
    monkeypatch.setattr(health_server, "PATIENCE_S", 0.3)
    monkeypatch.setattr(health_server, "BIND_AGAIN_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        found = taken.getsockname()
        server = HealthServer(found, well())
        threading.Thread(target=server.run, daemon=True).start()
        deadline = time.monotonic() + 20
        while "HEALTH_LISTEN cannot be used" not in caplog.text:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    return cast("tuple[str, int]", found)


def get(address: tuple[str, int]) -> bytes:
    """The answer to a request, from a server that may not listen yet."""
    deadline = time.monotonic() + 20
    while True:
        try:
            with socket.create_connection(address, timeout=20) as client:
                client.sendall(b"GET /healthz HTTP/1.1\r\n\r\n")
                return b"".join(iter(lambda: client.recv(4096), b""))
        except (ConnectionError, TimeoutError):
            assert time.monotonic() < deadline


def test_silent_and_slow_clients_keep_nobody_from_an_answer(address: tuple[str, int]) -> None:
    get(address)
    silent = [socket.create_connection(address) for _ in range(3 * health_server.MAX_CLIENTS)]
    slow = socket.create_connection(address)
    slow.sendall(b"G")
    deadline = time.monotonic() + 20
    while not (answer := get(address)):
        assert time.monotonic() < deadline
    for client in (*silent, slow):
        client.close()
    assert b"503 Service" in answer, "the sample is as old as the machine"


def test_who_asks_when_no_thread_can_be_started_costs_the_server_nothing(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    get(address)
    refused = threading.Event()

    def refuse(_: threading.Thread) -> None:
        refused.set()
        raise RuntimeError("can't start new thread")

    for _ in range(health_server.MAX_CLIENTS + 1):
        refused.clear()
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            deadline = time.monotonic() + 20
            while not refused.is_set() and time.monotonic() < deadline:
                with contextlib.suppress(OSError):
                    socket.create_connection(address, timeout=20).close()
                refused.wait(0.05)
        assert refused.is_set()
    assert get(address).startswith(b"HTTP/1.1 ")


def test_a_long_head_is_cut_off(address: tuple[str, int]) -> None:
    get(address)
    with socket.create_connection(address, timeout=20) as client:
        try:
            client.sendall(b"GET /" + b"x" * 2 * health_server.MAX_HEAD_BYTES)
            answer = client.recv(4096)
        except ConnectionError:
            answer = b""
    assert b"200" not in answer
    assert get(address).startswith(b"HTTP/1.1 ")


# ----------------------------------------------------------------------------------- systemd


@pytest.mark.parametrize("is_abstract", [False, True])
def test_systemd_hears_it(tmp_path: Path, *, is_abstract: bool) -> None:
    name = f"@fetchbot-{os.getpid()}" if is_abstract else str(tmp_path / "s")
    environ = {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "20000000", "PATH": "/bin"}
    environ["WATCHDOG_PID"] = str(os.getpid())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(name.replace("@", "\0"))
        notifier = Notifier.take(environ)
        assert environ == {"PATH": "/bin"}, "children have no part in it"
        notifier.say("READY=1", "STATUS=works")
        for second in range(21):
            notifier.notify_watchdog(Monotonic(float(second)))
        systemd.settimeout(10)
        heard = [systemd.recv(100) for _ in range(4)]
    assert heard == [b"READY=1\nSTATUS=works", b"WATCHDOG=1", b"WATCHDOG=1", b"WATCHDOG=1"]
    notifier.say("STOPPING=1")


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"NOTIFY_SOCKET": ""},
        {"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "soon"},
        {"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "0"},
    ],
)
def test_nobody_to_be_heard_by(environ: dict[str, str]) -> None:
    notifier = Notifier.take(environ)
    assert not any(name in environ for name in sd_notify.VARIABLES)
    notifier.say("READY=1")
    notifier.notify_watchdog(Monotonic(0.0))


# -------------------------------------------------------------------------------- supervisor


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ("PROCESS_STATE_EXITED expected:0", "unexpectedly"),
        ("PROCESS_STATE_EXITED expected:1", "not started again"),
        ("PROCESS_STATE_BACKOFF tries:3", "3 tries have ended at once"),
        ("PROCESS_STATE_BACKOFF tries:2", None),
        ("PROCESS_STATE_FATAL expected:0", "given up"),
        ("PROCESS_STATE_RUNNING pid:7", None),
    ],
)
def test_events_of_supervisor_in_words(event: str, words: str | None) -> None:
    name, *pairs = event.split()
    told = dict(pair.split(":") for pair in pairs)
    said = listen.describe({"eventname": name, "processname": "bot", **told}, "bot")
    assert (said is None) == (words is None)
    assert words is None or words in (said or "")
    assert listen.describe({"eventname": name, "processname": "other", **told}, "bot") is None


def test_the_listener_speaks_as_supervisor_demands(tmp_path: Path) -> None:
    payload = "processname:fetchbot groupname:fetchbot from_state:RUNNING expected:0 pid:7"
    header = f"ver:3.0 server:supervisor eventname:PROCESS_STATE_EXITED len:{len(payload)}"
    with receiving_pings() as receiver:
        done = subprocess.run(
            [sys.executable, "-m", "maintenance", "listen"],
            cwd=ROOT,
            env={
                "PATH": os.environ["PATH"],
                "DATA_DIR": str(tmp_path),
                "HEALTH_URL": receiver.url,
            },
            input=f"{header}\n{payload}",
            capture_output=True,
            text=True,
            check=False,
        )
        assert receiver.complaints == ["fetchbot has ended unexpectedly and is started again"]
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "READY\nRESULT 2\nOKREADY\n"
