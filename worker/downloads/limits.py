"""What every download of this worker must keep to."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DownloadLimits:
    """Limits in bytes and seconds; fixed for a worker's life and sent to it once.

    A video may be as large as `most_parts` files, and is cut if it is larger than one.
    `instance` is the tag by which processes of this bot are recognised. `allowed_networks` are
    CIDR networks that the egress guard lets through although they are not public. `proxy` and
    `cookies_file` are the operator's; the file is only ever copied.
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
    """From SIGTERM to SIGKILL: who cancels sees the session end within a second, heed it or not."""

    @property
    def max_answer_bytes(self) -> int:
        """What all files of one link may have together."""
        return self.max_file_bytes * self.most_parts
