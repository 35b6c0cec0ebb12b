"""The two ways in which a client may begin, told apart by its first byte."""

from typing import Protocol

from worker.downloads.judge import http_proxy, socks
from worker.downloads.judge.socks import SocksReply, Target

_SOCKS = b"\x05"


class Handshake(Protocol):
    """The beginning of one connection. Feed it bytes until it has a `target`."""

    target: Target | None
    is_one_request: bool
    """Whether all that the client may say to the site is in `rest`."""

    @property
    def rest(self) -> bytes:
        """The bytes to send to the site first."""

    def feed(self, data: bytes) -> bytes:
        """Take what the client has sent. Returns what is to be answered. Raises Rejected."""

    def answer(self, reply: SocksReply) -> bytes:
        """The bytes of this reply in the client's protocol."""


def handshake_for(data: bytes, secret: str) -> Handshake:
    """The handshake in the protocol of a client that begins with these bytes."""
    kind = socks.SocksHandshake if data.startswith(_SOCKS) else http_proxy.HttpHandshake
    return kind(secret)
