"""The judge's work: control connections of downloads, and the connections of each.

A downloads worker holds a control connection for each download. It begins with one line of JSON:
the secret, and the proxy of the download's site if that has its own. With it comes a listening
socket if the download is to connect to one of its own. The answer is a line with the port at which
the judge listens. A later line names the first address that was refused. When the worker says no
more, all that belongs to the download ends, and the last line is how many bytes have passed.
"""

import contextlib
import json
import os
import secrets
import socket
import struct
from collections.abc import Callable
from dataclasses import replace

from worker.downloads.judge.connection import HANDSHAKE_TIMEOUT_S, Connection, JudgeServices
from worker.downloads.judge.listening import Listener
from worker.downloads.judge.loop import READ, GuardedLoop, Loop
from worker.downloads.judge.rules import MAX_ABANDONED, MAX_CONNECTIONS, Judgement, Rules
from worker.downloads.judge.threads import Threads
from worker.downloads.judge.upstream import Upstream

MAX_SILENT = 64
"""How many connections to one port may not have sent the secret yet. One more closes the oldest, so
those that never send anything hold up nobody."""

BEAT_S = 0.25

_LINE_LIMIT_BYTES = 4096
_BACKLOG = 128
_CREDENTIALS = struct.Struct("3i")


class Server:
    """Everything that the judge does, in one thread beside those for what blocks."""

    def __init__(self, control: socket.socket, rules: Rules, beat: Callable[[], None]) -> None:
        """Listen at `control`, and call `beat` all the time."""
        self._loop = Loop()
        upstream = Upstream(rules.proxy) if rules.proxy else None
        self._services = JudgeServices(self._loop, Threads(self._loop), Judgement(rules), upstream)
        self._beat = beat
        # A control connection that cannot be taken is closed when nothing holds it any more.
        Listener(GuardedLoop(self._loop, lambda: None), control, self._admit)
        self._show_life()

    def run(self) -> None:
        """Serve for ever."""
        while True:
            self._loop.step()

    def _show_life(self) -> None:
        self._beat()
        self._loop.call_later(BEAT_S, self._show_life)

    def _admit(self, control: socket.socket) -> None:
        if _user_of(control) == os.geteuid():
            ControlConnection(self._services, control)
        else:
            control.close()


class ControlConnection:
    """One download's control connection, with all that it owns and that ends with it."""

    def __init__(self, services: JudgeServices, control: socket.socket) -> None:
        self._services = services
        self._loop = GuardedLoop(services.loop, self.close)
        self._control = control
        self._line = b""
        self._secret = ""
        self._handed: socket.socket | None = None
        self._listener: Listener | None = None
        self._silent: dict[Connection, None] = {}
        self._connections: dict[Connection, None] = {}
        self._calls = 0
        self._has_told_refusal = False
        self._has_ended = False
        self._passed_bytes = 0
        self._timeout = self._loop.call_later(HANDSHAKE_TIMEOUT_S, self.close)
        self._loop.watch(control, READ, self._hear)

    def close(self) -> None:
        """End all its connections."""
        if self._has_ended:
            return
        self._has_ended = True
        self._services.abandoned.count += self._calls
        self._timeout.cancel()
        self._loop.watch(self._control, 0)
        self._control.close()
        if self._listener:
            self._listener.close()
        elif self._handed:
            self._handed.close()
        for connection in [*self._silent, *self._connections]:
            connection.close()

    # --------------------------------------------------------------------- what the worker says

    def _hear(self, _events: int) -> None:
        try:
            data, descriptors, _, _ = socket.recv_fds(self._control, _LINE_LIMIT_BYTES, 1)
        except BlockingIOError:
            return
        except OSError:
            data, descriptors = b"", []
        if descriptors:
            self._handed = socket.socket(fileno=descriptors[0])
        self._line += data
        if not data:
            self._end()
        elif self._secret or len(self._line) > _LINE_LIMIT_BYTES:
            self.close()  # it says more than it has to say
        elif self._line.endswith(b"\n"):
            self._begin()

    def _begin(self) -> None:
        try:
            said = json.loads(self._line)
            self._secret = str(said["secret"])
            if proxy := said.get("proxy"):
                self._services = replace(self._services, upstream=Upstream(proxy))
            made = self._handed or socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)
            self._listener = Listener(self._loop, made, self._take)
            self._tell({"port": made.getsockname()[1]})
        except (ValueError, KeyError, TypeError, AttributeError, OSError):
            self.close()
        else:
            self._timeout.cancel()

    def _end(self) -> None:
        with contextlib.suppress(OSError):  # it is gone
            self._tell({"passed": self._passed_bytes})
        self.close()

    def _tell(self, message: dict[str, object]) -> None:
        # It is short enough to fit; a worker that does not read is not waited for.
        self._control.send(json.dumps(message).encode() + b"\n")

    # ----------------------------------------------------------------- what its connections say

    def _take(self, client: socket.socket) -> None:
        if len(self._silent) >= MAX_SILENT:
            next(iter(self._silent)).close()
        made = Connection(self._services, self, client, self._secret)
        self._silent[made] = None

    def admit(self, connection: Connection) -> None:
        """Count a connection that knows the secret."""
        del self._silent[connection]
        if len(self._connections) >= MAX_CONNECTIONS:
            min(self._connections, key=lambda each: each.active_at).close()
        self._connections[connection] = None

    def begin_call(self) -> bool:
        """Count something that blocks, which goes on when its connection has ended.

        False if there is too much of that already.
        """
        is_usual = self._services.abandoned.count < MAX_ABANDONED
        if self._calls >= (MAX_CONNECTIONS if is_usual else 1):
            return False
        self._calls += 1
        return True

    def end_call(self) -> None:
        """Note that something that blocks has ended."""
        self._calls -= 1
        if self._has_ended:
            self._services.abandoned.count -= 1

    def note_refused(self, what: str) -> None:
        """Tell the worker that an address was refused, once.

        A download may have any number refused, for which the worker's socket would have no room.
        """
        if self._has_told_refusal:
            return
        self._has_told_refusal = True
        with contextlib.suppress(OSError):
            self._tell({"refused": what})

    def count_passed(self, count: int) -> None:
        """Count bytes that have passed."""
        self._passed_bytes += count

    def forget(self, connection: Connection) -> None:
        """Forget a connection."""
        self._silent.pop(connection, None)
        self._connections.pop(connection, None)


def _user_of(peer: socket.socket) -> int:
    """The user of the process at the other end, as the kernel knows it (unix(7))."""
    packed = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(packed)[1])


def open_control() -> tuple[socket.socket, str]:
    """A listening socket for control connections, and its address, which nobody can guess.

    It has no file, which something could remove, and is closed to other users.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    address = f"\0fetchbot-judge-{secrets.token_hex(16)}"
    listener.bind(address)
    listener.listen(_BACKLOG)
    return listener, address
