"""What an HTTP proxy is sent of a request in the clear."""

from __future__ import annotations

import types
from typing import Any

import pytest

from worker.downloads.judge import upstream
from worker.downloads.judge.socks import SocksReply, Target
from worker.downloads.judge.upstream import TIMEOUT_S, Upstream

UPSTREAM = Upstream("http://127.0.0.1:3128")
SITE = Target("site.example", 80)


@pytest.mark.parametrize(
    ("head", "target", "line"),
    [
        (b"GET / HTTP/1.1", SITE, b"GET http://site.example:80/ HTTP/1.1"),
        (b"GET //a HTTP/1.0", SITE, b"GET http://site.example:80//a HTTP/1.0"),
        (b"PUT /@b:22?c=http://d HTTP/1.1\r\nHost:", SITE, b"PUT http://site.example:80/@b:22?c="),
        (b"GET /\xc3\xa9 HTTP/1.1\r\nX-Y: \xe9 \t", SITE, b"GET http://site.example:80/\xc3\xa9 "),
        (b"GET / HTTP/1.1", Target("2a00::1", 8080), b"GET http://[2a00::1]:8080/ HTTP/1.1"),
    ],
)
def test_a_request_to_a_site_names_the_site(head: bytes, target: Target, line: bytes) -> None:
    said = UPSTREAM.rewritten(head, target)
    assert said.startswith(line)
    assert said.endswith(b"\r\nConnection: close\r\n\r\n")


def test_a_port_that_is_not_the_usual_one_stands_behind_the_host() -> None:
    said = UPSTREAM.rewritten(b"GET / HTTP/1.1", Target("2a00::80", 8080))
    assert b"\r\nHost: [2a00::80]:8080\r\n" in said


@pytest.mark.parametrize(
    "fields",
    [
        b"",
        b"\r\nHost: site.example",
        b"\r\nhost:10.0.0.1",
        b"\r\nHost: site.example\r\nA: b\r\nHost: 10.0.0.1",
    ],
)
def test_no_other_host_is_named_than_the_one_that_was_judged(fields: bytes) -> None:
    said = UPSTREAM.rewritten(b"GET / HTTP/1.1" + fields, SITE).lower()
    assert said.count(b"\r\nhost:") == said.count(b"\r\nhost: site.example\r\n") == 1
    assert b"10.0.0.1" not in said


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"GET",
        b"GET /",
        b"GET  / HTTP/1.1",
        b"GET / x HTTP/1.1",
        b"GET / HTTP/1.1 ",
        b"GET / HTTP/2.0",
        b"GET / http/1.1",
        b"GET /\x00 HTTP/1.1",
        b"GET /\t HTTP/1.1",
        b"GET * HTTP/1.1",
        b"GET @10.0.0.1/ HTTP/1.1",
        b"GET 80/ HTTP/1.1",
        b"GET .inside.example/ HTTP/1.1",
        b"GET ?@10.0.0.1/ HTTP/1.1",
        b"GET http://10.0.0.1/ HTTP/1.1",
        b" GET / HTTP/1.1",
        b"\r\nGET / HTTP/1.1",
        b"CONNECT /a HTTP/1.1",
        b"connect /a HTTP/1.1",
        b"GET / HTTP/1.1\nHost: a",
        b"GET / HTTP/1.1\rHost: a",
        b"GET / HTTP/1.1\r\nHost: a\nConnection: keep-alive",
        b"GET / HTTP/1.1\r\nHost: a\n\nGET http://10.0.0.1/ HTTP/1.1",
        b"GET / HTTP/1.1\r\nHost: a\rb: c",
        b"GET / HTTP/1.1\r\nHost: a\x00",
        b"GET / HTTP/1.1\r\nConnection : keep-alive",
        b"GET / HTTP/1.1\r\nA: b\r\n c",
        b"GET / HTTP/1.1\r\nA",
        b"GET / HTTP/1.1\r\n: b",
    ],
)
def test_whatever_could_be_read_as_something_else_is_not_sent(head: bytes) -> None:
    with pytest.raises(ValueError, match="head"):
        UPSTREAM.rewritten(head, SITE)


class SlowProxy:
    """A proxy that says each byte of its answer a second after the one before."""

    def __init__(self, answer: bytes) -> None:
        self.now = 0.0
        self.is_closed = False
        self._answer = iter(answer)

    def monotonic(self) -> float:
        return self.now

    def sendall(self, data: bytes) -> None: ...

    def setblocking(self, flag: bool) -> None: ...

    def recv(self, count: int) -> bytes:
        self.now += 1.0
        return bytes([next(self._answer)])

    def close(self) -> None:
        self.is_closed = True


CONNECTED = b"HTTP/1.1 200 OK\r\n\r\n"
LONG = CONNECTED.replace(b"\r\n\r\n", b"\r\nX: " + b"x" * 1000 + b"\r\n\r\n")
NAMED = b"\x05\x00\x05\x00\x00\x03\xc8" + b"x" * 200 + b"\0\0"


@pytest.mark.parametrize(
    ("url", "answer", "is_in_time"),
    [
        ("http://127.0.0.1:3128", CONNECTED, True),
        ("http://127.0.0.1:3128", LONG, False),
        ("socks5h://127.0.0.1:1080", b"\x05\x00\x05\x00\x00\x01" + bytes(6), True),
        ("socks5h://127.0.0.1:1080", NAMED, False),
    ],
)
def test_a_proxy_has_so_long_for_all_of_its_answer(
    monkeypatch: pytest.MonkeyPatch, url: str, answer: bytes, is_in_time: bool
) -> None:
    proxy = SlowProxy(answer)
    monkeypatch.setattr(upstream, "time", types.SimpleNamespace(monotonic=proxy.monotonic))
    monkeypatch.setattr(Upstream, "open", lambda _self: proxy)
    result: Any = Upstream(url).connect(SITE)
    assert result is (proxy if is_in_time else SocksReply.FAILED)
    assert proxy.is_closed is not is_in_time
    assert proxy.now <= TIMEOUT_S + 1


@pytest.mark.parametrize(
    ("url", "answer"),
    [
        ("http://ada:wrong@127.0.0.1:3128", b"HTTP/1.1 407 Who is there?\r\n\r\n"),
        ("socks5h://127.0.0.1:1080", b"\x05\xff"),
        ("socks5h://ada:wrong@127.0.0.1:1080", b"\x05\x02\x01\x01"),
    ],
)
def test_log_says_that_a_proxy_wants_another_login(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, url: str, answer: bytes
) -> None:
    monkeypatch.setattr(Upstream, "open", lambda _self: SlowProxy(answer))
    assert Upstream(url).connect(SITE) is SocksReply.FAILED
    (line,) = caplog.messages
    assert line.startswith(f"The proxy {url.replace('ada:wrong@', '')} refuses this login")


@pytest.mark.parametrize("url", ["http://127.0.0.1:3128", "socks5h://[::1]:1080"])
def test_log_says_that_a_proxy_is_not_reached(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, url: str
) -> None:
    def refuse(_self: Upstream) -> Any:
        raise ConnectionRefusedError("refused")

    monkeypatch.setattr(Upstream, "open", refuse)
    for connected in (Upstream(url).connect(SITE), Upstream(url).open_for_requests()):
        assert connected is SocksReply.FAILED
    assert caplog.messages == [f"The proxy {url} cannot be reached: refused"] * 2


def test_log_says_nothing_where_a_proxy_does_not_reach_a_site(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    answer = b"HTTP/1.1 502 No such site\r\n\r\n"
    monkeypatch.setattr(Upstream, "open", lambda _self: SlowProxy(answer))
    assert UPSTREAM.connect(SITE) is SocksReply.FAILED
    assert not caplog.messages
