"""The downloads worker's end of a control connection, which lets one download out."""

import errno
import json
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Self

from worker.downloads.confinement.network import Namespace, Network
from worker.downloads.judge import socks
from worker.errors import SHORTAGES, Fault, JobError, JudgeLost, Reason

ANSWER_TIMEOUT_S = 5.0
"""How long a new judge is waited for while it takes over from one that has ended."""

END_TIMEOUT_S = 1.0
"""How long to wait for the judge to say how many bytes have passed."""

_LINE_LIMIT_BYTES = 4096

# A table of the kernel's is full, or the child that makes the namespace was killed: it passes.
_PASSES = SHORTAGES | {errno.ENOSPC, errno.EUSERS, errno.ENOBUFS, errno.ECHILD}


# At most one, which no download has seen.
_ahead: list[Namespace] = []


class JudgeClient:
    """Has the judge let one download into the network, for as long as it is open.

    with JudgeClient(address) as client:
        client.proxy  # "socks5h://download:…@127.0.0.1:40001"
    """

    def __init__(
        self, address: str, listener: socket.socket | None = None, proxy: str | None = None
    ) -> None:
        """Open it at the judge's address. Raises JudgeLost.

        With a `listener` the judge takes the download's connections there, and at no port. With a
        `proxy` it connects through that one, and not through the operator's for all sites.
        """
        self._secret = secrets.token_urlsafe(24)
        self._control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._data = b""
        # What was refused first; a download may have as much refused as it likes.
        self._refused: str | None = None
        self._passed_bytes: int | None = None
        try:
            self._control.settimeout(ANSWER_TIMEOUT_S)
            self._control.connect(address)
            line = json.dumps({"secret": self._secret, "proxy": proxy}).encode() + b"\n"
            socket.send_fds(self._control, [line], [listener.fileno()] if listener else [])
            while b"\n" not in self._data:
                self._receive()
            (answer,) = self._lines()
            self._port = int(answer["port"])
            self._control.setblocking(False)
        except OSError as error:
            self.close()
            raise JudgeLost(f"no answer of the judge: {error}") from error
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def proxy(self) -> str:
        """The URL of the proxy for the download, such as socks5h://download:SECRET@127.0.0.1:PORT."""
        return f"socks5h://{socks.DOWNLOAD}:{self._secret}@127.0.0.1:{self._port}"

    def fileno(self) -> int:
        """A descriptor that is readable when `look` has something to do."""
        return self._control.fileno()

    def look(self) -> None:
        """Read what the judge says. Raises JudgeLost when it has ended."""
        with suppress(BlockingIOError):
            while True:
                self._hear()

    def explained(self, error: JobError) -> JobError:
        """The error of a failed download, or what the judge did to cause it."""
        lost = None
        try:
            if self._passed_bytes is None:
                self.look()
        except JudgeLost as gone:
            lost = gone
        if self._refused:
            detail = f"refused {self._refused} ({error.detail})"
            return JobError(Reason.REFUSED_ADDRESS, Fault.PERMANENT, detail)
        return lost or error

    def finish(self) -> int | None:
        """End all connections. Returns the bytes passed in both directions, if the judge says."""
        with suppress(OSError, JudgeLost):
            self._control.settimeout(END_TIMEOUT_S)
            self._control.shutdown(socket.SHUT_WR)
            while self._passed_bytes is None:
                self._hear()
        self._control.setblocking(False)
        return self._passed_bytes

    def close(self) -> None:
        """End all connections of the download."""
        self._control.close()

    def _receive(self) -> None:
        try:
            data = self._control.recv(_LINE_LIMIT_BYTES)
        except (ConnectionError, TimeoutError) as error:
            raise JudgeLost(f"the judge is gone: {error}") from error
        if not data:
            raise JudgeLost("the judge is gone")
        self._data += data

    def _hear(self) -> None:
        self._receive()
        for line in self._lines():
            self._refused = self._refused or line.get("refused")
            self._passed_bytes = line.get("passed", self._passed_bytes)

    def _lines(self) -> list[dict[str, Any]]:
        *lines, self._data = self._data.split(b"\n")
        return [json.loads(line) for line in lines]


@contextmanager
def open_client(
    address: str, network: Network, proxy: str | None = None
) -> Iterator[tuple[JudgeClient, Namespace | None]]:
    """Open a client for a download, and the namespace of the download if it has one.

    Raises JudgeLost, and another JobError if no namespace can be made.
    """
    if network is not Network.NAMESPACE:
        with JudgeClient(address, proxy=proxy) as client:
            yield client, None
        return
    with _namespace() as namespace, JudgeClient(address, namespace.listener, proxy) as client:
        # It is the judge's alone from now on: if that ends, a connection is refused at once.
        namespace.listener.close()
        yield client, namespace


def make_ahead() -> None:
    """Make the namespace of the next download, while this process has little else to do.

    That takes a fork of all of it, for which a small download would wait a twentieth of its time.
    Where it fails, the next client tries again and says why.
    """
    if not _ahead:
        with suppress(OSError):
            _ahead.append(Namespace())


def _namespace() -> Namespace:
    if _ahead:
        return _ahead.pop()
    try:
        return Namespace()
    except OSError as error:
        if error.errno in _PASSES:
            raise JobError(Reason.CRASHED, Fault.RETRYABLE, str(error)) from error
        # It was allowed when the bot started.
        raise JobError(Reason.INTERNAL, Fault.OPERATOR, str(error)) from error
