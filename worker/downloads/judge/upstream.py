"""The operator's proxy, through which the judge connects if there is one.

Connecting through it blocks, so that runs in a thread of its own.
"""

import base64
import functools
import logging
import re
import socket
import ssl
import time
from contextlib import suppress
from importlib.util import find_spec
from urllib.parse import unquote, urlsplit

from worker.downloads.judge.socks import SocksReply, Target
from worker.downloads.judge.tls import Stream, TlsSocket

log = logging.getLogger(__name__)

TIMEOUT_S = 30.0
"""How long connecting to a proxy may take, and then all of its answer."""

UPSTREAM_HEAD_LIMIT_BYTES = 64 * 1024
"""How long the head of a request to a proxy, or of its answer, may be."""

_HTTP = ("http", "https")
_WANTS_LOGIN = re.compile(rb"HTTP/1\.[01] 407\b")
_NO_METHOD = 0xFF
# Of SOCKS. 1 and 2 say little: the proxy may have refused for reasons of its own.
_REPLIES = {
    1: SocksReply.FAILED,
    2: SocksReply.FAILED,
    3: SocksReply.UNREACHABLE,
    4: SocksReply.UNREACHABLE,
}
_REPLIES |= {5: SocksReply.REFUSED, 6: SocksReply.TIMED_OUT}
# RFC 9112, 3 and 5, without what proxies read in different ways: lines that end otherwise or go on
# in the next one, spaces before a colon. A path that does not begin with a slash would be read as
# the end of the site's name.
_HEAD = re.compile(
    rb"(?!(?i:CONNECT) )[A-Za-z]+ (/[^\x00-\x20\x7f]*) HTTP/1\.[01]"
    rb"(?:\r\n[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n\x00]*)*"
)
_REPLACED = re.compile(
    rb"\r\n(?:host|(?:proxy-)?connection|proxy-authorization):[^\r\n]*", re.IGNORECASE
)


class Upstream:
    """One proxy: http, https, socks5 or socks5h://host:port, with a login or without."""

    def __init__(self, proxy: str) -> None:
        parts = urlsplit(proxy)
        self._scheme = parts.scheme
        self._address = parts.hostname or "", parts.port or 0
        self._login = (unquote(parts.username or ""), unquote(parts.password or ""))
        self._tls = _tls_context() if parts.scheme == "https" else None

    @property
    def is_http(self) -> bool:
        """Whether it is an HTTP proxy, which has to know what a connection is for."""
        return self._scheme in _HTTP

    @property
    def takes_names(self) -> bool:
        """Whether it looks up names itself."""
        return self._scheme != "socks5"

    def open(self) -> Stream:
        """Connect to the proxy itself. Raises OSError."""
        made = socket.create_connection(self._address, TIMEOUT_S)
        if self._tls is None:
            return made
        try:
            return TlsSocket(self._tls.wrap_socket(made, server_hostname=self._address[0]))
        except BaseException:
            made.close()
            raise

    def open_for_requests(self) -> Stream | SocksReply:
        """Connect to the proxy, to send it HTTP requests. Returns the failure if there is one."""
        made = self._opened()
        if made is None:
            return SocksReply.FAILED
        made.setblocking(False)
        return made

    def connect(self, target: Target) -> Stream | SocksReply:
        """Connect to a target through the proxy. Returns the failure if there is one."""
        made = self._opened()
        if made is None:
            return SocksReply.FAILED
        try:
            reply = self._tunnel(made, target) if self.is_http else self._socks(made, target)
        except (OSError, EOFError, ValueError):
            reply = SocksReply.FAILED
        if reply is SocksReply.DONE:
            made.setblocking(False)
            return made
        made.close()
        return reply

    def _opened(self) -> Stream | None:
        """A connection to the proxy itself; None, and a line in the log, if it cannot be reached.

        To a download that looks as if no site could be reached.
        """
        try:
            return self.open()
        except OSError as error:
            log.warning("The proxy %s cannot be reached: %s", self._name, error)
            return None

    def _note_refusal(self) -> None:
        log.warning("The proxy %s refuses this login, or wants one.", self._name)

    @property
    def _name(self) -> str:
        return f"{self._scheme}://{_authority(Target(*self._address))}"

    def rewritten(self, head: bytes, target: Target) -> bytes:
        """The head of a request as the proxy wants it (RFC 9112, 3.2.2). Raises ValueError.

        It is the connection's last: the next one would need the same.
        """
        if not _HEAD.fullmatch(head):
            raise ValueError("not the head of a request to a site")
        line, _, fields = head.partition(b"\r\n")
        method, _, path = line.partition(b" ")
        kept = _REPLACED.sub(b"", b"\r\n" + fields) if fields else b""
        place = _authority(target).encode()
        # Some proxies connect to the host in this field, and not to the one in the address. Sites
        # that check signatures expect it without the usual port.
        host = place.removesuffix(b":80")
        line = b"%b http://%b%b\r\nHost: %b" % (method, place, path, host)
        return line + kept + b"\r\nConnection: close" + self._credentials() + b"\r\n\r\n"

    def _credentials(self) -> bytes:
        if not any(self._login):
            return b""
        return b"\r\nProxy-Authorization: Basic " + base64.b64encode(":".join(self._login).encode())

    def _tunnel(self, made: Stream, target: Target) -> SocksReply:
        place = _authority(target).encode()
        request = b"CONNECT %b HTTP/1.1\r\nHost: %b%b\r\n\r\n" % (place, place, self._credentials())
        made.sendall(request)
        answer = _ProxyAnswer(made)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            # No more than the head: what follows is the site's.
            head += answer.take(1)
            if len(head) > UPSTREAM_HEAD_LIMIT_BYTES:
                return SocksReply.FAILED
        if _WANTS_LOGIN.match(head):
            self._note_refusal()
        is_done = re.match(rb"HTTP/1\.[01] 2", head)
        return SocksReply.DONE if is_done else SocksReply.FAILED

    def _socks(self, made: Stream, target: Target) -> SocksReply:
        has_login = any(self._login)
        made.sendall(b"\x05\x02\x00\x02" if has_login else b"\x05\x01\x00")
        answer = _ProxyAnswer(made)
        version, method = answer.take(2)
        if version != 5 or method not in ((0, 2) if has_login else (0,)):
            if (version, method) == (5, _NO_METHOD):
                self._note_refusal()
            return SocksReply.FAILED
        if method == 2:
            made.sendall(b"\x01" + b"".join(map(_with_length, self._login)))
            if answer.take(2)[1]:
                self._note_refusal()
                return SocksReply.FAILED
        port = target.port.to_bytes(2, "big")
        made.sendall(b"\x05\x01\x00" + _packed(target.host) + port)
        _, code, _, kind = answer.take(4)
        if code:
            return _REPLIES.get(code, SocksReply.FAILED)
        answer.take({1: 4, 4: 16}.get(kind) or answer.take(1)[0])
        answer.take(2)
        return SocksReply.DONE


class _ProxyAnswer:
    """What a proxy says before a connection is one."""

    def __init__(self, made: Stream) -> None:
        self._made = made
        self._ends_at = time.monotonic() + TIMEOUT_S

    def take(self, count: int) -> bytes:
        """Read exactly so many bytes. Raises OSError or EOFError when they do not come."""
        data = b""
        while len(data) < count:
            # Each wait has the same limit, so this ends no later than after twice as long.
            if time.monotonic() >= self._ends_at:
                raise TimeoutError
            chunk = self._made.recv(count - len(data))
            if not chunk:
                raise EOFError
            data += chunk
        return data


def _packed(host: str) -> bytes:
    for kind, family in ((b"\x01", socket.AF_INET), (b"\x04", socket.AF_INET6)):
        with suppress(OSError):
            return kind + socket.inet_pton(family, host)
    return b"\x03" + _with_length(host)


def _with_length(text: str) -> bytes:
    data = text.encode()
    return bytes((len(data),)) + data


def _authority(target: Target) -> str:
    host = f"[{target.host}]" if ":" in target.host else target.host
    return f"{host}:{target.port}"


@functools.cache
def _tls_context() -> ssl.SSLContext:
    """A TLS context that trusts the certificates of the machine, and those that yt-dlp trusts."""
    context = ssl.create_default_context()
    if find_spec("certifi"):
        import certifi

        context.load_verify_locations(certifi.where())
    return context
