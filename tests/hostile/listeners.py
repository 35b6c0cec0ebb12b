"""Listeners of every kind, which keep account of who reached them."""

from __future__ import annotations

import os
import secrets
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

HOST = "127.0.0.2"

_PATIENCE_S = 0.1
_BACKLOG = 64


class Listeners:
    """A stand-in for all that a machine and its network listen with. Use it in a `with`."""

    def __init__(self, directory: Path) -> None:
        self._stack = ExitStack()
        abstract = f"fetchbot-test-{secrets.token_hex(4)}"
        udp = self._bound(socket.AF_INET, socket.SOCK_DGRAM, (HOST, 0))
        # At one port, so that a rule which knows only ports is not taken for one that knows more.
        tcp = self._bound(socket.AF_INET, socket.SOCK_STREAM, (HOST, 0))
        names = {
            "stream": (socket.SOCK_STREAM, os.fspath(directory / "stream")),
            "datagrams": (socket.SOCK_DGRAM, os.fspath(directory / "datagrams")),
            "abstract": (socket.SOCK_STREAM, "\0" + abstract),
            "abstract datagrams": (socket.SOCK_DGRAM, f"\0{abstract}-datagrams"),
        }
        unix = [self._bound(socket.AF_UNIX, kind, name) for kind, name in names.values()]
        self._all = [tcp, udp, *unix]
        self.targets: dict[str, Any] = {
            "host": HOST,
            "tcp": tcp.getsockname()[1],
            "udp": udp.getsockname()[1],
            "pid": os.getpid(),
            "directory": os.fspath(directory),
            **{key: name.removeprefix("\0") for key, (_, name) in names.items()},
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def arrived(self) -> set[str]:
        """Whoever came in since the last time, by the word it said."""
        words: set[str] = set()
        for listener in self._all:
            try:
                while True:
                    words.add(_word(listener))
            except TimeoutError:
                continue
        return words

    def _bound(self, family: int, kind: int, address: Any) -> socket.socket:
        made = self._stack.enter_context(socket.socket(family, kind))
        made.settimeout(_PATIENCE_S)
        made.bind(address)
        if kind == socket.SOCK_STREAM:
            made.listen(_BACKLOG)
        return made


def _word(listener: socket.socket) -> str:
    if listener.type == socket.SOCK_DGRAM:
        return listener.recv(100).decode()
    accepted, _ = listener.accept()
    with accepted:
        accepted.settimeout(_PATIENCE_S)
        return accepted.recv(100).decode()
