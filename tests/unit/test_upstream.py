"""What an HTTP proxy is sent of a request in the clear."""

import pytest

from worker.downloads.judge.socks import Target
from worker.downloads.judge.upstream import Upstream

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
