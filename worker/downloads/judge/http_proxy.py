"""The server's side of an HTTP proxy (RFC 9110 and 9112), for ffmpeg, which knows no SOCKS; pure.

A client connects to a site (CONNECT), or asks for one thing in the clear (GET and HEAD with a whole
URL). Either is let in by the password alone, as Basic credentials (RFC 7617).
"""

import base64
import binascii
import hmac
import re
from collections.abc import Iterator

from worker.downloads.judge.socks import Rejected, SocksReply, Target, is_host

HEAD_LIMIT_BYTES = 16 * 1024
"""How much the address and the headers of a request may take together."""

_END = b"\r\n\r\n"
_LETTERS = re.compile(rb"[A-Z]+(?: .*)?", re.DOTALL)
# RFC 9112, 3 and 5, without what servers read in different ways: lines that end otherwise or go on
# in the next one, spaces before a colon.
_HEAD = re.compile(
    rb"(CONNECT|GET|HEAD) ([^\x00-\x20\x7f]+) HTTP/1\.[01]"
    rb"((?:\r\n[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n\x00]*)*)"
)
_PLACE = rb"(\[[^\]/?#@]+\]|[^:/?#@\[\]]*)"
_AUTHORITY = re.compile(_PLACE + rb":([0-9]{1,5})")
_URL = re.compile(rb"(?i:http)://" + _PLACE + rb"(?::([0-9]{1,5}))?(/[^#]*|\?[^#]*)?")
_FIELD = re.compile(rb"\r\n([^:]+):[ \t]*([^\r\n]*)")
_KEPT_BACK = frozenset({b"host", b"connection", b"keep-alive", b"upgrade", b"te"})
_DEFAULT_PORT = 80
_PORTS = range(1 << 16)
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] (?!1)[^\r\n]*\r\n")

_STATUS = {
    SocksReply.NOT_ALLOWED: "403 Forbidden",
    SocksReply.NO_SUCH_HOST: "502 No Such Host",
    SocksReply.UNREACHABLE: "502 Unreachable",
    SocksReply.REFUSED: "502 Refused",
    SocksReply.TIMED_OUT: "504 Gateway Timeout",
    SocksReply.NOT_A_CONNECT: "501 Not Implemented",
}


def as_the_last(answer: bytes) -> bytes:
    """Add to the beginning of an answer that it is the connection's last.

    A client that is not told so may ask once more before the connection's end has reached it.
    Interim answers (1xx), and what is no beginning, stay as they are.
    """
    line = _STATUS_LINE.match(answer)
    return line[0] + b"Connection: close\r\n" + answer[line.end() :] if line else answer


class HttpHandshake:
    """The beginning of one connection. Feed it bytes until it has a `target`."""

    def __init__(self, secret: str) -> None:
        """`secret` is the password; any user's name will do."""
        self._secret = secret.encode()
        self._data = b""
        self.target: Target | None = None
        self.is_one_request = False
        """Whether all that the client may say to the site is in `rest`."""

    @property
    def rest(self) -> bytes:
        """What is to be said to the site first."""
        return self._data

    def feed(self, data: bytes) -> bytes:
        """Take what the client has sent. Nothing is to be answered yet. Raises Rejected."""
        self._data += data
        if not _LETTERS.fullmatch(self._data):
            raise Rejected
        head, end, behind = self._data.partition(_END)
        if len(head) > HEAD_LIMIT_BYTES:
            raise Rejected(_answer("431 Request Header Fields Too Large"))
        if end:
            self._take(head, behind)
        return b""

    def answer(self, reply: SocksReply) -> bytes:
        """The HTTP response for a reply; empty for a plain request, which the site answers."""
        if reply is SocksReply.DONE:
            return b"" if self.is_one_request else b"HTTP/1.1 200 Connected\r\n\r\n"
        return _answer(_STATUS.get(reply, "502 Bad Gateway"))

    def _take(self, head: bytes, behind: bytes) -> None:
        if not (found := _HEAD.fullmatch(head)):
            raise Rejected(_answer("400 Bad Request"))
        method, where, fields = found.groups()
        if not self._is_let_in(fields):
            asked = '\r\nProxy-Authenticate: Basic realm="judge"'
            raise Rejected(_answer("407 Proxy Authentication Required" + asked))
        is_tunnel = method == b"CONNECT"
        url = (_AUTHORITY if is_tunnel else _URL).fullmatch(where)
        if not url or (behind and not is_tunnel):
            raise Rejected(_answer("400 Bad Request"))
        self.target = _target(url[1], url[2])
        if is_tunnel:
            self._data = behind
            return
        self.is_one_request = True
        self._data = _to_the_site(method, url, fields)

    def _is_let_in(self, fields: bytes) -> bool:
        said = [value for name, value in _fields(fields) if name == b"proxy-authorization"]
        if len(said) != 1:
            return False
        kind, _, packed = said[0].partition(b" ")
        try:
            login = base64.b64decode(packed.strip(), validate=True)
        except binascii.Error:
            return False
        password = login.partition(b":")[2]
        return kind.lower() == b"basic" and hmac.compare_digest(password, self._secret)


def _to_the_site(method: bytes, url: re.Match[bytes], fields: bytes) -> bytes:
    """The request as a site wants it (RFC 9112, 3.2.1 and 3.2.2). It is the connection's last."""
    place, port, path = url.groups()
    host = place + (b":" + port if port and int(port) != _DEFAULT_PORT else b"")
    path = path if path and path.startswith(b"/") else b"/" + (path or b"")
    line = b"%b %b HTTP/1.1\r\nHost: %b" % (method, path, host)
    return line + b"".join(_kept(fields)) + b"\r\nConnection: close" + _END


def _fields(fields: bytes) -> Iterator[tuple[bytes, bytes]]:
    for found in _FIELD.finditer(fields):
        yield found[1].lower(), found[2]


def _kept(fields: bytes) -> Iterator[bytes]:
    """The fields that the site may see: none about this connection, none with the secret."""
    for found in _FIELD.finditer(fields):
        name = found[1].lower()
        if name not in _KEPT_BACK and not name.startswith(b"proxy-"):
            yield found[0]


def _target(place: bytes, port: bytes | None) -> Target:
    text, number = place.decode("latin-1"), int(port or _DEFAULT_PORT)
    host = text.removeprefix("[").removesuffix("]")
    if not host or not is_host(host) or (":" in host) != (host != text) or number not in _PORTS:
        raise Rejected(_answer("400 Bad Request"))
    return Target(host, number)


def _answer(status: str) -> bytes:
    return f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode()
