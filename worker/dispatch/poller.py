"""The long poll: updates from Telegram into the ledger, and only then confirmed."""

import logging
import threading
from collections.abc import Callable
from typing import Any

from worker import clocks
from worker.clocks import Monotonic
from worker.dispatch.reachability import Reachability
from worker.errors import (
    JobError,
    TelegramBusy,
    TelegramConflict,
    TelegramError,
    TelegramUnauthorized,
)
from worker.ledger import Ledger, LedgerBusy
from worker.telegram import fields
from worker.telegram.api_access import ApiAccess
from worker.telegram.handlers import ALLOWED_UPDATES
from worker.telegram.long_poll import LongPoll

log = logging.getLogger(__name__)

POLL_S = 25
"""How long Telegram holds a poll open when there is nothing new."""

MAX_NESTING = 100
"""How many levels an update may have. Telegram's have about ten, and one with some hundreds can
neither be written as JSON nor sent to a worker."""

_MAX_UPDATE_ID = 2**62

CONFLICT_PAUSE_S = 5.0
MAX_PAUSE_S = 30.0
MAX_BUSY_S = 3600.0
TOKEN_TRIES = 3
TOKEN_PAUSE_S = 3.0

PROVEN_S = 600.0
"""A token that has worked this long must be refused for minutes before the bot gives it up: a
server between the bot and Telegram may be wrong for a while."""

PROVEN_TOKEN_TRIES = 21
PROVEN_TOKEN_PAUSE_S = 15.0
RUBBISH_PAUSE_S = 5.0


def pause_after(failures: int) -> float:
    """How long to wait, in seconds, when as many polls in a row have failed before this one."""
    # The exponent has a bound, since a float has: a network may be dead for days.
    return min(MAX_PAUSE_S, 2.0 ** min(failures, 10))


class Poller:
    """Polls until stopped. What arrives after `stop` is not recorded, so it is not confirmed."""

    def __init__(
        self,
        connection: ApiAccess,
        open_ledger: Callable[[], Ledger],
        wake: Callable[[], None],
        reachability: Reachability,
    ) -> None:
        """`wake` is called when new updates are in the ledger; `reachability` learns of polls."""
        self._connection = connection
        self._open_ledger = open_ledger
        self._wake = wake
        self._reachability = reachability
        self._stopped = threading.Event()
        self._ledger: Ledger | None = None
        self._recording = threading.Lock()
        self.token_refused = threading.Event()
        self.polled_at: Monotonic | None = None
        """When Telegram answered a poll last, in monotonic time."""
        self._first_polled_at: Monotonic | None = None

    def stop(self) -> None:
        """Record nothing more, and close the ledger; whoever closes it last leaves one file.

        A poll that is under way may still wait for the network.
        """
        self._stopped.set()
        with self._recording:
            if self._ledger:
                self._ledger.close()

    def run(self) -> None:
        """Poll until stopped; the body of the thread."""
        telegram = LongPoll(self._connection)
        if self._stopped.is_set():
            return
        # That may take long, and whoever stops the poll must not wait for it.
        ledger = self._open_ledger()
        with self._recording:
            if self._stopped.is_set():
                ledger.close()
                return
            self._ledger = ledger
            offset = ledger.offset()
        failures = 0
        while not self._stopped.is_set():
            try:
                if self._reachability.token_doubted.is_set() and not self._check_token(telegram):
                    self.token_refused.set()
                    return
                updates = telegram.get_updates(offset, POLL_S, ALLOWED_UPDATES)
            except TelegramConflict:
                log.error(
                    "Another program or a webhook takes this bot's updates (409); "
                    "end it, for only one can have them."
                )
                self._stopped.wait(CONFLICT_PAUSE_S)
            except TelegramBusy as busy:
                self._stopped.wait(min(busy.retry_after_s, MAX_BUSY_S))
            except (TelegramError, JobError) as error:
                if isinstance(error, TelegramUnauthorized):
                    self._reachability.token_doubted.set()
                if failures:
                    self._reachability.note_silence()  # a single failure is a hiccup
                pause_s = pause_after(failures)
                failures += 1
                log.warning("Telegram cannot be polled, next try in %.0f s: %s", pause_s, error)
                self._stopped.wait(pause_s)
            else:
                failures = 0
                self.polled_at = clocks.monotonic()
                if self._first_polled_at is None:
                    self._first_polled_at = self.polled_at
                self._reachability.note_answer(self.polled_at)
                offset = self._record(ledger, updates, offset)

    def _check_token(self, telegram: LongPoll) -> bool:
        """Ask Telegram a few times whether it knows the token. False if it never does.

        One refused call proves nothing. Raises what else comes of the question.
        """
        tries, pause_s = TOKEN_TRIES, TOKEN_PAUSE_S
        if self._is_proven():
            tries, pause_s = PROVEN_TOKEN_TRIES, PROVEN_TOKEN_PAUSE_S
            log.warning(
                "A call was refused (401), but BOT_TOKEN has worked; it is tried for %.0f s.",
                (tries - 1) * pause_s,
            )
        for tries_left in reversed(range(tries)):
            try:
                telegram.get_me()
            except TelegramUnauthorized:
                if self._stopped.wait(pause_s if tries_left else 0):
                    break
            else:
                log.warning("A call was refused (401), but BOT_TOKEN is valid; it is made again.")
                self._reachability.token_doubted.clear()
                return True
        return False

    def _is_proven(self) -> bool:
        """Whether the token has worked in this run for so long that it cannot be a wrong one."""
        if self._first_polled_at is None or self.polled_at is None:
            return False
        return self.polled_at - self._first_polled_at >= PROVEN_S

    def _record(self, ledger: Ledger, updates: list[dict[str, Any]], offset: int) -> int:
        """Put updates on disk, however long that takes. Returns the offset to poll from."""
        usable = [kept for update in updates if (kept := _usable(update)) is not None]
        if updates and not usable:
            # None of them can be confirmed, so the next poll brings them again at once.
            log.error("Telegram sends updates without a usable id; they cannot be confirmed.")
            self._stopped.wait(RUBBISH_PAUSE_S)
        while usable:
            try:
                with self._recording:
                    if self._stopped.is_set():
                        break
                    ledger.record_updates(usable, clocks.wall_clock())
            except LedgerBusy as error:
                log.error("Updates cannot be written, so they wait at Telegram: %s", error)
                self._stopped.wait(1.0)
            else:
                self._wake()
                # It may be lower than before, see `Ledger.record_updates`.
                return max(int(update["update_id"]) for update in usable) + 1
        return offset


def _usable(update: dict[str, Any]) -> dict[str, Any] | None:
    """An update as it is recorded; None when its id cannot be.

    Only the id is kept of one that is nested too deeply: it then asks for nothing.
    """
    update_id = fields.integer(update, "update_id")
    if update_id is None or not 0 <= update_id < _MAX_UPDATE_ID:
        return None
    return update if fields.is_shallow(update, MAX_NESTING) else {"update_id": update_id}
