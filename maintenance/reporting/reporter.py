"""What the bot says about itself outside of Telegram: HEALTH_URL, HEALTH_LISTEN, and systemd.

Alerts travel through Telegram, which may be the very thing that is broken.
"""

import logging
import os
import threading
from collections.abc import Callable

from maintenance.reporting.condition import Condition
from maintenance.reporting.health_server import HealthServer
from maintenance.reporting.pings import Pings, PingTarget
from maintenance.reporting.sd_notify import Notifier
from worker.clocks import Monotonic
from worker.settings import Settings

log = logging.getLogger(__name__)


def ping_target(settings: Settings) -> PingTarget | None:
    """Where pings go, through the proxy for everything; None if there is no HEALTH_URL."""
    return PingTarget(settings.health_url, settings.proxy) if settings.health_url else None


def report_end(settings: Settings, reason: str) -> None:
    """Report at once to HEALTH_URL that the bot ends, and why."""
    target = ping_target(settings)
    if target and (problem := target.send(is_well=False, text=reason)):
        log.warning("HEALTH_URL does not take pings (%s).", problem)


class Reporter:
    """The threads that say how the bot is, and the notes for systemd."""

    def __init__(
        self,
        settings: Settings,
        find_stuck_thread: Callable[[Monotonic], str | None],
        last_run_problem: str | None,
    ) -> None:
        """`last_run_problem` is what was wrong with the end of the last run, if anything."""
        self.condition = Condition(find_stuck_thread)
        self._systemd = Notifier.take(os.environ)
        target = ping_target(settings)
        self._pings = target and Pings(target, self.condition, last_run_problem)
        address = settings.health_listen
        self._server = address and HealthServer(address, self.condition)

    def start(self) -> None:
        """Start the threads, and tell systemd that the bot is ready, even if Telegram is not."""
        for each in (self._pings, self._server):
            if each:
                name = type(each).__name__
                threading.Thread(target=each.run, name=name, daemon=True).start()
        self._systemd.say("READY=1")

    def beat(self, now: Monotonic) -> None:
        """Tell systemd that the main thread is alive, and has found all others alive, at `now`."""
        self._systemd.notify_watchdog(now)

    def stop(self) -> None:
        """Stop saying that the bot is well. No ping says that it stops."""
        if self._pings:
            self._pings.stop()
        self._systemd.say("STOPPING=1")
