"""Look up names without holding up anybody: getaddrinfo(3) blocks, so each has a thread."""

import os
import queue
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass

from worker.downloads.judge.loop import READ, Loop
from worker.downloads.judge.socks import Reply

_STACK_BYTES = 512 * 1024

_UNKNOWN = (socket.EAI_NONAME, socket.EAI_NODATA)


@dataclass(frozen=True)
class Found:
    """The addresses of a name, or why there are none."""

    addresses: tuple[str, ...] = ()
    failure: Reply = Reply.DONE


OnFound = Callable[[Found], None]


class Resolver:
    """Looks names up. What was found is told in the loop's own thread."""

    def __init__(self, loop: Loop) -> None:
        threading.stack_size(_STACK_BYTES)
        self._found: queue.SimpleQueue[tuple[OnFound, Found]] = queue.SimpleQueue()
        self._wakeup = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        loop.watch(self._wakeup, READ, self._tell)

    def ask(self, host: str, on_found: OnFound) -> None:
        """Look up a name, or read an address in any notation, and tell `on_found` once."""
        thread = threading.Thread(target=self._look_up, args=(host, on_found), daemon=True)
        try:
            thread.start()
        except RuntimeError:  # no room for another thread
            self._put(on_found, Found(failure=Reply.FAILED))

    def _look_up(self, host: str, on_found: OnFound) -> None:
        self._put(on_found, look_up(host))

    def _put(self, on_found: OnFound, found: Found) -> None:
        self._found.put((on_found, found))
        os.eventfd_write(self._wakeup, 1)

    def _tell(self, _events: int) -> None:
        os.eventfd_read(self._wakeup)
        while not self._found.empty():
            on_found, found = self._found.get()
            on_found(found)


def look_up(host: str) -> Found:
    """The addresses of a host, by the machine's resolver."""
    try:
        answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        unknown = error.errno in _UNKNOWN
        return Found(failure=Reply.NO_SUCH_HOST if unknown else Reply.FAILED)
    except (UnicodeError, ValueError):  # no name at all: too long, or with a NUL
        return Found(failure=Reply.NO_SUCH_HOST)
    except OSError:
        return Found(failure=Reply.FAILED)
    return Found(tuple(dict.fromkeys(str(address[0]) for *_, address in answers)))
