"""What keeps a download from the network, step by step, each in a process of its own."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from maintenance import machine
from maintenance.findings import Level
from tests.support.judges import judge
from worker.downloads.confinement import landlock, network, seccomp
from worker.downloads.confinement.network import Network
from worker.downloads.judge.client import make_ahead, open_client
from worker.errors import Fault, JobError, Reason
from worker.processes import child_call

ROOT = Path(__file__).parents[2]

_NOBODY = 65534
# One that changes its user is closed until it says otherwise (prctl(2), PR_SET_DUMPABLE).
_PROLOGUE = """
import ctypes, errno, json, os, socket, subprocess, sys
sys.path.insert(0, sys.argv[1])
from worker.downloads.confinement import capabilities, landlock, network
from worker.processes import process_setup
pair, uid = socket.socket(fileno=int(sys.argv[2])), int(sys.argv[3])
"".encode("idna")  # imported while it can be, for getaddrinfo
if uid != os.geteuid():
    os.setgroups([]); os.setgid(uid); os.setuid(uid)
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
def connect(host, port):
    try:
        socket.create_connection((host, port), 5).close()
    except OSError as error:
        return errno.errorcode.get(error.errno, "?")
    return "connected"
def held():
    lines = open("/proc/self/status").read().splitlines()
    return sorted({line.split()[1].lstrip("0") for line in lines if line.startswith("Cap")})
def tell(**facts):
    pair.sendall(json.dumps(facts).encode())
"""

_IN_A_NAMESPACE = """
outside = socket.create_server(("127.0.0.1", 0)).getsockname()[1]
before = os.fstat(own := os.memfd_create("own"))[4:6], os.getuid(), os.getgid()
with network.Namespace() as made:
    made.enter()
    proxy_port = made.listener.getsockname()[1]
    socket.send_fds(pair, [b"x"], [made.listener.fileno()])
capabilities.drop()
grep = ["/bin/grep", "-oP", "CapEff:\t0*\\K.*", "/proc/self/status"]
program = subprocess.run(grep, capture_output=True, text=True).stdout.strip()
tell(
    proxy_port=connect("127.0.0.1", proxy_port),
    outside=connect("127.0.0.1", outside),
    public=connect("192.0.2.1", 80),
    metadata=connect("169.254.169.254", 80),
    held=held(),
    program=program,
    is_same=before == (os.fstat(own)[4:6], os.getuid(), os.getgid()),
)
"""


@contextmanager
def _running(code: str, uid: int) -> Iterator[socket.socket]:
    """Run `code` in a process of this user's; yields the end of a pair by which it tells."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            arguments = [os.fspath(ROOT), str(theirs.fileno()), str(uid)]
            command = [sys.executable, "-c", _PROLOGUE + code, *arguments]
            process = subprocess.Popen(command, pass_fds=[theirs.fileno()])
        with process:
            yield ours


def _told(ours: socket.socket) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(ours.recv(10_000))
    return facts


def _needs_namespaces() -> None:
    if network.active() is not Network.NAMESPACE:
        pytest.skip("network namespaces are not allowed here")


@pytest.mark.parametrize("uid", [os.geteuid()] if os.geteuid() else [0, _NOBODY])
def test_a_namespace_has_one_way_out(uid: int) -> None:
    _needs_namespaces()
    with _running(_IN_A_NAMESPACE, uid) as ours:
        _, (proxy_port,), _, _ = socket.recv_fds(ours, 1, 1)
        facts = _told(ours)
        with socket.socket(fileno=proxy_port) as listener:
            listener.settimeout(5)
            listener.accept()[0].close()
    # What root keeps is the right to read others' files (CAP_DAC_OVERRIDE).
    kept = "" if uid else "2"
    assert facts == {
        "proxy_port": "connected",
        "outside": "ECONNREFUSED",
        "public": "ENETUNREACH",
        "metadata": "ENETUNREACH",
        "held": sorted({"", kept}),
        "program": kept,
        "is_same": True,
    }


_BEHIND_A_PORT = """
proxy_port, other = (socket.create_server(("127.0.0.1", 0)) for _ in range(2))
process_setup.renounce_privileges()
{step}
tell(proxy_port=connect("127.0.0.1", proxy_port.getsockname()[1]),
     other=connect("127.0.0.1", other.getsockname()[1]))
"""


@pytest.mark.skipif(landlock.abi() < landlock.TCP_ABI, reason="needs Landlock's ABI 4")
@pytest.mark.parametrize(
    ("step", "other"),
    [
        ("landlock.forbid_tcp(but_to_port=proxy_port.getsockname()[1])", "EACCES"),
        pytest.param("", "connected", marks=pytest.mark.negative),
    ],
)
def test_landlock_leaves_one_port(step: str, other: str) -> None:
    with _running(_BEHIND_A_PORT.format(step=step), os.geteuid()) as ours:
        assert _told(ours) == {"proxy_port": "connected", "other": other}


def _refuse() -> None:
    raise PermissionError


@pytest.mark.parametrize(
    ("abi", "has_filter", "expected"),
    [
        (landlock.TCP_ABI, True, Network.LANDLOCK),
        (landlock.TCP_ABI, False, Network.NONE),
        (landlock.TCP_ABI - 1, True, Network.NONE),
        (0, True, Network.NONE),
    ],
)
def test_where_no_namespace_is_allowed_landlock_needs_the_filter_too(
    abi: int, has_filter: bool, expected: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "Namespace", _refuse)
    monkeypatch.setattr(landlock, "abi", lambda: abi)
    monkeypatch.setattr(seccomp, "is_offered", lambda: has_filter)
    assert network.active.__wrapped__() is expected


@pytest.mark.parametrize("failures", [1, 4])
def test_machine_out_of_processes_for_a_moment_keeps_its_namespaces(
    failures: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = [BlockingIOError(errno.EAGAIN, "no process is left")] * failures
    call = child_call.call

    def fail_first(function: Callable[[], None]) -> bytes:
        if left:
            raise left.pop()
        return call(lambda: None)

    monkeypatch.setattr(child_call, "call", fail_first)
    monkeypatch.setattr(network, "_PAUSE_S", 0.0)
    assert network.active.__wrapped__() is Network.NAMESPACE


def test_machine_out_of_processes_is_not_taken_for_one_without_namespaces(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_function: Callable[[], None]) -> bytes:
        raise BlockingIOError(errno.EAGAIN, "no process is left")

    monkeypatch.setattr(child_call, "call", fail)
    monkeypatch.setattr(network, "_PAUSE_S", 0.0)
    with pytest.raises(BlockingIOError):
        network.active.__wrapped__()


def test_whether_a_namespace_is_allowed_is_tried_in_another_process() -> None:
    before = os.readlink("/proc/self/ns/net")
    network.active.__wrapped__()
    assert os.readlink("/proc/self/ns/net") == before


def test_the_type_of_each_namespace_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A setns that leaves it open is refused under systemd's RestrictNamespaces."""
    moves: list[int] = []

    def note(_fd: int, of_type: int) -> int:
        moves.append(of_type)
        return 0

    made = network.Namespace.__new__(network.Namespace)
    monkeypatch.setattr(network, "libc", SimpleNamespace(setns=note))
    for fds in ([5, 6], [6]):
        made._fds = fds
        made.enter()
    new_user, new_net = 0x10000000, 0x40000000  # linux/sched.h
    assert moves == [new_user, new_net, new_net]


@pytest.mark.parametrize(
    ("active", "level", "words"),
    [
        (Network.NAMESPACE, Level.OK, "namespace: each download has a network of its own"),
        (Network.LANDLOCK, Level.OK, "landlock: "),
        (
            Network.NONE,
            Level.WARNING,
            "none: nothing keeps the native code of downloads from the network, so sites that",
        ),
    ],
)
def test_the_check_says_what_keeps_downloads_from_the_network(
    active: Network, level: Level, words: str
) -> None:
    found = machine.network("network", active)
    assert found.level is level
    assert found.text.startswith(words)


_FORBIDDEN = (Reason.INTERNAL, Fault.OPERATOR)
_PASSES = (Reason.CRASHED, Fault.RETRYABLE)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.EPERM, _FORBIDDEN),
        (errno.EACCES, _FORBIDDEN),
        (errno.EINVAL, _FORBIDDEN),
        (errno.ENOSYS, _FORBIDDEN),
        (errno.ENOSPC, _PASSES),
        (errno.EUSERS, _PASSES),
        (errno.ENOMEM, _PASSES),
        (errno.EMFILE, _PASSES),
        (errno.ENFILE, _PASSES),
        (errno.EAGAIN, _PASSES),
    ],
)
@pytest.mark.parametrize("step", [(network, "_bring_up"), (os, "fork")])
def test_a_namespace_that_cannot_be_made_is_the_operators_or_passes(
    step: tuple[Any, str],
    number: int,
    expected: tuple[Reason, Fault],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_args: object) -> None:
        raise OSError(number, "not now")

    monkeypatch.setattr(*step, fail)
    monkeypatch.setattr(network, "libc", SimpleNamespace(unshare=lambda _flags: 0))
    assert _failure("not now") == expected


def _failure(words: str) -> tuple[Reason, Fault]:
    with (
        pytest.raises(JobError, match=words) as caught,
        open_client("nowhere", Network.NAMESPACE),
    ):
        pass
    return caught.value.reason, caught.value.fault


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.ENOMEM])
def test_a_full_table_of_namespaces_passes(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "libc", SimpleNamespace(unshare=_fail_with(number)))
    assert _failure(errno.errorcode[number]) == _PASSES


def _fail_with(number: int) -> Callable[[int], int]:
    def unshare(_flags: int) -> int:
        ctypes.set_errno(number)
        return -1

    return unshare


def test_a_child_that_is_killed_while_it_makes_one_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "_make", lambda _pair: os.kill(os.getpid(), signal.SIGKILL))
    assert _failure("died") == _PASSES


def test_a_process_without_room_gets_no_half_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def make(pair: socket.socket) -> None:
        socket.send_fds(pair, [b"made"], [pair.fileno()] * 3)
        os._exit(0)

    monkeypatch.setattr(network, "_make", make)
    before = os.listdir("/proc/self/fd")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # The pair takes the first two free numbers, of which the child's is free again: it is for one
    # of three.
    first, second = os.dup(0), os.dup(0)
    os.close(first)
    os.close(second)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(first, second) + 1, hard))
    try:
        failure = _failure("too many open files")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert failure == _PASSES
    assert os.listdir("/proc/self/fd") == before


def test_one_that_was_made_ahead_is_used_once(monkeypatch: pytest.MonkeyPatch) -> None:
    _needs_namespaces()
    forks: list[int] = []
    fork = os.fork

    def counted() -> int:
        forks.append(1)
        return fork()

    with judge() as running, ExitStack() as stack:
        make_ahead()
        make_ahead()  # There is one already.
        monkeypatch.setattr(os, "fork", counted)
        found = []
        for _ in range(2):
            client = open_client(running.address, Network.NAMESPACE)
            _, made = stack.enter_context(client)
            assert made is not None
            found.append(os.fstat(made._fds[-1]).st_ino)
    assert len(set(found)) == 2, "each download has a network of its own"
    assert len(forks) == 1, "the first was there"


def test_one_that_cannot_be_made_ahead_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "libc", SimpleNamespace(unshare=_fail_with(errno.ENOSPC)))
    make_ahead()
    assert _failure(errno.errorcode[errno.ENOSPC]) == _PASSES


def test_a_namespace_leaves_no_descriptor() -> None:
    _needs_namespaces()
    before = os.listdir("/proc/self/fd")
    with network.Namespace():
        pass
    assert os.listdir("/proc/self/fd") == before
