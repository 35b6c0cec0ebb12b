"""Limit how large a file a download process may write, by RLIMIT_FSIZE."""

import resource

HEADROOM_BYTES = 1024 * 1024
"""Room for a container's index and padding, which yt-dlp does not count."""


def allow_file(size_bytes: int) -> None:
    """Let this process write files of up to this size, within what one answer may have."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (min(size_bytes + HEADROOM_BYTES, hard), hard))
