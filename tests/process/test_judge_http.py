"""The judge as the HTTP proxy that ffmpeg knows: the same decisions over another protocol."""

from __future__ import annotations

import base64
import contextlib
import functools
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.hostile.addresses import NOT_PUBLIC, NUMERIC
from tests.support.judge_clients import Site, connect, judging_nothing, raw, with_names
from tests.support.judges import RunningJudge, judge
from tests.support.tunnel_proxy import PASSWORD, USER, TunnelProxy
from worker.downloads.judge.client import JudgeClient
from worker.downloads.judge.connection import HANDSHAKE_TIMEOUT_S
from worker.downloads.judge.rules import Rules
from worker.errors import Fault, JobError, Reason

LOOPBACK = ("127.0.0.1/32",)


@pytest.fixture
def site() -> Iterator[Site]:
    with contextlib.closing(Site()) as made:
        yield made


@pytest.fixture(scope="module")
def judged() -> Iterator[RunningJudge]:
    with judge(prepare=with_names) as made:
        yield made


@pytest.fixture
def way(judged: RunningJudge) -> Iterator[JudgeClient]:
    with JudgeClient(judged.address) as made:
        yield made


def say(way: JudgeClient, line: str, secret: str | None = None) -> socket.socket:
    """A connection that has asked for something, with the secret unless another is given."""
    said = f"download:{secret or urlsplit(way.proxy).password}"
    login = base64.b64encode(said.encode()).decode()
    client = raw(way)
    head = f"{line} HTTP/1.1\r\nHost: a.example\r\nProxy-Authorization: Basic {login}\r\n\r\n"
    client.sendall(head.encode())
    return client


def head_of(client: socket.socket) -> bytes:
    """What comes up to the end of a head."""
    heard = b""
    while not heard.endswith(b"\r\n\r\n") and (more := client.recv(1)):
        heard += more
    return heard


def status_of(client: socket.socket) -> bytes:
    with client:
        return head_of(client).partition(b"\r\n")[0].partition(b" ")[2][:3]


@pytest.mark.parametrize("host", ["127.0.0.1", "site.example", "2130706433"])
def test_a_tunnel_passes_bytes_both_ways(way: JudgeClient, site: Site, host: str) -> None:
    with say(way, f"CONNECT {host}:{site.port}") as client, site.accept() as server:
        assert head_of(client) == b"HTTP/1.1 200 Connected\r\n\r\n"
        for sender, hearer in ((client, server), (server, client)) * 2:
            sender.sendall(b"words")
            assert hearer.recv(100) == b"words"


@pytest.mark.parametrize("host", ["127.0.0.1", "site.example"])
def test_a_request_reaches_the_site_without_the_secret(
    way: JudgeClient, site: Site, host: str
) -> None:
    with say(way, f"GET http://{host}:{site.port}/x?y") as client, site.accept() as server:
        head = head_of(server)
        server.sendall(b"HTTP/1.1 200 OK\r\n\r\nbody")
        server.close()
        heard = b"".join(iter(lambda: client.recv(100), b""))
    assert heard == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nbody"
    assert head.startswith(b"GET /x?y HTTP/1.1\r\nHost: %b:%d\r\n" % (host.encode(), site.port))
    assert b"roxy" not in head


def test_a_second_request_on_its_connection_reaches_nobody(way: JudgeClient, site: Site) -> None:
    with say(way, f"GET http://127.0.0.1:{site.port}/") as client, site.accept() as server:
        head_of(server)
        client.sendall(b"GET http://127.0.0.2/ HTTP/1.1\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            server.recv(100)
        assert client.recv(100) == b""


@pytest.fixture(scope="module")
def strict() -> Iterator[RunningJudge]:
    with judge(Rules(), prepare=with_names) as made:
        yield made


@pytest.mark.parametrize(
    "line", ["CONNECT {}:443", "GET http://{}/"], ids=["a tunnel", "a request"]
)
@pytest.mark.parametrize("host", [*NOT_PUBLIC, *NUMERIC, "inside.example", "localhost"])
def test_what_is_not_public_is_refused_and_told(strict: RunningJudge, host: str, line: str) -> None:
    place = f"[{host}]" if ":" in host else host
    with JudgeClient(strict.address) as way:
        assert status_of(say(way, line.format(place))) == b"403"
        error = way.explained(JobError(Reason.NETWORK, Fault.RETRYABLE))
    assert (error.reason, error.fault) == (Reason.REFUSED_ADDRESS, Fault.PERMANENT)


@pytest.mark.parametrize("port", [1, 22, 25, 442, 1023])
def test_ports_of_other_services_are_refused(way: JudgeClient, port: int) -> None:
    assert status_of(say(way, f"CONNECT 127.0.0.1:{port}")) == b"403"
    assert status_of(say(way, f"GET http://127.0.0.1:{port}/")) == b"403"


def test_a_name_that_changes_leads_nowhere_inside(site: Site) -> None:
    with (
        judge(prepare=with_names) as made,
        JudgeClient(made.address) as way,
        contextlib.closing(Site("127.0.0.2", site.port)) as inside,
    ):
        status_of(say(way, f"CONNECT changes.example:{site.port}"))
        assert site.was_reached
        assert status_of(say(way, f"CONNECT changes.example:{site.port}")) == b"403"
        assert not inside.was_reached


@pytest.mark.negative
def test_without_its_judgement_it_is_reached() -> None:
    with (
        contextlib.closing(Site("127.0.0.2")) as inside,
        judge(prepare=judging_nothing) as weak,
        JudgeClient(weak.address) as way,
    ):
        assert status_of(say(way, f"CONNECT inside.example:{inside.port}")) == b"200"
        assert inside.was_reached


def test_only_the_secret_of_the_same_download_opens(judged: RunningJudge, site: Site) -> None:
    with JudgeClient(judged.address) as one, JudgeClient(judged.address) as other:
        for secret in (str(urlsplit(one.proxy).password), "x", " "):
            for line in (f"CONNECT 127.0.0.1:{site.port}", f"GET http://127.0.0.1:{site.port}/"):
                assert status_of(say(other, line, secret)) == b"407"
        assert not site.was_reached


def test_a_thousand_half_requests_hold_up_nobody(judged: RunningJudge, site: Site) -> None:
    with JudgeClient(judged.address) as way, contextlib.ExitStack() as stack:
        for number in range(1000):
            client = stack.enter_context(raw(way))
            client.sendall(b"GET http://a.example/ HTTP/1.1\r\nX: ")
            if number % 250 == 0:
                began = time.monotonic()
                assert status_of(say(way, f"CONNECT 127.0.0.1:{site.port}")) == b"200"
                connect(way, "127.0.0.1", site.port).close()
                assert time.monotonic() - began < HANDSHAKE_TIMEOUT_S


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("GET http://site.example/x", b"GET http://site.example:80/x "),
        ("HEAD http://site.example", b"HEAD http://site.example:80/ "),
        ("CONNECT site.example:443", b"CONNECT site.example:443 "),
    ],
)
def test_the_operators_proxy_is_behind_it(line: str, asked: bytes) -> None:
    login = f"{USER}:{PASSWORD.replace(' ', '%20')}@"
    with TunnelProxy({}, may_connect=False) as proxy:
        rules = Rules(proxy=f"http://{login}127.0.0.1:{proxy.port}")
        with judge(rules) as made, JudgeClient(made.address) as way, say(way, line) as client:
            if line.startswith("CONNECT"):
                assert head_of(client).startswith(b"HTTP/1.1 200 ")
                client.sendall(b"\x16\x03\x01hello")
                with contextlib.suppress(ConnectionResetError):
                    client.recv(100)
            else:
                assert b"for http://site.example:80/" in b"".join(
                    iter(lambda: client.recv(99), b"")
                )
    (head,) = proxy.heads
    assert head.startswith(asked)
    assert head.count(b"Proxy-Authorization") == 1


def test_a_socks_proxy_is_behind_a_request_as_well(site: Site) -> None:
    with judge(Rules(LOOPBACK)) as behind, JudgeClient(behind.address) as proxy:
        rules = Rules(LOOPBACK, proxy=proxy.proxy)
        with judge(rules) as made, JudgeClient(made.address) as way:
            asking = functools.partial(say, way, f"GET http://127.0.0.1:{site.port}/x")
            with asking() as client, site.accept() as server:
                assert head_of(server).startswith(b"GET /x HTTP/1.1\r\n")
                server.sendall(b"answer")
                assert client.recv(100) == b"answer"
