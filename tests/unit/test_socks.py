"""What a client of the judge may say, byte by byte."""

from ipaddress import ip_address

import pytest

from worker.downloads.judge.socks import Rejected, SocksHandshake, SocksReply, Target

SECRET = "a-secret"
GREETING = b"\x05\x01\x02"
LOGIN = b"\x01\x01d\x08a-secret"


def a_request(kind: int, host: bytes, port: int = 443, command: int = 1) -> bytes:
    return bytes((5, command, 0, kind)) + host + port.to_bytes(2, "big")


# Python 3.13 writes the last part with dots.
MAPPED = str(ip_address("::ffff:127.0.0.1"))
NAME = a_request(3, b"\x0bexample.com")

REQUESTS = [
    (NAME, Target("example.com", 443)),
    (a_request(3, b"\x0bexample.com", 80), Target("example.com", 80)),
    (a_request(3, b"\x00", 0), Target("", 0)),
    (a_request(3, b"\x09127.0.0.1", 65535), Target("127.0.0.1", 65535)),
    (a_request(3, b"\xff" + b"a" * 255), Target("a" * 255, 443)),
    (a_request(3, b"\x0bA_b-1.xn--a"), Target("A_b-1.xn--a", 443)),
    (a_request(3, b"\x0cfe80::1%eth0"), Target("fe80::1%eth0", 443)),
    (a_request(1, bytes((10, 0, 0, 1))), Target("10.0.0.1", 443)),
    (a_request(4, bytes(15) + b"\x01"), Target("::1", 443)),
    (a_request(4, bytes(10) + b"\xff\xff\x7f\x00\x00\x01"), Target(MAPPED, 443)),
]


NOT_OF_HOSTS = [
    bytes((byte,)) for byte in (*b"\0\t\n\r /\\@?#&;,=+*!'\"<>[](){}|^`~$", 127, 128, 255)
]


@pytest.mark.parametrize(("request_", "target"), REQUESTS)
@pytest.mark.parametrize("greeting", [GREETING, b"\x05\x02\x00\x02", b"\x05\x03\x00\x01\x02"])
def test_a_client_with_the_secret_says_what_it_wants(
    greeting: bytes, request_: bytes, target: Target
) -> None:
    handshake = SocksHandshake(SECRET)
    assert handshake.feed(greeting) == b"\x05\x02"
    assert handshake.feed(LOGIN) == b"\x01\x00"
    assert handshake.target is None
    assert handshake.feed(request_) == b""
    assert handshake.target == target


@pytest.mark.parametrize(("request_", "target"), REQUESTS)
def test_it_may_come_in_any_pieces(request_: bytes, target: Target) -> None:
    whole = GREETING + LOGIN + request_
    for size in (1, 2, 3, 7, len(whole)):
        handshake = SocksHandshake(SECRET)
        pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
        assert b"".join(map(handshake.feed, pieces)) == b"\x05\x02\x01\x00"
        assert handshake.target == target


def test_what_comes_behind_the_request_is_kept() -> None:
    handshake = SocksHandshake(SECRET)
    handshake.feed(GREETING + LOGIN + NAME + b"GET / HTTP/1.1")
    assert handshake.rest == b"GET / HTTP/1.1"


def test_an_answer_names_no_address_of_the_judge() -> None:
    assert SocksReply.DONE.packed() == bytes((5, 0, 0, 1, 0, 0, 0, 0, 0, 0))


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (b"\x04\x01\x00\x50\x01\x01\x01\x01\x00", b""),  # SOCKS 4
        (b"GET / HTTP/1.1\r\n", b""),
        (b"\x16\x03\x01", b""),
        (b"\x05\x01\x00", b"\x05\xff"),  # without a login
        (b"\x05\x00", b"\x05\xff"),
        (GREETING + b"\x05\x01d\x08a-secret", b"\x05\x02"),
        (GREETING + b"\x01\x01d\x08a-secreT", b"\x05\x02\x01\x01"),
        (GREETING + b"\x01\x01d\x07a-secre", b"\x05\x02\x01\x01"),
        (GREETING + b"\x01\x01d\x09a-secret-", b"\x05\x02\x01\x01"),
        (GREETING + b"\x01\x08a-secret\x00", b"\x05\x02\x01\x01"),
        (GREETING + b"\x01\x01d\x02\xff\xfe", b"\x05\x02\x01\x01"),
        (GREETING + LOGIN + b"\x04\x01\x00\x01\x01", b"\x05\x02\x01\x00"),
    ],
)
def test_whoever_says_anything_else_is_rejected(said: bytes, answer: bytes) -> None:
    with pytest.raises(Rejected) as caught:
        SocksHandshake(SECRET).feed(said)
    assert caught.value.answer == answer


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        (a_request(1, bytes(4), command=2), SocksReply.NOT_A_CONNECT),
        (a_request(1, bytes(4), command=3), SocksReply.NOT_A_CONNECT),
        (a_request(3, b"\x01a", command=0xF0), SocksReply.NOT_A_CONNECT),
        (a_request(2, bytes(4)), SocksReply.NO_SUCH_KIND),
        (a_request(0, bytes(4)), SocksReply.NO_SUCH_KIND),
        *((a_request(3, b"\x03a" + byte + b"b"), SocksReply.NO_SUCH_HOST) for byte in NOT_OF_HOSTS),
        (a_request(3, b"\x11a.example\r\nX: b.c"), SocksReply.NO_SUCH_HOST),
        (a_request(3, b"\x0a127.0.0.1\n"), SocksReply.NO_SUCH_HOST),
        (a_request(3, b"\x0c127.0.0.1:22"), SocksReply.NO_SUCH_HOST),
        (a_request(3, b"\x0ca.example:80"), SocksReply.NO_SUCH_HOST),
        (a_request(3, b"\x05[::1]"), SocksReply.NO_SUCH_HOST),
        (a_request(3, b"\x06::1%]@"), SocksReply.NO_SUCH_HOST),
        (a_request(3, b"\x03a%b"), SocksReply.NO_SUCH_HOST),
    ],
)
def test_what_is_not_a_connect_is_answered_so(request_: bytes, reply: SocksReply) -> None:
    handshake = SocksHandshake(SECRET)
    handshake.feed(GREETING + LOGIN)
    with pytest.raises(Rejected) as caught:
        handshake.feed(request_)
    assert caught.value.answer == reply.packed()
