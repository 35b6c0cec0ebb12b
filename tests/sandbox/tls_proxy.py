"""A proxy on loopback that stands in for sites: it answers for their hosts itself, by TLS.

Its certificate is made for those hosts, and `trust` makes a downloads worker believe it. So the
real extractors ask with the real addresses, and reach nobody.
"""

from __future__ import annotations

import http.client
import os
import re
import socket
import ssl
import struct
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from email.message import Message
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from .patience import PATIENCE_S
from .server import LoopbackServer

Response = tuple[int, Mapping[str, str], bytes]
"""Status, headers and body."""

_LOOPBACK = "127.0.0.1"


class CutOff(bytes):
    """A body of which half is sent, and then the end of the connection."""


class ResetBehind(CutOff):
    """A body of which half is sent, and then a reset."""


class TlsProxy(ABC):
    """Calls `answer` for each request, and passes on what is for other servers on loopback.

    `requests` are the addresses that were asked for, and `proxy` is the value for PROXY.
    """

    def __init__(self, directory: Path, hosts: Iterable[str]) -> None:
        self.requests: list[str] = []
        self.certificate = directory / "certificate.pem"
        make_certificate(self.certificate, directory / "key.pem", hosts)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(self.certificate, directory / "key.pem")
        self._server = LoopbackServer(0, _Visitor, self)
        self.proxy = self._server.url

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.stop()

    def admits(self, host: str, connection: socket.socket) -> bool:
        """Whether a client may begin with TLS here. To be overridden; this admits every one."""
        return True

    @abstractmethod
    def answer(self, address: str, headers: Message, body: bytes) -> Response:
        """The whole answer to a request for host and path; ranges of it are cut afterwards."""


class _Visitor(BaseHTTPRequestHandler):
    """One connection to the proxy; a tunnel that is asked for ends in TLS right here."""

    protocol_version = "HTTP/1.1"
    server: LoopbackServer

    def log_message(self, *args: object) -> None:
        """Say nothing: the requests are recorded."""

    def do_CONNECT(self) -> None:
        """Open the tunnel."""
        self.send_response(200)
        self.end_headers()
        if not self.server.service.admits(self.path.partition(":")[0], self.connection):
            self.close_connection = True
            return
        try:
            self.connection = self.server.service.tls.wrap_socket(self.connection, server_side=True)
        except OSError:
            self.close_connection = True
            return
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)
        self.close_connection = False

    def do_GET(self) -> None:
        """Answer from inside the tunnel, or for a plain address."""
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        target = urlsplit(self.path)
        if target.hostname == _LOOPBACK:
            self._send(*_passed_on(self, body))
            return
        proxy: TlsProxy = self.server.service
        path = target._replace(scheme="", netloc="").geturl()
        proxy.requests.append(address := f"{self.headers['Host']}{path}")
        self._send(*_in_range(self.headers["Range"], proxy.answer(address, self.headers, body)))

    do_POST = do_HEAD = do_GET  # noqa: N815 - http.server's names

    def _send(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in (*headers.items(), ("Content-Length", str(len(content)))):
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if isinstance(content, CutOff):
            self.wfile.write(content[: len(content) // 2])
            self._end(is_reset=isinstance(content, ResetBehind))
        else:
            self.wfile.write(content)

    def _end(self, *, is_reset: bool) -> None:
        """End the connection below TLS, without a word."""
        self.close_connection = True
        if is_reset:
            time.sleep(0.1)  # what has been sent must have been read, or it is lost
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(self.connection.detach())


def _in_range(asked_for: str | None, response: Response) -> Response:
    status, headers, content = response
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", asked_for or "")
    if status != 200 or not asked:
        return response
    end = min(int(asked[2] or len(content)), len(content) - 1)
    span = {"Content-Range": f"bytes {asked[1]}-{end}/{len(content)}"}
    return 206, {**headers, **span}, type(content)(content[int(asked[1]) : end + 1])


def _passed_on(request: BaseHTTPRequestHandler, body: bytes) -> Response:
    """Have another server on loopback answer."""
    target = urlsplit(request.path)
    onward = http.client.HTTPConnection(target.netloc, timeout=PATIENCE_S)
    kept = {"Content-Type": request.headers.get("Content-Type", "text/plain")}
    try:
        onward.request(request.command, request.path.partition(target.netloc)[2], body, kept)
        answer = onward.getresponse()
        content = answer.read()
    finally:
        onward.close()
    return answer.status, {"Content-Type": answer.headers.get("Content-Type", "")}, content


def make_certificate(certificate: Path, key: Path, hosts: Iterable[str]) -> None:
    names = ",".join(f"DNS:{host}" for host in hosts)
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"]
    command += ["-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=stand-in"]
    command += ["-addext", f"subjectAltName={names}", "-keyout", str(key), "-out"]
    subprocess.run([*command, str(certificate)], check=True, capture_output=True)


def trust(certificate: Path) -> None:
    """Have yt-dlp believe this certificate and no other; for the start of a downloads worker."""
    import certifi

    certifi.where = lambda: str(certificate)
    # A browser's handshake reads the file in the download, which may read where programs are.
    os.environ["PATH"] += f":{certificate.parent}"
