"""The queue of updates and the long poll over it (getUpdates)."""

from __future__ import annotations

import random
import threading
import time
from typing import Any

from .errors import ApiError

_CONFLICT = (
    "Conflict: terminated by other getUpdates request; "
    "make sure that only one bot instance is running"
)
_NOT_BY_DEFAULT = ("chat_member", "message_reaction", "message_reaction_count")
_LONGEST_POLL_S = 50


class UpdateQueue:
    """Holds updates until a poll with a higher offset confirms them.

    `changed` is the condition that everything of the stand-in shares.
    """

    def __init__(self, changed: threading.Condition) -> None:
        self._changed = changed
        self._pending: list[dict[str, Any]] = []
        self._allowed: list[str] = []
        self._next_id = random.randrange(100_000_000, 900_000_000)
        self._poll = 0
        self._closed = False

    @property
    def pending(self) -> list[dict[str, Any]]:
        """The updates that are not confirmed yet."""
        with self._changed:
            return list(self._pending)

    @property
    def allowed(self) -> list[str]:
        """The types that the last poll asked for; empty means the default ones."""
        with self._changed:
            return list(self._allowed)

    def push(self, update: dict[str, Any]) -> int | None:
        """Queue an update and return its update_id; None when its type is not allowed."""
        kind = next((name for name in update if name != "update_id"), "")
        with self._changed:
            wanted = kind in self._allowed if self._allowed else kind not in _NOT_BY_DEFAULT
            if not wanted:
                return None
            update_id = int(update.get("update_id", self._next_id))
            self._next_id = max(self._next_id, update_id) + 1
            self._pending.append({**update, "update_id": update_id})
            self._changed.notify_all()
            return update_id

    def drop(self) -> None:
        """Drop all pending updates."""
        with self._changed:
            self._pending.clear()

    def close(self) -> None:
        """End the running poll and refuse later ones."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def poll(
        self, offset: int, limit: int, timeout_s: float, allowed: list[str] | None
    ) -> list[dict[str, Any]]:
        """Confirm the updates below `offset`, then wait for others and return them.

        An older poll that still waits ends with a 409.
        """
        deadline = time.monotonic() + min(max(timeout_s, 0), _LONGEST_POLL_S)
        with self._changed:
            self._poll += 1
            mine = self._poll
            self._changed.notify_all()
            if allowed is not None:
                self._allowed = allowed
            if offset < 0:
                self._pending = self._pending[offset:]
            else:
                self._pending = [u for u in self._pending if u["update_id"] >= offset]
            while not self._pending:
                left = deadline - time.monotonic()
                if left <= 0 or self._closed:
                    return []
                self._changed.wait(left)
                if self._poll != mine:
                    raise ApiError(409, _CONFLICT)
            return self._pending[: limit if 1 <= limit <= 100 else 100]
