"""Which yt-dlp the downloads workers have, and how a new one comes to them.

Only a new fork server has a new yt-dlp. Once there is one, the pool is renewed: each worker ends
its job before it leaves.
"""

from worker.clocks import Monotonic
from worker.dispatch.ytdlp_upgrade import UpgradeWatch
from worker.pool import Pool
from worker.pool.watched_process import replace_fork_server


class YtDlpTakeover:
    """Brings a new yt-dlp to the workers.

    Never waits: `step` is called again and again by one thread.
    """

    def __init__(self, downloads: Pool) -> None:
        self._downloads = downloads
        self._watch = UpgradeWatch()
        # The yt-dlp before the last takeover, and the workers that have it.
        self._earlier: tuple[str | None, frozenset[str]] = (None, frozenset())
        self._has_old_fork_server = False
        self.is_new = False
        """A new yt-dlp has taken over, and `acknowledge` was not called since."""

    @property
    def pids(self) -> list[int]:
        """The process in which a new version is being tried, if there is one."""
        return self._watch.pids

    @property
    def trouble(self) -> str | None:
        """Why what is on disk is not what runs; None when it is, or soon will be."""
        return self._watch.trouble

    @property
    def in_use(self) -> str | None:
        """The version that downloads use; None when there is none that works.

        A new one is in use as soon as one worker has it.
        """
        if self.is_broken:
            return None
        version, workers = self._earlier
        working = self._workers("idle", "busy")
        return version if working and working <= workers else self._watch.in_use

    @property
    def is_broken(self) -> bool:
        """Whether no downloads worker is there because none can be started."""
        return self._downloads.trouble is not None and not self._workers("idle", "busy")

    def step(self, now: Monotonic) -> None:
        """Do what is due at monotonic `now`."""
        in_use = self.in_use
        if self._watch.step(now, is_broken=self.is_broken):
            self._earlier = in_use, self._workers("starting", "idle", "busy")
            self._has_old_fork_server = True
        if self._has_old_fork_server and replace_fork_server():
            self._has_old_fork_server = False
            self._downloads.renew()
            self.is_new = True

    def acknowledge(self) -> None:
        """Note that what follows from a new yt-dlp has been done."""
        self.is_new = False

    def close(self) -> None:
        """End the process in which a new version is being tried."""
        self._watch.close()

    def _workers(self, *states: str) -> frozenset[str]:
        workers = self._downloads.workers
        return frozenset(worker.name for worker in workers if worker.state in states)
