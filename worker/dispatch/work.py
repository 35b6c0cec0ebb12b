"""What workers do now, as operators see it."""

from dataclasses import dataclass

from worker.clocks import Monotonic
from worker.protocol import Progress


@dataclass(frozen=True)
class Work:
    """A job that a worker has since monotonic `since`, with how far it is if it tells."""

    job_id: int
    kind: str
    site: str
    attempt: int
    since: Monotonic
    progress: Progress | None
