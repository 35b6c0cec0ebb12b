"""How large a file a download's process may write; the kernel holds it to that."""

import resource

HEADROOM_BYTES = 1024 * 1024
"""What a container's index and padding add to the length that yt-dlp counts."""


def allow_file(size_bytes: int) -> None:
    """Let this process write files of up to this size, within what one answer may have."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (min(size_bytes + HEADROOM_BYTES, hard), hard))
