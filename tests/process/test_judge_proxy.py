"""The operator's proxy, behind the judge."""

from __future__ import annotations

import contextlib
import functools
import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from yt_dlp.socks import Socks5Error

from tests.sandbox.tls_proxy import make_certificate
from tests.support.judge_clients import Site, connect, reply_to
from tests.support.judges import judge
from tests.support.tunnel_proxy import PASSWORD, USER, TunnelProxy
from worker.downloads.judge.client import JudgeClient
from worker.downloads.judge.rules import Rules
from worker.downloads.judge.socks import SocksReply
from worker.errors import Fault, JobError, Reason

LOGIN = f"{USER}:{quote(PASSWORD)}@"
HELLO = b"\x16\x03\x01hello"
"""What begins as TLS does."""

LOOPBACK = ("127.0.0.1/32",)


@pytest.fixture
def site() -> Iterator[Site]:
    with contextlib.closing(Site()) as made:
        yield made


@contextlib.contextmanager
def way_by(
    proxy: str, networks: tuple[str, ...] = (), ca: Path | None = None
) -> Iterator[JudgeClient]:
    prepare = functools.partial(trust, str(ca)) if ca else None
    with judge(Rules(networks, proxy=proxy), prepare) as made, JudgeClient(made.address) as way:
        yield way


def trust(certificate: str) -> None:
    os.environ["SSL_CERT_FILE"] = certificate


def ask(way: JudgeClient, site: Site, host: str) -> None:
    """Say something to a site and hear its answer."""
    with connect(way, host, site.port) as client:
        client.sendall(HELLO)
        with site.accept() as server:
            assert server.recv(100) == HELLO
            server.sendall(b"answer")
            assert client.recv(100) == b"answer"


def test_an_http_proxy_gets_names_unresolved_and_its_login(site: Site) -> None:
    with (
        TunnelProxy({"site.example": "127.0.0.1"}) as proxy,
        way_by(f"http://{LOGIN}127.0.0.1:{proxy.port}") as way,
    ):
        ask(way, site, "site.example")
    (head,) = proxy.heads
    assert head.startswith(b"CONNECT site.example:%d HTTP/1.1\r\n" % site.port)


def test_an_https_proxy_is_talked_to_by_tls(site: Site, tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    make_certificate(certificate, key, ["localhost"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with TunnelProxy({"site.example": "127.0.0.1"}, context) as proxy:
        setting = f"https://{LOGIN}localhost:{proxy.port}"
        with way_by(setting, ca=certificate) as way:
            ask(way, site, "site.example")
        with way_by(setting) as way:  # which does not know the certificate
            assert is_aborted(way, site)
    assert len(proxy.heads) == 1


def is_aborted(way: JudgeClient, site: Site) -> bool:
    with connect(way, "site.example", site.port) as client:
        client.sendall(HELLO)
        try:
            return client.recv(100) == b""
        except ConnectionResetError:
            return True


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"GET /a?b HTTP/1.1\r\nHost: site.example\r\n\r\n", b"GET http://site.example:80/a?b "),
        (b"HEAD / HTTP/1.0\r\n\r\n", b"HEAD http://site.example:80/ "),
        (
            b"POST /p HTTP/1.1\r\nConnection: keep-alive\r\nProxy-Authorization: x\r\n\r\n",
            b"POST http://site.example:80/p ",
        ),
    ],
)
def test_a_request_in_the_clear_goes_to_an_http_proxy_itself(sent: bytes, expected: bytes) -> None:
    with (
        TunnelProxy({}, may_connect=False) as proxy,
        way_by(f"http://{LOGIN}127.0.0.1:{proxy.port}") as way,
        connect(way, "site.example", 80) as client,
    ):
        for byte in sent:
            client.send(bytes((byte,)))
        answer = b"".join(iter(lambda: client.recv(1000), b""))
        assert answer.startswith(b"HTTP/1.1 200 OK\r\nConnection: close\r\n")
        assert answer.endswith(b"for " + expected.split()[1])
    (head,) = proxy.heads
    assert head.startswith(expected)
    assert head.count(b"Proxy-Authorization") == head.lower().count(b"connection: close") == 1
    assert b"keep-alive" not in head


@pytest.mark.parametrize(
    ("host", "sent"),
    [
        ("site.example", b"GET @169.254.169.254/ HTTP/1.1\r\n\r\n"),
        ("site.example", b"GET 22/x HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("site.example", b"GET http://169.254.169.254/ HTTP/1.1\r\n\r\n"),
        ("site.example", b"CONNECT 127.0.0.1:22 HTTP/1.1\r\n\r\n"),
        ("site.example", b"GET / HTTP/1.1\nHost: a\n\nCONNECT 127.0.0.1:22 HTTP/1.1\n\r\n\r\n"),
        ("127.0.0.1/.a", b"GET /x HTTP/1.1\r\n\r\n"),
        ("127.0.0.1/.a", HELLO),
        ("a@127.0.0.1", b"GET /x HTTP/1.1\r\n\r\n"),
        ("127.0.0.1:22 HTTP/1.1\r\nX:.a", HELLO),
        ("127.0.0.1:22", HELLO),
    ],
)
def test_an_http_proxy_hears_nothing_that_leads_elsewhere(
    way_by_recorder: tuple[JudgeClient, TunnelProxy], host: str, sent: bytes
) -> None:
    way, proxy = way_by_recorder
    try:
        with connect(way, host, 80) as client:
            client.sendall(sent)
            assert client.recv(100) == b""
    except (ConnectionResetError, Socks5Error):
        pass
    with connect(way, "site.example", 80) as client:
        client.sendall(b"GET /next HTTP/1.1\r\n\r\n")
        assert client.recv(100)
    assert [head.split()[1] for head in proxy.heads] == [b"http://site.example:80/next"]
    proxy.heads.clear()


@pytest.fixture(scope="module")
def way_by_recorder() -> Iterator[tuple[JudgeClient, TunnelProxy]]:
    with (
        TunnelProxy({}, may_connect=False) as proxy,
        way_by(f"http://{LOGIN}127.0.0.1:{proxy.port}") as way,
    ):
        yield way, proxy


def test_a_proxy_that_refuses_fails_the_connection(site: Site) -> None:
    with TunnelProxy({}, may_connect=False) as proxy:
        for login in (LOGIN, "other:login@"):
            with way_by(f"http://{login}127.0.0.1:{proxy.port}") as way:
                assert is_aborted(way, site)
                error = JobError(Reason.NETWORK, Fault.RETRYABLE)
                assert way.explained(error) is error
    with way_by(f"http://127.0.0.1:{proxy.port}") as way:  # nobody listens any more
        assert is_aborted(way, site)


@pytest.mark.parametrize("scheme", ["socks5h", "socks5"])
def test_a_socks_proxy_is_asked_by_name_or_address(site: Site, scheme: str) -> None:
    # Behind it is another judge, which speaks what such a proxy does.
    with judge(Rules(LOOPBACK)) as behind, JudgeClient(behind.address) as proxy:
        setting = proxy.proxy.replace("socks5h", scheme)
        with way_by(setting, LOOPBACK) as way:
            ask(way, site, "localhost")
            assert reply_to(way, "127.0.0.1", site.port) == SocksReply.DONE
            closed = site.port
            site.close()
            assert reply_to(way, "127.0.0.1", closed) == SocksReply.REFUSED
        with way_by(setting.replace("download:", "download:wrong"), LOOPBACK) as way:
            assert reply_to(way, "127.0.0.1", closed) == SocksReply.FAILED


@pytest.mark.parametrize("scheme", ["http", "socks5h", "socks5"])
def test_what_says_itself_that_it_is_inside_is_asked_of_no_proxy(scheme: str) -> None:
    with (
        contextlib.closing(Site()) as proxy,
        way_by(f"{scheme}://127.0.0.1:{proxy.port}") as way,
    ):
        for host in ("127.0.0.1", "10.0.0.1", "2130706433", "::1", "localhost"):
            assert reply_to(way, host, 8080) == SocksReply.NOT_ALLOWED
        assert reply_to(way, "1.1.1.1", 22) == SocksReply.NOT_ALLOWED
        error = way.explained(JobError(Reason.NETWORK, Fault.RETRYABLE))
        assert error.reason is Reason.REFUSED_ADDRESS
        assert not proxy.was_reached
