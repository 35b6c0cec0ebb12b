"""The limits and settings that every download of a worker shares."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DownloadLimits:
    """Limits in bytes and seconds, sent to a worker once and fixed for its life.

    A video larger than `max_file_bytes` is cut into at most `most_parts` files. `instance` is the
    tag in the environment by which this bot's processes are recognised. `allowed_networks` are
    CIDR networks that a download may reach although they are not public. `cookies_file` is never
    written to: each download gets a copy.
    """

    instance: str
    max_file_bytes: int
    most_parts: int = 1
    timeout_s: float = 60.0
    idle_timeout_s: float = 60.0
    memory_bytes: int = 512 * 1024 * 1024
    allowed_networks: tuple[str, ...] = ()
    proxy: str | None = None
    cookies_file: str | None = None
    term_grace_s: float = 0.5
    """From SIGTERM to SIGKILL; short, so that whoever cancels sees it end within a second."""

    @property
    def max_answer_bytes(self) -> int:
        """The largest total size of the files of one link."""
        return self.max_file_bytes * self.most_parts
