"""What systemd is told, if it asks: sd_notify(3), without a library."""

import contextlib
import os
import socket
from collections.abc import MutableMapping

from worker.clocks import Monotonic

VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


class Notifier:
    """Sends states to the socket that systemd has named; says nothing where there is none."""

    def __init__(self, address: str = "", watchdog_s: float | None = None) -> None:
        """`watchdog_s` is the silence after which systemd restarts the bot; None if it does not."""
        self._address = address
        self._watchdog_s = watchdog_s
        self._due_at = Monotonic(0.0)

    @classmethod
    def take(cls, environ: MutableMapping[str, str]) -> "Notifier":
        """Read what systemd has left in the environment, and remove it: it is not for children."""
        address, usec, pid = (environ.pop(name, "") for name in VARIABLES)
        is_ours = pid in ("", str(os.getpid()))
        watchdog_s = int(usec) / 1e6 if is_ours and usec.isdecimal() and int(usec) else None
        return cls(address, watchdog_s)

    def say(self, *states: str) -> None:
        """Send states such as `READY=1`. One that cannot be sent is lost."""
        if not self._address:
            return
        # An abstract socket is written with an @.
        address = f"\0{self._address[1:]}" if self._address[0] == "@" else self._address
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender,
        ):
            sender.settimeout(1.0)
            sender.connect(address)
            sender.send("\n".join(states).encode())

    def notify_watchdog(self, now: Monotonic) -> None:
        """Say at monotonic `now` that the bot is alive, twice as often as systemd demands."""
        if self._watchdog_s is not None and now >= self._due_at:
            self._due_at = Monotonic(now + self._watchdog_s / 2)
            self.say("WATCHDOG=1")
