"""Pings of HEALTH_URL: reports that do not travel through Telegram.

The form is that of healthchecks.io: a request to the URL says that all is well, one to `/fail`
below it that something is not, with the reason as its body. Whoever receives them also raises the
alarm when they stop.
"""

import logging
import threading
from dataclasses import dataclass
from urllib.parse import urlsplit

from maintenance.reporting.condition import BotHealth, Condition
from worker import bounded_http, clocks
from worker.clocks import Monotonic
from worker.logs import redact

log = logging.getLogger(__name__)

TICK_S = 1.0

EVERY_S = 60.0
"""How often the bot says how it is; a change is reported at once."""

AGAIN_S = 10.0
"""How soon a ping that did not arrive is repeated."""

TIMEOUT_S = 5.0
"""How long a ping waits for the connection, and then for the whole head of the answer."""

MAX_BODY_BYTES = 10_000


@dataclass(frozen=True)
class PingTarget:
    """Where pings go. `url` is a secret."""

    url: str
    proxy: str | None = None

    def send(self, *, is_well: bool, text: str) -> str | None:
        """Send one ping, without secrets. Returns why it did not arrive, or None."""
        try:
            with (
                bounded_http.new_session() as session,
                session.post(
                    self.url if is_well else below(self.url, "fail"),
                    data=redact(text).encode("utf-8", "replace")[:MAX_BODY_BYTES],
                    headers={"Content-Type": "text/plain; charset=utf-8"},
                    timeout=TIMEOUT_S,
                    proxies={"http": self.proxy, "https": self.proxy} if self.proxy else None,
                    allow_redirects=False,
                    stream=True,  # what the answer says does not matter
                ) as response,
            ):
                status = response.status_code
        except (OSError, ValueError) as error:  # requests' own are OSErrors
            return type(error).__name__
        return None if status < 300 else f"HTTP {status}"


def below(url: str, name: str) -> str:
    """The URL with `name` at the end of its path."""
    parts = urlsplit(url)
    return parts._replace(path=f"{parts.path.rstrip('/')}/{name}").geturl()


class Pings:
    """Says every minute how the bot is. `run` is the thread."""

    def __init__(
        self, target: PingTarget, condition: Condition, last_run_problem: str | None
    ) -> None:
        """`last_run_problem` is how the last run went wrong, if it did; it is reported first."""
        self._target = target
        self._condition = condition
        self._first = (
            BotHealth(is_well=False, reasons=(last_run_problem,)) if last_run_problem else None
        )
        self._said: bool | None = None
        self._due_at = Monotonic(0.0)
        self._is_silent = False
        self._stopped = threading.Event()

    def stop(self) -> None:
        """End the thread after the ping that is on its way."""
        self._stopped.set()

    def run(self) -> None:
        """Say how the bot is, until `stop`."""
        while not self._stopped.wait(TICK_S):
            self.step(clocks.monotonic())

    def step(self, now: Monotonic) -> None:
        """Send at monotonic `now` the ping that is due, if one is."""
        is_due = now >= self._due_at
        if self._is_silent and not is_due:
            return
        verdict = self._first or self._condition.verdict(now)
        if verdict is None or not (is_due or verdict.is_well != self._said):
            return
        problem = self._target.send(is_well=verdict.is_well, text=verdict.text)
        self._note(problem)
        if problem is None:
            self._said, self._first = verdict.is_well, None
        self._due_at = Monotonic(now + (AGAIN_S if problem else EVERY_S))

    def _note(self, problem: str | None) -> None:
        if problem and not self._is_silent:
            log.warning("HEALTH_URL does not take pings (%s); they are repeated.", problem)
        if self._is_silent and not problem:
            log.info("HEALTH_URL takes pings again.")
        self._is_silent = problem is not None
