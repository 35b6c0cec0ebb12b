"""Accept the clients that connect to a socket."""

import socket
from collections.abc import Callable

from worker.downloads.judge.loop import READ, Timer, Waits

_PAUSE_S = 0.1


class Listener:
    """A listening socket, which it owns. What it accepts does not block."""

    def __init__(
        self, loop: Waits, made: socket.socket, on_client: Callable[[socket.socket], None]
    ) -> None:
        self._loop = loop
        self._made = made
        self._on_client = on_client
        self._pause: Timer | None = None
        made.setblocking(False)
        self._watch()

    def close(self) -> None:
        """Accept nobody any more."""
        if self._pause:
            self._pause.cancel()
        self._loop.watch(self._made, 0)
        self._made.close()

    def _watch(self) -> None:
        self._loop.watch(self._made, READ, self._accept)

    def _accept(self, _events: int) -> None:
        try:
            client, _ = self._made.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError:
            # There is no descriptor left; the client stays in line until there is one.
            self._loop.watch(self._made, 0)
            self._pause = self._loop.call_later(_PAUSE_S, self._watch)
            return
        client.setblocking(False)
        self._on_client(client)
