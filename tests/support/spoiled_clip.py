"""The sandbox's clip with some bytes of its index changed."""

import struct

from hypothesis import strategies as st

from tests.sandbox.clips import SAMPLE
from worker.downloads.media.mp4 import tracks

CLIP = SAMPLE.read_bytes()
MOOV, FREE = (CLIP.index(kind) - 4 for kind in (b"moov", b"free\0"))


def inner_bytes() -> list[int]:
    """The places in the clip's index that are no long table."""
    places: list[int] = []

    def walk(at: int, end: int) -> None:
        while at < end:
            size, kind = struct.unpack_from(">I4s", CLIP, at)
            if kind in tracks._INSIDE and kind not in {b"stsd", b"meta"}:
                places.extend(range(at, at + 8))
                walk(at + 8, at + size)
            else:
                is_long = kind in {b"stsz", b"stco", b"stsc", b"ctts", b"stss"}
                places.extend(range(at, at + (24 if is_long else size)))
            at += size

    walk(MOOV, FREE)
    return places


changes = st.lists(
    st.tuples(st.sampled_from(inner_bytes()), st.integers(0, 255)), min_size=1, max_size=4
)


def changed(places: list[tuple[int, int]]) -> bytes:
    data = bytearray(CLIP)
    for at, byte in places:
        data[at] = byte
    return bytes(data)
