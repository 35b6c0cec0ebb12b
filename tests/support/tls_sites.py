"""Stand-ins for sites on loopback: a proxy that answers for their hosts itself, by TLS.

Its certificate is made for the hosts that are asked of it, and `trust` makes a downloads worker
believe it. So the real extractors ask with the real addresses, and reach nobody.
"""

from __future__ import annotations

import json
import re
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit


class TlsSites:
    """Serves `answers`, by patterns of host and path; anything else is not found.

    `requests` are the addresses that were asked for.
    """

    def __init__(self, directory: Path, hosts: Iterable[str]) -> None:
        self.answers: dict[str, Answer] = {}
        self.requests: list[str] = []
        self.certificate = directory / "certificate.pem"
        make_certificate(self.certificate, directory / "key.pem", hosts)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, directory / "key.pem")
        sites = self

        class _Handler(_Visitor):
            standing_in = sites
            tls = context

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.proxy = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, address: str) -> tuple[int, str, bytes]:
        """Status, type and body for a request to host and path."""
        self.requests.append(address)
        for pattern, given in self.answers.items():
            if re.match(pattern, address):
                return given(address)
        return 404, "text/plain", b""


Answer = Callable[[str], tuple[int, str, bytes]]


def file(data: bytes, kind: str) -> Answer:
    return lambda _: (200, kind, data)


def page(text: str) -> Answer:
    return file(text.encode(), "text/html; charset=utf-8")


def data(value: Any) -> Answer:
    return file(json.dumps(value).encode(), "application/json")


def status(code: int) -> Answer:
    return lambda _: (code, "text/plain", b"")


def redirect(target: str) -> Answer:
    return lambda _: (302, "text/html", target.encode())


class _Visitor(BaseHTTPRequestHandler):
    """One connection: a tunnel is asked for, and ends in TLS right here."""

    protocol_version = "HTTP/1.1"
    standing_in: TlsSites
    tls: ssl.SSLContext

    def log_message(self, *args: object) -> None:
        """Say nothing: the requests are recorded."""

    def do_CONNECT(self) -> None:
        """Open the tunnel."""
        self.send_response(200)
        self.end_headers()
        try:
            self.connection = self.tls.wrap_socket(self.connection, server_side=True)
        except OSError:
            self.close_connection = True
            return
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)
        self.close_connection = False

    def do_GET(self) -> None:
        """Answer from inside the tunnel, or for a plain address."""
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        parts = urlsplit(self.path)
        path = parts._replace(scheme="", netloc="").geturl()
        code, kind, body = self.standing_in.answer(f"{self.headers['Host']}{path}")
        self.send_response(code)
        if code == 302:
            self.send_header("Location", body.decode())
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_POST = do_HEAD = do_GET  # noqa: N815 - http.server's names


def make_certificate(certificate: Path, key: Path, hosts: Iterable[str]) -> None:
    names = ",".join(f"DNS:{host}" for host in hosts)
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"]
    command += ["-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=stand-in"]
    command += ["-addext", f"subjectAltName={names}", "-keyout", str(key), "-out"]
    subprocess.run([*command, str(certificate)], check=True, capture_output=True, timeout=30)


def trust(certificate: Path) -> None:
    """Have yt-dlp believe this certificate and no other; for the start of a downloads worker."""
    import certifi

    certifi.where = lambda: str(certificate)
