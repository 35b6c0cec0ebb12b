"""The limits and settings that every download of a worker shares."""

from dataclasses import dataclass, replace

from worker.settings import SLOWEST_DOWNLOAD_BPS


@dataclass(frozen=True)
class DownloadLimits:
    """Limits in bytes and seconds, sent to a worker once and fixed for its life.

    A video larger than `max_file_bytes` is cut into at most `max_parts` files. `timeout_s` is
    what any download may take, and each `slowest_bps` bytes explain one second more, up to
    `job_timeout_s` for everything (see `worker.downloads.allowance`). `instance` is the
    tag in the environment by which this bot's processes are recognised. `allowed_networks` are
    CIDR networks that a link may name although they are not public. `judge` is the address of the
    judge, where each download gets the `proxy` that it uses: without one it reaches nothing.
    `cookies_file` is for those downloads that fail without: each gets a copy of its site's.
    """

    instance: str
    max_file_bytes: int
    max_parts: int = 1
    timeout_s: float = 60.0
    idle_timeout_s: float = 60.0
    job_timeout_s: float = 600.0
    slowest_bps: int = SLOWEST_DOWNLOAD_BPS
    memory_bytes: int = 512 * 1024 * 1024
    allowed_networks: tuple[str, ...] = ()
    judge: str | None = None
    proxy: str | None = None
    cookies_file: str | None = None
    term_grace_s: float = 0.5
    """From SIGTERM to SIGKILL; short, so that whoever cancels sees it end within a second."""

    @property
    def max_answer_bytes(self) -> int:
        """The largest total size of the files of one link."""
        return self.max_file_bytes * self.max_parts

    def within(self, max_bytes: int | None) -> "DownloadLimits":
        """The same limits for an answer of at most `max_bytes`; None leaves them as they are."""
        if max_bytes is None:
            return self
        return replace(
            self,
            max_file_bytes=min(self.max_file_bytes, max_bytes),
            max_parts=max(1, min(self.max_parts, max_bytes // self.max_file_bytes)),
        )
