"""One connection of a download: its beginning, its judgement, its dialing, its relay."""

import socket
import time
from typing import Protocol

from worker.downloads.judge.dialing import Dial
from worker.downloads.judge.loop import READ, Loop
from worker.downloads.judge.relay import Relay, abort
from worker.downloads.judge.resolver import Found, Resolver
from worker.downloads.judge.rules import Judgement
from worker.downloads.judge.socks import Handshake, Rejected, Reply, Target

HANDSHAKE_TIMEOUT_S = 10.0

_RECEIVED_BYTES = 512


class Owner(Protocol):
    """The download that a connection belongs to."""

    def admit(self, connection: "Connection") -> bool:
        """Count a connection that knows the secret; False if it looks up too much already."""

    def refused(self, what: str) -> None:
        """Hear that an address was refused."""

    def looked_up(self) -> None:
        """Hear that a lookup has ended."""

    def closed(self, connection: "Connection") -> None:
        """Forget a connection."""


class Connection:
    """Begins with the client's first byte and ends by itself, or by `close`."""

    def __init__(
        self,
        loop: Loop,
        resolver: Resolver,
        judgement: Judgement,
        owner: Owner,
        client: socket.socket,
        secret: str,
    ) -> None:
        self._loop = loop
        self._resolver = resolver
        self._judgement = judgement
        self._owner = owner
        self._client = client
        self._handshake = Handshake(secret)
        self._dial: Dial | None = None
        self._relay: Relay | None = None
        self._is_closed = False
        self.active_at = time.monotonic()
        self._timeout = loop.call_later(HANDSHAKE_TIMEOUT_S, self.close)
        loop.watch(client, READ, self._hear)

    def close(self, *, is_answered: bool = False) -> None:
        """End it, whatever it is about to do.

        The client sees it fail, unless it has been answered: an abort would overtake that.
        """
        if self._is_closed:
            return
        self._is_closed = True
        self._timeout.cancel()
        if self._dial:
            self._dial.cancel()
        if self._relay:
            self._relay.close()
        else:
            self._loop.watch(self._client, 0)
            if is_answered:
                self._client.close()
            else:
                abort(self._client)
        self._owner.closed(self)

    # ---------------------------------------------------------------------- before the relay

    def _hear(self, _events: int) -> None:
        try:
            data = self._client.recv(_RECEIVED_BYTES)
            if not data:
                self.close()
                return
            answer = self._handshake.feed(data)
        except BlockingIOError:
            return
        except Rejected as rejected:
            self._answer(rejected.answer)
            self.close(is_answered=True)
            return
        except OSError:
            self.close()
            return
        if self._answer(answer) and self._handshake.target:
            self._begin(self._handshake.target)

    def _answer(self, answer: bytes) -> bool:
        """Send a few bytes, for which a socket always has room. False when the client is gone."""
        try:
            self._client.sendall(answer)
        except OSError:
            self.close()
            return False
        return True

    def _fail(self, reply: Reply) -> None:
        if self._answer(reply.packed()):
            self.close(is_answered=True)

    def _begin(self, target: Target) -> None:
        self._timeout.cancel()
        # Until there is an answer the client has nothing to say; if it goes, the relay notices.
        self._loop.watch(self._client, 0)
        if not self._owner.admit(self):
            self._fail(Reply.FAILED)
            return
        self._resolver.ask(target.host, lambda found: self._judge(target, found))

    def _judge(self, target: Target, found: Found) -> None:
        self._owner.looked_up()
        if self._is_closed:
            return
        if not found.addresses:
            self._fail(found.failure)
            return
        allowed = self._judgement.allowed(found.addresses, target.port)
        if not allowed:
            self._owner.refused(f"{found.addresses[0]} port {target.port}")
            self._fail(Reply.NOT_ALLOWED)
            return
        self._dial = Dial(self._loop, allowed, target.port, self._dialed)

    def _dialed(self, result: socket.socket | Reply) -> None:
        self._dial = None
        if isinstance(result, Reply):
            self._fail(result)
            return
        if not self._answer(Reply.DONE.packed()):
            result.close()
            return
        for made in (self._client, result):
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.active_at = time.monotonic()
        self._relay = Relay(
            self._loop, self._client, result, self._handshake.rest, self._passed, self.close
        )
        self._rest_at_most(self._judgement.rules.idle_timeout_s)

    # -------------------------------------------------------------------------- in the relay

    def _passed(self) -> None:
        self.active_at = time.monotonic()

    def _rest_at_most(self, idle_timeout_s: float) -> None:
        left_s = self.active_at + idle_timeout_s - time.monotonic()
        if left_s <= 0:
            self.close()
        else:
            self._timeout = self._loop.call_later(
                left_s, lambda: self._rest_at_most(idle_timeout_s)
            )
