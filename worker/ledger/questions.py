"""Questions to the ledger. Each method only reads."""

from collections.abc import Collection

from worker.clocks import Wall
from worker.ledger.jobs import begun, job_lookups, queue_position
from worker.ledger.jobs.jobs import DownloadJob
from worker.ledger.jobs.queue_position import QueuePosition
from worker.ledger.lists import batch_lookups
from worker.ledger.records import Request
from worker.ledger.requests import request_lookups
from worker.ledger.storage.database import Database
from worker.ledger.upkeep import pause, stops


class Questions:
    """The part of a `Ledger` that only reads, in a file of its own as `Completions` is."""

    _db: Database

    def has_open_batches(self) -> bool:
        with self._db.reading():
            return batch_lookups.has_open(self._db)

    def has_to_forget(self) -> bool:
        """Whether `Ledger.forget_some` has something to do."""
        with self._db.reading():
            return bool(request_lookups.to_empty(self._db, 1))

    def is_paused(self) -> bool:
        """Whether the operator lets no download begin."""
        with self._db.reading():
            return pause.since(self._db) is not None

    def stops(self) -> list[int]:
        with self._db.reading():
            return stops.job_ids(self._db)

    def watchers(self, download_id: int) -> list[Request]:
        """The requests that wait for a download and have a status message to show progress in."""
        with self._db.reading():
            waiting = request_lookups.undecided(self._db, download_id)
        return [request for request in waiting if request.status_message_id is not None]

    def waiting_downloads(self) -> list[DownloadJob]:
        """All downloads that wait, due or not."""
        with self._db.reading():
            return job_lookups.waiting_downloads(self._db)

    def queue_positions(
        self, wall: Wall, waited_s: float, full_sites: Collection[str] = ()
    ) -> list[QueuePosition]:
        with self._db.reading():
            return queue_position.read(self._db, wall, waited_s, full_sites)

    def begun_downloads(self, since: Wall) -> list[tuple[str, Wall]]:
        with self._db.reading():
            return begun.downloads(self._db, since)

    def request(self, request_id: int) -> Request | None:
        """A request as it is now; None when there is none of this id."""
        with self._db.reading():
            return request_lookups.find(self._db, request_id)

    def live_directories(self) -> set[str]:
        """The names of the download directories that are needed, see `download_directory`."""
        with self._db.reading():
            return job_lookups.live_directories(self._db)
