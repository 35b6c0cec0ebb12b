"""HTTP sessions for the bot's own requests, in which no slow server can hold up the caller.

The timeouts of `requests` are for each read: a caller could wait for ever for a server that sends
the head of its answer byte by byte. Here the whole head has the time of one read.
"""

import functools
import http.client
import io
import socket
import time
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import PoolManager
from urllib3.connectionpool import HTTPConnectionPool


def new_session() -> requests.Session:
    """A session that ignores proxies, .netrc and certificates of the environment."""
    session = requests.Session()
    session.trust_env = False
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter())
    return session


class _Stream(io.RawIOBase):
    """What comes from a socket, until the monotonic time `deadline` if there is one."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._timeout_s = sock.gettimeout()
        self.deadline = None if self._timeout_s is None else time.monotonic() + self._timeout_s

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read once. Raises TimeoutError when the time is over."""
        if self.deadline is not None:
            # Zero would make the socket non-blocking.
            self._sock.settimeout(max(0.001, self.deadline - time.monotonic()))
        return self._raw.readinto(buffer)

    def lift_deadline(self) -> None:
        """Give each further read the socket's own timeout."""
        self.deadline = None
        self._sock.settimeout(self._timeout_s)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """An answer whose head, or a proxy's answer to CONNECT, has the time of one read."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self._stream = _Stream(sock)
        self.fp = io.BufferedReader(self._stream)

    def begin(self) -> None:
        super().begin()
        self._stream.lift_deadline()


class _Adapter(HTTPAdapter):
    """Makes connections whose answers are `_Response`s, through a proxy as well."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        _bound(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> PoolManager:
        manager: PoolManager = super().proxy_manager_for(proxy, **proxy_kwargs)
        _bound(manager)
        return manager


def _bound(manager: PoolManager) -> None:
    pools = manager.pool_classes_by_scheme
    manager.pool_classes_by_scheme = {scheme: _bounded(pool) for scheme, pool in pools.items()}


@functools.cache
def _bounded(pool: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
    """A connection pool of the given kind whose answers are bounded."""
    if getattr(pool.ConnectionCls, "response_class", None) is _Response:
        return pool
    connection = type(
        pool.ConnectionCls.__name__, (pool.ConnectionCls,), {"response_class": _Response}
    )
    return type(pool.__name__, (pool,), {"ConnectionCls": connection})
