"""The table of a track's samples in an MP4: their times, sizes and places. Pure."""

import itertools
import struct
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from worker.downloads.media.mp4.h264 import Unusual

# A day of sound.
_MAX_SAMPLES = 4_000_000
_MAX_BOXES = 200
# Among this many of the last pictures any may be the last one shown (16 in H.264 and HEVC).
_REORDERED = 32


@dataclass(frozen=True)
class Boxes:
    """The boxes inside of one, each with its kind and content."""

    found: tuple[tuple[bytes, memoryview], ...]

    def all(self, kind: bytes) -> list[memoryview]:
        """The contents of those of a kind."""
        return [content for inner, content in self.found if inner == kind]


def boxes(content: memoryview) -> Boxes:
    """The boxes that fill `content`. Raises Unusual unless they do."""
    found: list[tuple[bytes, memoryview]] = []
    at = 0
    while at + 8 <= len(content):
        size, kind = struct.unpack_from(">I4s", content, at)
        if size < 8 or at + size > len(content) or len(found) == _MAX_BOXES:
            raise Unusual(f"a box {kind!r} of {size} bytes")
        found.append((kind, content[at + 8 : at + size]))
        at += size
    return Boxes(tuple(found))


def only(found: Boxes, kind: bytes) -> memoryview:
    """The content of the only box of a kind. Raises Unusual unless there is one."""
    contents = found.all(kind)
    if len(contents) != 1:
        raise Unusual(f"{len(contents)} boxes {kind!r}")
    return contents[0]


def box(kind: bytes, *contents: bytes | bytearray | memoryview) -> bytes:
    """A box with this content."""
    content = b"".join(contents)
    return struct.pack(">I4s", 8 + len(content), kind) + content


def full_box(kind: bytes, version: int, content: bytes) -> bytes:
    """A box that begins with a version, and no flags."""
    return box(kind, struct.pack(">I", version << 24), content)


@dataclass(frozen=True)
class SampleTable:
    """The samples of a track, in the order in which they are decoded; times in the track's units.

    `decoded` has when each is decoded and, at its end, when all is over. Each is shown `offsets`
    later. `keys` are the numbers of those that can be decoded by themselves; None if all can.
    """

    decoded: "array[int]"
    offsets: "array[int] | None"
    sizes: "array[int]"
    keys: "array[int] | None"
    chunks: "array[int]"
    """Where each chunk of samples lies in the file."""
    chunk_begins: "array[int]"
    """The number of each chunk's first sample."""

    @classmethod
    def read(cls, table: Boxes) -> "SampleTable":
        """Read a `stbl` box. Raises Unusual, struct.error."""
        sizes = _sizes(only(table, b"stsz"))
        count = len(sizes)
        durations = _runs(only(table, b"stts"), ">II", count)
        decoded = array("q", itertools.accumulate(durations, initial=0))
        offsets = None
        if table.all(b"ctts"):
            shift = only(table, b"ctts")
            offsets = array("q", _runs(shift, ">Ii" if shift[0] else ">II", count))
        keys = None
        if table.all(b"stss"):
            keys = array("q", (number - 1 for number in _numbers(only(table, b"stss"), "I", 4)))
            if not keys or not 0 <= keys[0] <= keys[-1] < count:
                raise Unusual("key frames of another film")
        chunks = _chunks(table)
        begins = _chunk_begins(only(table, b"stsc"), len(chunks), count)
        return cls(decoded, offsets, sizes, keys, chunks, begins)

    @property
    def shown_until(self) -> int:
        """When the last one shown is over, which need not be the last in this order."""
        if not self.offsets:
            return self.decoded[-1]
        last = min(_REORDERED, len(self.offsets))
        ends = zip(self.decoded[-last:], self.offsets[-last:], strict=True)
        return max(end + offset for end, offset in ends)

    def decoded_at(self, number: int) -> int:
        """When a sample is decoded; for the number after the last one, when all is over."""
        return self.decoded[number]

    def shown_at(self, number: int) -> int:
        """When a sample is shown."""
        return self.decoded[number] + (self.offsets[number] if self.offsets else 0)

    def key_before(self, time: int) -> int:
        """The last sample that can be decoded by itself and is not shown later than that."""
        if self.keys is None:
            return max(0, bisect_right(self.decoded, time, hi=len(self.sizes)) - 1)
        number = bisect_right(self.keys, time, key=self.shown_at) - 1
        return self.keys[max(0, number)]

    def count_before(self, time: int) -> int:
        """How many samples from the first one on are needed for all that is shown before then."""
        earliest = min(0, min(self.offsets)) if self.offsets else 0
        return bisect_left(self.decoded, time - earliest, hi=len(self.sizes))

    def bytes_of(self, first: int, last: int) -> tuple[int, int]:
        """Where the samples from the first up to the last, which does not count, begin and end."""
        places = [(place, place + size) for _, place, size in self._pieces(first, last)]
        return min(low for low, _ in places), max(high for _, high in places)

    def tables(self, first: int, last: int, moved_by: int) -> Iterator[bytes]:
        """The boxes of a table of some of the samples, whose bytes have moved."""
        times = self.decoded[first : last + 1]
        yield _run_box(b"stts", 0, (after - before for before, after in itertools.pairwise(times)))
        if self.offsets:
            offsets = self.offsets[first:last]
            yield _run_box(b"ctts", 1 if min(offsets) < 0 else 0, offsets)
        if self.keys is not None:
            kept = [number - first + 1 for number in self.keys if first <= number < last]
            yield full_box(b"stss", 0, struct.pack(f">I{len(kept)}I", len(kept), *kept))
        pieces = list(self._pieces(first, last))
        runs = [(number + 1, count, 1) for number, (count, _, _) in enumerate(pieces)]
        yield full_box(
            b"stsc", 0, struct.pack(f">I{3 * len(runs)}I", len(runs), *itertools.chain(*runs))
        )
        sizes = self.sizes[first:last]
        yield full_box(b"stsz", 0, struct.pack(f">II{len(sizes)}I", 0, len(sizes), *sizes))
        places = [place + moved_by for _, place, _ in pieces]
        yield full_box(b"co64", 0, struct.pack(f">I{len(places)}Q", len(places), *places))

    def _pieces(self, first: int, last: int) -> Iterator[tuple[int, int, int]]:
        """What belongs to some samples in each chunk: how many, where, and how many bytes."""
        chunk = bisect_right(self.chunk_begins, first) - 1
        while chunk < len(self.chunks) and self.chunk_begins[chunk] < last:
            begins, ends = self.chunk_begins[chunk], self.chunk_begins[chunk + 1]
            low, high = max(first, begins), min(last, ends)
            place = self.chunks[chunk] + sum(self.sizes[begins:low])
            if high > low:
                yield high - low, place, sum(self.sizes[low:high])
            chunk += 1


def _numbers(content: memoryview, kind: str, at: int) -> "array[int]":
    """A table of numbers with their count before it."""
    (count,) = struct.unpack_from(">I", content, at)
    width = struct.calcsize(f">{kind}")
    if count > _MAX_SAMPLES or len(content) < at + 4 + count * width:
        raise Unusual(f"a table of {count} numbers")
    found = array(kind)
    found.frombytes(content[at + 4 : at + 4 + count * width])
    found.byteswap()
    return found


def _sizes(content: memoryview) -> "array[int]":
    size, count = struct.unpack_from(">II", content, 4)
    if not 0 < count <= _MAX_SAMPLES:
        raise Unusual(f"{count} samples")
    return array("I", [size]) * count if size else _numbers(content, "I", 8)


def _chunks(table: Boxes) -> "array[int]":
    if table.all(b"co64"):
        return _numbers(only(table, b"co64"), "Q", 4)
    return _numbers(only(table, b"stco"), "I", 4)


def _runs(content: memoryview, layout: str, count: int) -> Iterator[int]:
    """The values of a table that stores runs of equal values; there have to be `count`."""
    (length,) = struct.unpack_from(">I", content, 4)
    if length > _MAX_SAMPLES:
        raise Unusual(f"a table of {length} runs")
    runs = list(struct.iter_unpack(layout, content[8 : 8 + 8 * length]))
    if sum(number for number, _ in runs) != count:
        raise Unusual("times of other samples")
    return itertools.chain.from_iterable(itertools.repeat(value, number) for number, value in runs)


def _run_box(kind: bytes, version: int, values: "Iterator[int] | array[int]") -> bytes:
    """The inverse of `_runs`."""
    runs = [(sum(1 for _ in same), value) for value, same in itertools.groupby(values)]
    layout = ">Ii" if version else ">II"
    entries = b"".join(struct.pack(layout, *run) for run in runs)
    return full_box(kind, version, struct.pack(">I", len(runs)) + entries)


def _chunk_begins(content: memoryview, chunks: int, count: int) -> "array[int]":
    """The number of the first sample of each chunk, and after the last one how many there are."""
    (length,) = struct.unpack_from(">I", content, 4)
    runs = list(struct.iter_unpack(">III", content[8 : 8 + 12 * length]))
    if not runs or runs[0][0] != 1 or any(description != 1 for _, _, description in runs):
        raise Unusual("samples described elsewhere")
    ends = [number - 1 for number, _, _ in runs[1:]] + [chunks]
    sizes: list[int] = []
    for (number, samples, _), end in zip(runs, ends, strict=True):
        if end < number - 1 or end > chunks:
            raise Unusual("chunks in another order")
        sizes += [samples] * (end - number + 1)
    if sum(sizes) != count or len(sizes) != chunks:
        raise Unusual("chunks of other samples")
    return array("q", itertools.accumulate(sizes, initial=0))
