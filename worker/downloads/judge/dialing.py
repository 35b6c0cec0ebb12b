"""Connect to the first of several addresses that answers (a small RFC 8305)."""

import errno
import ipaddress
import itertools
import socket
from collections.abc import Callable, Sequence

from worker.downloads.judge.loop import WRITE, Waits
from worker.downloads.judge.socks import SocksReply

NEXT_AFTER_S = 0.3
"""After this long without an answer the next address is tried as well."""

TIMEOUT_S = 30.0
MAX_ADDRESSES = 8

_REPLIES = {
    errno.ECONNREFUSED: SocksReply.REFUSED,
    errno.ENETUNREACH: SocksReply.UNREACHABLE,
    errno.EHOSTUNREACH: SocksReply.UNREACHABLE,
    errno.ETIMEDOUT: SocksReply.TIMED_OUT,
}

OnEnd = Callable[[socket.socket | SocksReply], None]


class Dial:
    """Connects to one of the addresses, and tells `on_end` the socket or why there is none."""

    def __init__(self, loop: Waits, addresses: Sequence[str], port: int, on_end: OnEnd) -> None:
        self._loop = loop
        self._left = to_be_tried(addresses)
        self._port = port
        self._on_end = on_end
        self._tried: set[socket.socket] = set()
        self._failure = SocksReply.FAILED
        self._timeout = loop.call_later(TIMEOUT_S, lambda: self._end(SocksReply.TIMED_OUT))
        self._next = loop.call_later(0.0, self._try_next)

    def cancel(self) -> None:
        """Connect no more, and tell nobody."""
        self._timeout.cancel()
        self._next.cancel()
        for made in self._tried:
            self._loop.watch(made, 0)
            made.close()
        self._tried.clear()

    def _try_next(self) -> None:
        self._next.cancel()
        if not self._left:
            if not self._tried:
                self._end(self._failure)
            return
        address = self._left.pop(0)
        self._next = self._loop.call_later(NEXT_AFTER_S, self._try_next)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            place = _socket_address(address, self._port)
            made = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        except OSError as error:  # an interface that is gone, or no descriptor left
            self._note(error.errno or 0)
            return
        self._tried.add(made)
        code = made.connect_ex(place)
        if code == errno.EINPROGRESS:
            self._loop.watch(made, WRITE, lambda _: self._ready(made))
        else:
            self._settle(made, code)

    def _ready(self, made: socket.socket) -> None:
        self._loop.watch(made, 0)
        self._settle(made, made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))

    def _settle(self, made: socket.socket, code: int) -> None:
        self._tried.discard(made)
        if code:
            made.close()
            self._note(code)
        else:
            self._end(made)

    def _note(self, code: int) -> None:
        self._failure = _REPLIES.get(code, SocksReply.FAILED)
        self._try_next()

    def _end(self, result: socket.socket | SocksReply) -> None:
        self.cancel()
        self._on_end(result)


def to_be_tried(addresses: Sequence[str]) -> list[str]:
    """The addresses to connect to, in this order: both families in turn (RFC 8305, 4).

    Where one of them leads nowhere, as IPv6 does on some machines, the other is soon tried.
    """
    families: dict[bool, list[str]] = {}
    for address in addresses:
        families.setdefault(":" in address, []).append(address)
    in_turn = itertools.chain.from_iterable(itertools.zip_longest(*families.values()))
    return [address for address in in_turn if address][:MAX_ADDRESSES]


def _socket_address(address: str, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
    """Write an address as connect(2) takes it, so that nothing is looked up a second time."""
    if ":" not in address:
        return address, port
    scope = ipaddress.IPv6Address(address).scope_id or "0"
    number = int(scope) if scope.isdecimal() else socket.if_nametoindex(scope)
    return address.partition("%")[0], port, 0, number
