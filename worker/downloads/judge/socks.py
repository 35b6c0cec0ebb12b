"""The server's side of SOCKS 5 (RFC 1928), with a name and a password (RFC 1929); pure.

Only CONNECT is known, and no client gets in without the password. Each part of a beginning is short
by its form, so one that does not end is no longer than 513 bytes.
"""

import hmac
import ipaddress
import re
from dataclasses import dataclass
from enum import IntEnum

_VERSION, _LOGIN_VERSION = 5, 1
_LOGIN = 2
_CONNECT = 1
_IPV4, _NAME, _IPV6 = 1, 3, 4
# As resolvers want them. A proxy may read other characters as more than a part of a name.
_HOST_NAME = re.compile("[A-Za-z0-9._-]*")
_IPV6_ADDRESS = re.compile("[A-Za-z0-9._:%-]+")

DOWNLOAD, PLUGIN = "download", "plugin"
"""The names of users: one reaches public addresses, the other what is listed for plugins."""


def plugin_proxy(proxy: str | None) -> str | None:
    """The URL of a download's proxy, for the requests of plugins."""
    return proxy and proxy.replace(f"//{DOWNLOAD}:", f"//{PLUGIN}:", 1)


class SocksReply(IntEnum):
    """How a connection begins or fails."""

    DONE = 0
    FAILED = 1
    NOT_ALLOWED = 2
    UNREACHABLE = 3  # the network or the host
    NO_SUCH_HOST = 4  # its name is unknown
    REFUSED = 5
    TIMED_OUT = 6
    NOT_A_CONNECT = 7
    NO_SUCH_KIND = 8

    def packed(self) -> bytes:
        """The reply as it is sent; the address from which the judge connects is kept out."""
        return bytes((_VERSION, self, 0, _IPV4)) + bytes(6)


@dataclass(frozen=True)
class Target:
    """What a client wants to connect to: a name or an address, and a port."""

    host: str
    port: int
    is_for_plugin: bool = False
    """Whether it has to be one of those listed for plugins."""


class Rejected(Exception):
    """The client is to be sent `answer`, and then no longer listened to."""

    def __init__(self, answer: bytes = b"") -> None:
        super().__init__(answer)
        self.answer = answer


class SocksHandshake:
    """The beginning of one connection. Feed it bytes until it has a `target`."""

    def __init__(self, secret: str) -> None:
        """`secret` is the password; any user's name but `PLUGIN` will do for sites."""
        self._secret = secret.encode()
        self._data = bytearray()
        self._next = self._greeting
        self._is_for_plugin = False
        self.target: Target | None = None
        self.is_one_request = False

    @property
    def rest(self) -> bytes:
        """What the client has sent after its request, for the site."""
        return bytes(self._data)

    def feed(self, data: bytes) -> bytes:
        """Take what the client has sent. Returns what is to be answered. Raises Rejected."""
        self._data += data
        answer = b""
        while self.target is None:
            try:
                step = self._next()
            except Rejected as rejected:
                raise Rejected(answer + rejected.answer) from None
            if step is None:
                break
            answer += step
        return answer

    def answer(self, reply: SocksReply) -> bytes:
        """The bytes to send for a reply."""
        return reply.packed()

    def _take(self, count: int) -> bytes:
        taken = bytes(self._data[:count])
        del self._data[:count]
        return taken

    def _greeting(self) -> bytes | None:
        if self._data and self._data[0] != _VERSION:
            raise Rejected
        if len(self._data) < 2 or len(self._data) < 2 + self._data[1]:
            return None
        methods = self._take(2 + self._data[1])[2:]
        if _LOGIN not in methods:
            raise Rejected(bytes((_VERSION, 0xFF)))
        self._next = self._login
        return bytes((_VERSION, _LOGIN))

    def _login(self) -> bytes | None:
        data = self._data
        if data and data[0] != _LOGIN_VERSION:
            raise Rejected
        if len(data) < 2 or len(data) < 3 + data[1]:
            return None
        size = 3 + data[1] + data[2 + data[1]]
        if len(data) < size:
            return None
        login = self._take(size)
        password = login[3 + login[1] :]
        if not hmac.compare_digest(password, self._secret):
            raise Rejected(bytes((_LOGIN_VERSION, 1)))
        self._is_for_plugin = login[2 : 2 + login[1]] == PLUGIN.encode()
        self._next = self._request
        return bytes((_LOGIN_VERSION, 0))

    def _request(self) -> bytes | None:
        data = self._data
        if data and data[0] != _VERSION:
            raise Rejected
        if len(data) < 5:
            return None
        kind = data[3]
        size = {_IPV4: 4, _NAME: 1 + data[4], _IPV6: 16}.get(kind)
        if data[1] != _CONNECT:
            raise Rejected(SocksReply.NOT_A_CONNECT.packed())
        if size is None:
            raise Rejected(SocksReply.NO_SUCH_KIND.packed())
        if len(data) < 4 + size + 2:
            return None
        request = self._take(4 + size + 2)
        port = int.from_bytes(request[-2:], "big")
        self.target = Target(_host(kind, request[4:-2]), port, self._is_for_plugin)
        return b""


def _host(kind: int, field: bytes) -> str:
    if kind != _NAME:
        return str(ipaddress.ip_address(field))
    host = field[1:].decode("latin-1")
    if not is_host(host):
        raise Rejected(SocksReply.NO_SUCH_HOST.packed())
    return host


def is_host(text: str) -> bool:
    """Whether a text names a host as resolvers want it, or nothing."""
    return bool(_HOST_NAME.fullmatch(text)) or _is_ipv6(text)


def _is_ipv6(host: str) -> bool:
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return bool(_IPV6_ADDRESS.fullmatch(host))  # also what names its interface
