"""What a client of the judge may say by HTTP, byte by byte."""

from __future__ import annotations

import base64
import random

import pytest

from worker.downloads.judge.handshake import handshake_for
from worker.downloads.judge.http_proxy import HEAD_LIMIT_BYTES, HttpHandshake, as_the_last
from worker.downloads.judge.socks import Rejected, SocksReply, Target
from worker.downloads.judge.socks import SocksHandshake as SocksHandshake

SECRET = "a-secret"


def login(text: str = "download:a-secret") -> bytes:
    return b"\r\nProxy-Authorization: Basic " + base64.b64encode(text.encode())


def connect(place: bytes, fields: bytes = login()) -> bytes:
    return b"CONNECT " + place + b" HTTP/1.1\r\nHost: " + place + fields + b"\r\n\r\n"


def get(url: bytes, fields: bytes = login(), method: bytes = b"GET") -> bytes:
    return method + b" " + url + b" HTTP/1.1\r\nHost: h.example" + fields + b"\r\n\r\n"


def rejected(said: bytes) -> bytes:
    with pytest.raises(Rejected) as caught:
        HttpHandshake(SECRET).feed(said)
    return caught.value.answer


TUNNELS = [
    (b"example.com:443", Target("example.com", 443)),
    (b"A_b-1.xn--a:8080", Target("A_b-1.xn--a", 8080)),
    (b"127.0.0.1:22", Target("127.0.0.1", 22)),
    (b"2130706433:80", Target("2130706433", 80)),
    (b"[::1]:443", Target("::1", 443)),
    (b"[fe80::1%eth0]:443", Target("fe80::1%eth0", 443)),
    (b"example.com:0", Target("example.com", 0)),
]


@pytest.mark.parametrize(("place", "target"), TUNNELS)
def test_a_tunnel_may_come_in_any_pieces(place: bytes, target: Target) -> None:
    whole = connect(place)
    for size in (1, 2, 7, len(whole)):
        handshake = HttpHandshake(SECRET)
        for at in range(0, len(whole), size):
            assert handshake.target is None
            assert handshake.feed(whole[at : at + size]) == b""
        assert (handshake.target, handshake.rest) == (target, b"")
        assert not handshake.is_one_request


def test_what_comes_behind_a_tunnels_head_is_the_sites() -> None:
    handshake = HttpHandshake(SECRET)
    handshake.feed(connect(b"a.example:443") + b"\x16\x03\x01")
    assert handshake.rest == b"\x16\x03\x01"
    assert handshake.answer(SocksReply.DONE) == b"HTTP/1.1 200 Connected\r\n\r\n"


@pytest.mark.parametrize(
    ("url", "target", "line"),
    [
        (b"http://a.example/x?y", Target("a.example", 80), b"/x?y HTTP/1.1\r\nHost: a.example"),
        (b"HTTP://a.example", Target("a.example", 80), b"/ HTTP/1.1\r\nHost: a.example"),
        (b"http://a.example?y", Target("a.example", 80), b"/?y HTTP/1.1\r\nHost: a.example"),
        (b"http://a.example:81/", Target("a.example", 81), b"/ HTTP/1.1\r\nHost: a.example:81"),
        (b"http://[::1]:81/", Target("::1", 81), b"/ HTTP/1.1\r\nHost: [::1]:81"),
        (b"http://a.example//b", Target("a.example", 80), b"//b HTTP/1.1\r\nHost: a.example"),
    ],
)
def test_a_request_becomes_the_sites_and_the_last(url: bytes, target: Target, line: bytes) -> None:
    said = b"\r\nUser-Agent: x\r\nproxy-connection: keep-alive\r\nConnection: keep-alive\r\nTE: a"
    handshake = HttpHandshake(SECRET)
    handshake.feed(get(url, said + login()))
    assert (handshake.target, handshake.is_one_request) == (target, True)
    assert handshake.rest == b"GET " + line + b"\r\nUser-Agent: x\r\nConnection: close\r\n\r\n"
    assert handshake.answer(SocksReply.DONE) == b""


def test_the_secret_does_not_reach_the_site() -> None:
    handshake = HttpHandshake(SECRET)
    handshake.feed(get(b"http://a.example/", method=b"HEAD"))
    assert handshake.rest.startswith(b"HEAD / ")
    assert b"roxy" not in handshake.rest
    assert base64.b64encode(b"download:a-secret") not in handshake.rest


@pytest.mark.parametrize(
    "fields",
    [
        b"",
        login("download:a-secreT"),
        login("download:"),
        login("a-secret"),
        login("a-secret:download"),
        login() + login(),
        login() + login("download:x"),
        b"\r\nProxy-Authorization: Digest YTphLXNlY3JldA==",
        b"\r\nProxy-Authorization: Basic",
        b"\r\nProxy-Authorization: Basic !!!",
        b"\r\nProxy-Authorization: Basic \xff\xfe",
        b"\r\nAuthorization: Basic " + base64.b64encode(b"download:a-secret"),
    ],
)
def test_nobody_without_the_secret_gets_in(fields: bytes) -> None:
    for said in (connect(b"a.example:443", fields), get(b"http://a.example/", fields)):
        answer = rejected(said)
        assert answer.startswith(b"HTTP/1.1 407 ")
        assert b"\r\nProxy-Authenticate: Basic realm=" in answer


@pytest.mark.parametrize(
    "said",
    [
        connect(b"a.example"),
        connect(b":443"),
        connect(b"a.example:"),
        connect(b"a.example:65536"),
        connect(b"a.example:4 43"),
        connect(b"a.example:443/"),
        connect(b"u@a.example:443"),
        connect(b"a.example:443:444"),
        connect(b"::1:443"),
        connect(b"[a.example]:443"),
        connect(b"[::1:443"),
        connect(b"\xc3\xa9.example:443"),
        connect(b"a.example\r\nX: b:443"),
        get(b"https://a.example/"),
        get(b"ftp://a.example/"),
        get(b"/path"),
        get(b"*"),
        get(b"http://"),
        get(b"http:///x"),
        get(b"http://u:p@a.example/"),
        get(b"http://a.example:99999/"),
        get(b"http://a.example/#x"),
        get(b"http://a.example\\@b.example/"),
        get(b"http://a.example/ b"),
        get(b"http://a.example/", b"\r\nX : y" + login()),
        get(b"http://a.example/", b"\r\n folded" + login()),
        get(b"http://a.example/", b"\nX: y" + login()),
        get(b"http://a.example/", b"\r\nX: a\0b" + login()),
        get(b"http://a.example/", b"\r\nX: a\rb" + login()),
        get(b"http://a.example/") + b"GET / HTTP/1.1\r\n\r\n",
        get(b"http://a.example/", method=b"POST"),
        get(b"http://a.example/", method=b"OPTIONS"),
        b"GET http://a.example/ HTTP/2.0" + login() + b"\r\n\r\n",
        b"GET http://a.example/\r\n\r\n",
        b"GET\r\n\r\n"[:3] + b" \r\n\r\n",
    ],
)
def test_whoever_says_anything_else_is_rejected(said: bytes) -> None:
    assert rejected(said).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("said", [b"\x16\x03\x01", b"get ", b"\x04\x01", b"\r\n", b"G\0", b"GET\n"])
def test_what_is_no_request_at_all_is_not_answered(said: bytes) -> None:
    assert rejected(said) == b""


@pytest.mark.parametrize("start", [b"G" * 10, b"GET http://a.example/"])
def test_a_head_has_an_end(start: bytes) -> None:
    handshake = HttpHandshake(SECRET)
    handshake.feed(start + b"G" * (HEAD_LIMIT_BYTES - len(start)))
    with pytest.raises(Rejected) as caught:
        handshake.feed(b"G")
    assert caught.value.answer.startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("reply", [each for each in SocksReply if each is not SocksReply.DONE])
def test_each_failure_is_an_answer_of_http(reply: SocksReply) -> None:
    answer = HttpHandshake(SECRET).answer(reply)
    assert answer[:10] in (b"HTTP/1.1 4", b"HTTP/1.1 5")
    assert answer.endswith(b"\r\n\r\n")


def test_whatever_is_said_it_is_a_target_or_rejected() -> None:
    chance = random.Random(20)
    sound = [connect(place) for place, _ in TUNNELS] + [get(b"http://a.example/x?y")]
    for _ in range(4000):
        said = bytearray(chance.choice(sound))
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(said))
            match chance.randrange(3):
                case 0:
                    said[at] = chance.randrange(256)
                case 1:
                    del said[at : at + chance.randint(1, 9)]
                case _:
                    said[at:at] = chance.choice(
                        [b"\r\n", b" ", b":", b"/", b"@", b"\0", b"[", b"%"]
                    )
        handshake = HttpHandshake(SECRET)
        try:
            assert handshake.feed(bytes(said)) == b""
        except Rejected:
            continue
        if handshake.is_one_request:
            assert handshake.rest.count(b"\r\n\r\n") == 1
            assert b"\n" not in handshake.rest.replace(b"\r\n", b"")


OK, CLOSE = b"HTTP/1.1 200 OK\r\n", b"Connection: close\r\n"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (OK + b"\r\nbody", OK + CLOSE + b"\r\nbody"),
        # The first of two fields with one name is the one that Python's client reads.
        (OK + b"Connection: keep-alive\r\n", OK + CLOSE + b"Connection: keep-alive\r\n"),
        (b"HTTP/1.0 404 \r\n", b"HTTP/1.0 404 \r\n" + CLOSE),
        # What is no beginning of an answer is passed on as it is.
        *((odd, odd) for odd in (b"HTTP/1.1 20", b"HTTP/2 200 OK\r\n", b"\0\r\n" + OK, b"")),
        # Another answer follows this one.
        (b"HTTP/1.1 103 Early\r\n", b"HTTP/1.1 103 Early\r\n"),
    ],
)
def test_an_answer_says_that_it_is_the_last(answer: bytes, expected: bytes) -> None:
    assert as_the_last(answer) == expected


@pytest.mark.parametrize(
    ("data", "kind"), [(b"\x05", SocksHandshake), (b"C", HttpHandshake), (b"\x16", HttpHandshake)]
)
def test_the_first_byte_tells_the_two_apart(data: bytes, kind: type) -> None:
    assert type(handshake_for(data, SECRET)) is kind
