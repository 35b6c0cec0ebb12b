"""A TLS connection to a proxy, as a relay uses sockets."""

import socket
import ssl


class TlsSocket:
    """An `ssl.SSLSocket` that raises BlockingIOError when it waits for the network, as sockets do.

    A record is 16 KB at most (RFC 8446, 5.1), so a read with more room leaves none of it behind,
    where poll(2) would not see it.
    """

    def __init__(self, made: ssl.SSLSocket) -> None:
        self._made = made

    def fileno(self) -> int:
        return self._made.fileno()

    def setblocking(self, flag: bool) -> None:
        self._made.setblocking(flag)

    def setsockopt(self, level: int, name: int, value: int | bytes) -> None:
        self._made.setsockopt(level, name, value)

    def recv(self, count: int) -> bytes:
        return self._made.recv(count)

    def recv_into(self, room: memoryview) -> int:
        try:
            return self._made.recv_into(room)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError from None

    def sendall(self, data: bytes) -> None:
        self._made.sendall(data)

    def send(self, data: bytes | memoryview) -> int:
        try:
            return self._made.send(data)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError from None

    def shutdown(self, _how: int) -> None:
        """End the connection: TLS has no half-closed ones, and the client wants no more."""
        raise ConnectionError

    def close(self) -> None:
        self._made.close()


Stream = socket.socket | TlsSocket
