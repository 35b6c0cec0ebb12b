"""Who connects through a judge, a site to be connected to, and the names that lead there."""

from __future__ import annotations

import functools
import socket
import threading
from typing import Any

from yt_dlp.networking._helper import (
    create_connection,
    create_socks_proxy_socket,
    make_socks_proxy_opts,
)
from yt_dlp.socks import Socks5Error

from tests.sandbox.patience import PATIENCE_S
from tests.support.judges import allow_everything
from worker.downloads.judge.client import JudgeClient
from worker.downloads.judge.socks import SocksReply


class Site:
    """A server on loopback that keeps what it accepts, and says nothing by itself."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self._server = socket.create_server((host, port), backlog=256)
        self._server.settimeout(PATIENCE_S)
        self.host, self.port = host, int(self._server.getsockname()[1])

    def accept(self) -> socket.socket:
        made, _ = self._server.accept()
        made.settimeout(PATIENCE_S)
        return made

    @property
    def was_reached(self) -> bool:
        self._server.settimeout(0)
        try:
            self._server.accept()
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        self._server.close()


def connect(way: JudgeClient, host: str, port: int, **changes: Any) -> socket.socket:
    """A connection as yt-dlp's handlers make it; `changes` of what the way out says."""
    options: Any = make_socks_proxy_opts(way.proxy) | changes
    make: Any = functools.partial(create_socks_proxy_socket, (host, port), options)
    address = options["addr"], options["port"]
    made: socket.socket = create_connection(address, PATIENCE_S, _create_socket_func=make)
    return made


def reply_to(way: JudgeClient, host: str, port: int, **changes: Any) -> int:
    """How the judge answers to who wants to connect there."""
    try:
        connect(way, host, port, **changes).close()
    except Socks5Error as error:
        return int(error.args[0])
    return SocksReply.DONE


def raw(way: JudgeClient) -> socket.socket:
    """A connection that has said nothing yet."""
    port = make_socks_proxy_opts(way.proxy)["port"]
    return socket.create_connection(("127.0.0.1", port), PATIENCE_S)


def port_of(way: JudgeClient) -> int:
    return int(make_socks_proxy_opts(way.proxy)["port"])


def begin(client: socket.socket, way: JudgeClient, name: bytes, port: int = 80) -> None:
    """Say the secret and a name behind its length, and wait for nothing."""
    secret = make_socks_proxy_opts(way.proxy)["password"].encode()
    client.sendall(b"\x05\x01\x02\x01\x00" + bytes((len(secret),)) + secret)
    while len(client.recv(4)) < 2:
        pass
    client.sendall(b"\x05\x01\x00\x03" + name + port.to_bytes(2, "big"))


def with_names() -> None:
    """Put a resolver of the tests into a judge. For `prepare`."""
    real = socket.getaddrinfo
    asked: list[object] = []

    def getaddrinfo(host: Any, *args: Any, **options: Any) -> Any:
        match host:
            case "site.example":
                host = "127.0.0.1"
            case "inside.example":
                host = "127.0.0.2"
            case "both.example":
                return real("127.0.0.2", *args, **options) + real("127.0.0.1", *args, **options)
            case "deaf.example":
                return real("127.0.0.3", *args, **options) + real("127.0.0.1", *args, **options)
            case "changes.example":
                asked.append(host)
                host = "127.0.0.1" if len(asked) == 1 else "127.0.0.2"
            case "slow.example":
                threading.Event().wait()  # for good
            case "troubled.example":
                raise socket.gaierror(socket.EAI_AGAIN, "later")
            case "fault.example":
                raise RuntimeError("a fault of the judge's, in a thread")
            case "garbage.example":  # and one in its loop
                return [(0, 0, 0, "", ("garbage", 0))]
            case "missing.example":
                raise socket.gaierror(socket.EAI_NONAME, "never")
        return real(host, *args, **options)

    vars(socket)["getaddrinfo"] = getaddrinfo


def judging_nothing() -> None:
    """Let a judge judge nothing, and have that resolver. For `prepare`."""
    allow_everything()
    with_names()
