"""What the media site serves that is too large to be kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_CHUNK = 64 * 1024


@dataclass(frozen=True)
class Blob:
    """A clip, padded with a `free` box to `size` bytes: still a valid MP4, never in memory."""

    head: bytes
    size: int

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes from `start` up to `end`, in chunks."""
        while start < end:
            stop = min(start + _CHUNK, end)
            known = self.head[start:stop]
            yield known + bytes(stop - start - len(known))
            start = stop


def padded(clip: bytes, size: int) -> Blob:
    """The clip grown to `size` bytes."""
    free = size - len(clip)
    if free < 16:
        return Blob(clip, len(clip))
    # A size of 1 announces a 64-bit size behind the type.
    return Blob(clip + b"\0\0\0\1free" + free.to_bytes(8, "big"), size)
