"""An HTTP proxy that connects for others, by CONNECT or for a request in the clear."""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
import threading
from types import TracebackType
from typing import Self

from tests.sandbox.patience import PATIENCE_S

USER, PASSWORD = "operator", "a password of 1+1 = 2"
_CREDENTIALS = base64.b64encode(f"{USER}:{PASSWORD}".encode())


class TunnelProxy:
    """`heads` are the heads of requests that came. Names are resolved as `hosts` says.

    With `tls` it is an https proxy. Without `may_connect` it refuses CONNECT, as many do for all
    ports but one.
    """

    def __init__(
        self, hosts: dict[str, str], tls: ssl.SSLContext | None = None, *, may_connect: bool = True
    ) -> None:
        self.heads: list[bytes] = []
        self._hosts = hosts
        self._tls = tls
        self._may_connect = may_connect
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def _answer(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            client.settimeout(PATIENCE_S)
            made = self._tls.wrap_socket(client, server_side=True) if self._tls else client
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += made.recv(1)
            self.heads.append(head)
            self._go_on(made, head)

    def _go_on(self, client: socket.socket, head: bytes) -> None:
        method, place, _ = head.split(b" ", 2)
        if _CREDENTIALS not in head:
            client.sendall(b"HTTP/1.1 407 Login\r\nContent-Length: 0\r\n\r\n")
        elif method != b"CONNECT":
            body = b"for " + place
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        elif not self._may_connect:
            client.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")
        else:
            host, _, port = place.decode().rpartition(":")
            with socket.create_connection((self._hosts[host], int(port)), PATIENCE_S) as site:
                client.sendall(b"HTTP/1.1 200 Connected\r\nServer: a proxy\r\n\r\n")
                site.sendall(client.recv(65536))
                client.sendall(site.recv(65536))
