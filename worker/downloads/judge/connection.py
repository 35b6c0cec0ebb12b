"""One connection of a download: its beginning, its judgement, its dialing, its relay."""

import functools
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from worker.downloads.judge.dialing import Dial
from worker.downloads.judge.handshake import Handshake, handshake_for
from worker.downloads.judge.http_proxy import as_the_last
from worker.downloads.judge.loop import READ, GuardedLoop, Waits
from worker.downloads.judge.names import FAILED, ResolvedName, literal, look_up
from worker.downloads.judge.relay import Relay, abort
from worker.downloads.judge.rules import Judgement
from worker.downloads.judge.socks import Rejected, SocksReply, Target
from worker.downloads.judge.threads import Threads
from worker.downloads.judge.tls import Stream
from worker.downloads.judge.upstream import UPSTREAM_HEAD_LIMIT_BYTES, Upstream

HANDSHAKE_TIMEOUT_S = 10.0

_RECEIVED_BYTES = 4096
_TLS = b"\x16"
_NOT_CONNECTED: Stream | SocksReply = SocksReply.FAILED

T = TypeVar("T")


class Owner(Protocol):
    """The download that a connection belongs to, as the connection sees it."""

    def admit(self, connection: "Connection") -> None:
        """Count a connection that knows the secret."""

    def begin_call(self) -> bool:
        """Count something that blocks; False if there is too much of that already."""

    def end_call(self) -> None:
        """Note that something that blocks has ended."""

    def note_refused(self, what: str) -> None:
        """Note that an address was refused."""

    def count_passed(self, count: int) -> None:
        """Count bytes that have passed, in either direction."""

    def forget(self, connection: "Connection") -> None:
        """Forget a connection."""


@dataclass
class AbandonedCalls:
    """How many calls that block are left of downloads that have ended. Nothing can end them."""

    count: int = 0


@dataclass(frozen=True)
class JudgeServices:
    """What all connections share."""

    loop: Waits
    threads: Threads
    judgement: Judgement
    upstream: Upstream | None
    abandoned: AbandonedCalls = field(default_factory=AbandonedCalls)


class Connection:
    """One connection of a client, from its first byte on; it ends by itself or by `close`."""

    def __init__(
        self, services: JudgeServices, owner: Owner, client: socket.socket, secret: str
    ) -> None:
        self._services = services
        self._loop = GuardedLoop(services.loop, self.close)
        self._owner = owner
        self._client = client
        self._secret = secret
        self._handshake: Handshake | None = None
        self._early = b""
        """What the client has sent for the site."""
        self._dial: Dial | None = None
        self._relay: Relay | None = None
        self._is_answered = False
        self._is_last_request = False
        self._is_closed = False
        self.active_at = time.monotonic()
        self._timeout = self._loop.call_later(HANDSHAKE_TIMEOUT_S, self.close)
        self._loop.watch(client, READ, self._hear)

    def close(self) -> None:
        """End it, whatever it is about to do, so that the client sees it fail."""
        self._end(abort)

    def _end(self, close: Callable[[socket.socket], None]) -> None:
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
            close(self._client)
        self._owner.forget(self)

    # ---------------------------------------------------------------------- before the relay

    def _hear(self, _events: int) -> None:
        data = self._receive()
        if data is None:
            return
        handshake = self._handshake = self._handshake or handshake_for(data, self._secret)
        try:
            answer = handshake.feed(data)
        except Rejected as rejected:
            if self._answer(rejected.answer):
                self._end(socket.socket.close)
            return
        if self._answer(answer) and handshake.target:
            self._early = handshake.rest
            self._is_last_request = handshake.is_one_request
            self._stop_hearing()
            self._owner.admit(self)
            self._begin(handshake.target)

    def _stop_hearing(self) -> None:
        """Read nothing more until the site is reached, however long that takes.

        If the client goes away, that shows when it is answered.
        """
        self._timeout.cancel()
        self._loop.watch(self._client, 0)

    def _receive(self) -> bytes | None:
        """What the client sends; None if that is nothing, or it is gone."""
        try:
            data = self._client.recv(_RECEIVED_BYTES)
        except BlockingIOError:
            return None
        except OSError:
            data = b""
        if not data:
            self.close()
        return data or None

    def _answer(self, answer: bytes) -> bool:
        """Send a few bytes, for which a socket always has room. False when the client is gone."""
        try:
            self._client.sendall(answer)
        except OSError:
            self.close()
            return False
        return True

    def _say(self, reply: SocksReply) -> bool:
        """Send a reply in the protocol in which the client has begun."""
        return self._answer(self._handshake.answer(reply) if self._handshake else b"")

    def _fail(self, reply: SocksReply) -> None:
        if self._is_answered:
            self.close()
        elif self._say(reply):
            self._end(socket.socket.close)

    def _refuse(self, host: str, port: int) -> None:
        self._owner.note_refused(f"{host[:60]} port {port}")
        self._fail(SocksReply.NOT_ALLOWED)

    def _call(self, call: Callable[[], T], on_end: Callable[[T], None], otherwise: T) -> None:
        """Have a call made that blocks. What it returns is dropped if this has ended meanwhile."""

        def end(result: T) -> None:
            self._owner.end_call()
            if not self._is_closed:
                on_end(result)
            elif not isinstance(result, ResolvedName | SocksReply):
                result.close()  # type: ignore[attr-defined]

        if self._owner.begin_call():
            self._services.threads.run(call, self._loop.guarded(end), otherwise)
        else:
            self._fail(SocksReply.FAILED)

    def _begin(self, target: Target) -> None:
        if target.is_for_plugin:
            self._begin_for_plugin(target)
            return
        upstream, judgement = self._services.upstream, self._services.judgement
        if upstream and upstream.takes_names:
            if not judgement.allows_name(target.host, target.port):
                self._refuse(target.host, target.port)
            elif upstream.is_http:
                self._ask_what_for(upstream, target)
            else:
                self._connect(upstream, target)
        elif found := literal(target.host):
            self._judge(target, found)
        else:
            call = functools.partial(look_up, target.host)
            self._call(call, functools.partial(self._judge, target), FAILED)

    def _begin_for_plugin(self, target: Target) -> None:
        """Connect to what is listed for plugins, by no proxy.

        What is refused is not told: the link is not to blame for it.
        """
        if not self._services.judgement.is_endpoint(target.host, target.port):
            self._fail(SocksReply.NOT_ALLOWED)
        elif found := literal(target.host):
            self._dial_any(target, found)
        else:
            call = functools.partial(look_up, target.host)
            self._call(call, functools.partial(self._dial_any, target), FAILED)

    def _dial_any(self, target: Target, found: ResolvedName) -> None:
        if found.addresses:
            self._dial = Dial(self._loop, found.addresses, target.port, self._connected)
        else:
            self._fail(found.failure)

    def _judge(self, target: Target, found: ResolvedName) -> None:
        if not found.addresses:
            self._fail(found.failure)
            return
        allowed = self._services.judgement.allowed(found.addresses, target.port)
        if not allowed:
            self._refuse(found.addresses[0], target.port)
        elif self._services.upstream:
            self._connect(self._services.upstream, Target(allowed[0], target.port))
        else:
            self._dial = Dial(self._loop, allowed, target.port, self._connected)

    def _connect(self, upstream: Upstream, target: Target) -> None:
        self._call(lambda: upstream.connect(target), self._connected, _NOT_CONNECTED)

    def _connected(self, result: Stream | SocksReply) -> None:
        self._dial = None
        if isinstance(result, SocksReply):
            self._fail(result)
            return
        if not self._is_answered and not self._say(SocksReply.DONE):
            result.close()
            return
        for made in (self._client, result):
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._timeout.cancel()
        self.active_at = time.monotonic()
        is_one_request = self._handshake is not None and self._handshake.is_one_request
        self._relay = Relay(
            *(self._loop, self._client, result, self._early, self._passed, self.close),
            is_one_request=is_one_request,
            rewrite_answer=as_the_last if self._is_last_request else None,
        )
        self._rest_at_most(self._services.judgement.rules.idle_timeout_s)

    # ------------------------------------------------------------------- by an HTTP proxy

    def _ask_what_for(self, upstream: Upstream, target: Target) -> None:
        """Read what the client sends to the site: a plain request goes to the proxy."""
        if self._say(SocksReply.DONE):
            self._is_answered = True
            self._timeout = self._loop.call_later(HANDSHAKE_TIMEOUT_S, self.close)
            self._loop.watch(self._client, READ, lambda _: self._hear_request(upstream, target))
            self._look_at_request(upstream, target)

    def _hear_request(self, upstream: Upstream, target: Target) -> None:
        data = self._receive()
        if data is not None:
            self._early += data
            self._look_at_request(upstream, target)

    def _look_at_request(self, upstream: Upstream, target: Target) -> None:
        head, end, body = self._early.partition(b"\r\n\r\n")
        if self._early.startswith(_TLS):
            self._stop_hearing()
            self._connect(upstream, target)
        elif len(head) > UPSTREAM_HEAD_LIMIT_BYTES:
            self.close()
        elif end:
            self._stop_hearing()
            try:
                self._early = upstream.rewritten(head, target) + body
            except ValueError:
                self.close()
            else:
                self._is_last_request = True
                self._call(upstream.open_for_requests, self._connected, _NOT_CONNECTED)

    # -------------------------------------------------------------------------- in the relay

    def _passed(self, count: int) -> None:
        self.active_at = time.monotonic()
        self._owner.count_passed(count)

    def _rest_at_most(self, idle_timeout_s: float) -> None:
        left_s = self.active_at + idle_timeout_s - time.monotonic()
        if left_s <= 0:
            self.close()
        else:
            self._timeout = self._loop.call_later(
                left_s, lambda: self._rest_at_most(idle_timeout_s)
            )
