"""The judge's process: what it lets through, what it refuses, and what ends."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from yt_dlp.networking._helper import (
    make_socks_proxy_opts,
)
from yt_dlp.socks import Socks5Error

from tests.hostile.addresses import NOT_PUBLIC, NUMERIC
from tests.sandbox.patience import PATIENCE_S
from tests.support.judge_clients import (
    Site,
    connect,
    judging_nothing,
    port_of,
    raw,
    reply_to,
    with_names,
)
from tests.support.judges import RunningJudge, judge
from tests.support.process_kit import wait_until
from worker.downloads.judge.client import JudgeClient
from worker.downloads.judge.rules import Rules
from worker.downloads.judge.socks import SocksReply
from worker.errors import Fault, JobError, JudgeLost, Reason


@pytest.fixture
def site() -> Iterator[Site]:
    with contextlib.closing(Site()) as made:
        yield made


@pytest.fixture
def inside() -> Iterator[Site]:
    with contextlib.closing(Site("127.0.0.2")) as made:
        yield made


@pytest.fixture(scope="module")
def judged() -> Iterator[RunningJudge]:
    with judge(prepare=with_names) as made:
        yield made


@pytest.fixture
def way(judged: RunningJudge) -> Iterator[JudgeClient]:
    with JudgeClient(judged.address) as made:
        yield made


# ----------------------------------------------------------------------------- what passes


@pytest.mark.parametrize("host", ["127.0.0.1", "site.example", "2130706433", "both.example"])
def test_bytes_pass_both_ways(way: JudgeClient, site: Site, host: str) -> None:
    with connect(way, host, site.port) as client, site.accept() as server:
        client.sendall(b"question")
        assert server.recv(100) == b"question"
        server.sendall(b"answer")
        assert client.recv(100) == b"answer"
        client.shutdown(socket.SHUT_WR)
        assert server.recv(100) == b""
        server.sendall(b"more")
        assert client.recv(100) == b"more"
        server.close()
        assert client.recv(100) == b""


def test_much_passes_whole_to_who_reads_slowly(way: JudgeClient, site: Site) -> None:
    sent = os.urandom(1 << 20) * 8
    with connect(way, "127.0.0.1", site.port) as client, site.accept() as server:
        sender = threading.Thread(target=_send_all, args=(server, sent))
        sender.start()
        time.sleep(0.05)  # so that all that is between them is full
        received = b"".join(iter(lambda: client.recv(1 << 16), b""))
        sender.join()
    assert received == sent


def _send_all(server: socket.socket, data: bytes) -> None:
    server.sendall(data)
    server.close()


def test_a_failure_is_passed_on_as_one(way: JudgeClient, site: Site) -> None:
    with connect(way, "127.0.0.1", site.port) as client, site.accept() as server:
        server.sendall(b"half")
        assert client.recv(100) == b"half"
        server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        server.close()
        with pytest.raises(ConnectionResetError):
            client.recv(100)


# ---------------------------------------------------------------------------- what does not


@pytest.fixture(scope="module")
def strict() -> Iterator[RunningJudge]:
    with judge(Rules(), prepare=with_names) as made:
        yield made


@pytest.mark.parametrize("host", [*NOT_PUBLIC, *NUMERIC, "inside.example", "localhost"])
def test_what_is_not_public_is_refused_and_told(strict: RunningJudge, host: str) -> None:
    with JudgeClient(strict.address) as way:
        assert reply_to(way, host, 80) == SocksReply.NOT_ALLOWED
        error = way.explained(JobError(Reason.NETWORK, Fault.RETRYABLE))
    assert (error.reason, error.fault) == (Reason.REFUSED_ADDRESS, Fault.PERMANENT)


@pytest.mark.parametrize("port", [0, 1, 22, 25, 81, 442, 444, 1023])
def test_ports_of_other_services_are_refused(way: JudgeClient, port: int) -> None:
    assert reply_to(way, "127.0.0.1", port) == SocksReply.NOT_ALLOWED


@pytest.mark.parametrize("host", ["127.0.0.2", "inside.example", "2130706434"])
def test_nothing_inside_is_reached(way: JudgeClient, inside: Site, host: str) -> None:
    assert reply_to(way, host, inside.port) == SocksReply.NOT_ALLOWED
    assert not inside.was_reached


@pytest.mark.negative
def test_without_its_judgement_it_is(inside: Site) -> None:
    with judge(prepare=judging_nothing) as weak, JudgeClient(weak.address) as way:
        for host in ("127.0.0.2", "inside.example", "2130706434"):
            assert reply_to(way, host, inside.port) == SocksReply.DONE
            assert inside.was_reached


def test_a_name_is_asked_for_once_and_its_address_connected_to(
    way: JudgeClient, site: Site
) -> None:
    with contextlib.closing(Site("127.0.0.2", site.port)) as inside:
        connect(way, "changes.example", site.port).close()
        assert reply_to(way, "changes.example", site.port) == SocksReply.NOT_ALLOWED
        assert site.was_reached
        assert not inside.was_reached


def test_an_address_that_does_not_answer_holds_up_no_other(site: Site) -> None:
    with contextlib.closing(Site("127.0.0.3", site.port)) as deaf:
        fill(deaf)
        with judge(Rules(("127.0.0.0/8",)), with_names) as wide, JudgeClient(wide.address) as way:
            connect(way, "deaf.example", site.port).close()
        assert site.was_reached


_held: list[socket.socket] = []


def fill(deaf: Site) -> None:
    """Leave a server no room for another connection."""
    deaf._server.listen(0)
    for _ in range(4):
        waiting = socket.socket()
        waiting.setblocking(False)
        waiting.connect_ex((deaf.host, deaf.port))
        _held.append(waiting)


@pytest.mark.parametrize(
    ("host", "reply"),
    [
        ("127.0.0.1", SocksReply.REFUSED),
        ("missing.example", SocksReply.NO_SUCH_HOST),
        ("troubled.example", SocksReply.FAILED),
        ("a" * 80, SocksReply.NO_SUCH_HOST),
        (f"{'a.' * 100}example", SocksReply.NO_SUCH_HOST),
        ("", SocksReply.NO_SUCH_HOST),
        ("a name", SocksReply.NO_SUCH_HOST),
        ("\u00e9t\u00e9.example", SocksReply.NO_SUCH_HOST),
    ],
)
def test_a_failure_says_what_it_is(
    way: JudgeClient, site: Site, host: str, reply: SocksReply
) -> None:
    site.close()
    assert reply_to(way, host, site.port) == reply
    error = JobError(Reason.NETWORK, Fault.RETRYABLE)
    assert way.explained(error) is error


def test_only_the_secret_of_the_same_download_opens(judged: RunningJudge, site: Site) -> None:
    with JudgeClient(judged.address) as one, JudgeClient(judged.address) as other:
        for secret in (make_socks_proxy_opts(one.proxy)["password"], "", None):
            with pytest.raises(Socks5Error):
                connect(other, "127.0.0.1", site.port, password=secret)
        connect(other, "127.0.0.1", site.port).close()


# ------------------------------------------------------------------------------- what ends


def test_all_ends_with_the_download(judged: RunningJudge, site: Site) -> None:
    way = JudgeClient(judged.address)
    port, silent = port_of(way), raw(way)
    with connect(way, "127.0.0.1", site.port) as client, site.accept() as server, silent:
        way.close()
        for each in (client, server, silent):
            with pytest.raises(ConnectionResetError):
                each.recv(1)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_a_client_says_in_the_end_how_many_bytes_have_passed(
    judged: RunningJudge, site: Site
) -> None:
    with JudgeClient(judged.address) as way:
        for sent, answered in ((b"question", b"answer" * 1000), (b"", b"unasked")):
            with connect(way, "127.0.0.1", site.port) as client, site.accept() as server:
                client.sendall(sent)
                # Who closes with unread bytes resets the connection.
                while sent:
                    sent = sent.removeprefix(server.recv(len(sent)))
                server.sendall(answered)
                server.close()
                assert b"".join(iter(lambda: client.recv(1 << 16), b"")) == answered
        for refused in ("127.0.0.2", "127.0.0.3"):
            assert reply_to(way, refused, site.port) == SocksReply.NOT_ALLOWED
        assert way.finish() == len(b"question") + 6000 + len(b"unasked")
        error = way.explained(JobError(Reason.NETWORK, Fault.RETRYABLE))
        assert error.reason is Reason.REFUSED_ADDRESS
        assert error.detail.startswith("refused 127.0.0.2 "), "the first one"
    with JudgeClient(judged.address) as other:
        assert other.finish() == 0
        error = JobError(Reason.NETWORK, Fault.RETRYABLE)
        assert other.explained(error) is error


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_judge_that_says_nothing_keeps_nobody(number: int) -> None:
    with judge() as made, JudgeClient(made.address) as way:
        os.kill(made.pid, number)
        assert way.finish() is None
        error = way.explained(JobError(Reason.NETWORK, Fault.RETRYABLE))
        assert isinstance(error, JudgeLost) == (number == signal.SIGKILL)


def test_a_connection_that_rests_too_long_ends(site: Site) -> None:
    with (
        judge(Rules(("127.0.0.1/32",), idle_timeout_s=0.2)) as made,
        JudgeClient(made.address) as way,
        connect(way, "127.0.0.1", site.port) as client,
        site.accept(),
        pytest.raises(ConnectionResetError),
    ):
        client.recv(1)


def test_a_download_may_have_a_listener_of_its_own(judged: RunningJudge, site: Site) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        JudgeClient(judged.address, listener) as way,
    ):
        assert port_of(way) == listener.getsockname()[1]
        listener.close()  # the judge has its own
        connect(way, "127.0.0.1", site.port).close()


@pytest.mark.parametrize("said", [b"\n", b"{}\n", b"[]\n", b"null\n", b"x" * 5000])
def test_a_control_connection_that_says_anything_else_ends(
    judged: RunningJudge, said: bytes
) -> None:
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(PATIENCE_S)
        control.connect(judged.address)
        control.sendall(said)
        with contextlib.suppress(ConnectionResetError):
            assert control.recv(100) == b""


def test_a_client_notices_that_its_judge_has_ended() -> None:
    with judge() as made, JudgeClient(made.address) as way:
        way.look()
        os.kill(made.pid, signal.SIGKILL)
        wait_until(lambda: is_lost(way.look))
        assert is_lost(lambda: JudgeClient(made.address))


def is_lost(call: Callable[[], object]) -> bool:
    try:
        call()
    except JudgeLost:
        return True
    return False
