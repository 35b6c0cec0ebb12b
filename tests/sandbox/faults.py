"""Faults that make the stand-in fail as the real server sometimes does."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from .bodies import Upload

FaultKind = Literal[
    "too_many_requests",  # 429 with retry_after, no effect
    "bad_gateway",  # 502 with the proxy's HTML page, no effect
    "server_error",  # 500 in JSON, no effect
    "cut_before",  # the connection is reset before the body is read, no effect
    "cut_after",  # the effect takes place, the connection is reset instead of an answer
    "slow",  # the effect takes place, the answer comes `seconds` later
    "malformed_json",  # the effect takes place, the answer is half a JSON object
]


@dataclass
class Call:
    """A call that was made: `status` is None until it is answered, and 0 when it was cut."""

    method: str
    params: dict[str, Any]
    time: datetime
    uploads: dict[str, Upload] = field(default_factory=dict)
    status: int | None = None
    description: str = ""
    fault: FaultKind | None = None
    number: int = 0


@dataclass
class Fault:
    """A fault of the next `times` calls (None: all) of `method` (None: any).

    With `chat_id` only calls about that chat are meant; "cut_before" is too early to know it.
    """

    method: str | None
    kind: FaultKind
    times: int | None = 1
    retry_after: int = 1
    seconds: float = 1.0
    chat_id: int | None = None
    hits: int = 0

    def fits(self, method: str, chat_id: str | None) -> bool:
        """Whether it applies to a call of `method` about this chat and is not used up."""
        if (self.chat_id is not None or chat_id is not None) and str(self.chat_id) != chat_id:
            return False
        return (self.times is None or self.hits < self.times) and (
            self.method is None or self.method.lower() == method.lower()
        )


class Faults:
    """The active faults in the order in which they were added; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        """Add a fault."""
        with self._lock:
            self._faults.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """Remove a fault, used up or not."""
        with self._lock:
            self._faults = [other for other in self._faults if other is not fault]

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._faults.clear()

    def take(self, method: str, chat_id: str | None = None) -> Fault | None:
        """The first fault for a call about this chat, or about any (None), counted as one hit."""
        with self._lock:
            for fault in self._faults:
                if fault.fits(method, chat_id):
                    fault.hits += 1
                    return fault
        return None
