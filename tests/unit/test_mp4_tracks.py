"""The tracks of an MP4, read from its index: of one clip, spoiled in every way."""

from __future__ import annotations

import struct
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.spoiled_clip import CLIP, FREE, MOOV, changed, changes
from worker.downloads.media.mp4 import h264, tracks

# ---------------------------------------------------------------------------------- by hand


MDAT = CLIP.index(b"mdat") - 4


def box(kind: bytes, content: bytes = b"") -> bytes:
    return (len(content) + 8).to_bytes(4, "big") + kind + content


def is_ordinary(data: bytes, directory: Path) -> bool:
    path = directory / "media.mp4"
    path.write_bytes(data)
    return tracks.read(path) is not None


def put(at: int, *new: int) -> Callable[[bytes], bytes]:
    """Lay these bytes over a file."""
    return lambda data: data[:at] + bytes(new) + data[at + len(new) :]


def turn(old: bytes, new: bytes, number: int = 0) -> Callable[[bytes], bytes]:
    """Exchange the first or a later occurrence in the index."""

    def exchange(data: bytes) -> bytes:
        at = MOOV
        for _ in range(number + 1):
            at = data.index(old, at + 1)
        return data[:at] + new + data[at + len(old) :]

    return exchange


def test_the_clip_is_ordinary_with_whatever_stands_behind_it(tmp_path: Path) -> None:
    large = (1).to_bytes(4, "big") + b"free" + (1000).to_bytes(8, "big") + bytes(984)
    assert is_ordinary(CLIP, tmp_path)
    assert is_ordinary(CLIP + box(b"free", bytes(100)), tmp_path)
    assert is_ordinary(CLIP + large, tmp_path)


def test_an_index_of_64_bits_is_read(tmp_path: Path) -> None:
    index = CLIP[MOOV + 8 : FREE]
    large = (1).to_bytes(4, "big") + b"moov" + (len(index) + 16).to_bytes(8, "big") + index
    # As long as the index and the padding behind it were before.
    data = CLIP[:MOOV] + large + CLIP[MDAT:]
    assert len(data) == len(CLIP)
    assert is_ordinary(data, tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: data[:MOOV] + data[MDAT:],
        lambda data: data[:FREE] + data[MOOV:],
        lambda data: data + b"\0",
        lambda data: data + box(b"moof"),
        lambda data: data + box(b"uuid"),
        lambda data: data + 64 * box(b"free"),
        put(MDAT, 0, 0, 0, 0),
        put(MOOV, 0, 0, 0, 8),
        put(MOOV, 0, 0, 0, 0),
        turn(b"mvhd\0", b"mvhd\2"),
        turn(struct.pack(">II", 1000, 3000), bytes(8)),
        turn(struct.pack(">II", 1000, 3000), struct.pack(">II", 1000, 0)),
        turn(struct.pack(">II", 1000, 3000), struct.pack(">II", 1, 0xFFFFFFFF)),
        turn(b"tkhd\0", b"tkhd\1"),
        turn(b"mdhd", b"free"),
        turn(b"mdhd", b"hdlr"),
        turn(b"vide", b"text"),
        turn(b"vide", b"soun"),
        turn(b"soun", b"vide"),
        turn(b"url \0\0\0\1", b"url \0\0\0\0"),
        turn(b"avc1", b"avc3"),
        turn(b"mp4a", b"enca"),
        turn(b"avcC\1", b"avcC\2"),
        turn(b"pasp\0\0\0\1", b"pasp\0\0\0\2"),
        turn(b"pasp\0\0\0\1\0\0\0\1", b"pasp" + bytes(8)),
        turn(struct.pack(">HH", 320, 240), struct.pack(">HH", 322, 240)),
        turn(struct.pack(">HH", 320, 240), bytes(4)),
        turn(b"stsd\0\0\0\0\0\0\0\1", b"stsd\0\0\0\0\0\0\0\2"),
        turn(b"stts\0\0\0\0\0\0\0\1", b"stts\0\0\0\0\0\0\0\2"),
        turn(b"stts\0\0\0\0\0\0\0\1", b"stts\0\0\0\0\xff\xff\xff\xff"),
        turn(struct.pack(">II", 75, 512), struct.pack(">II", 75, 0)),
        turn(struct.pack(">II", 75, 512), struct.pack(">II", 0, 512)),
        turn(struct.pack(">II", 75, 512), struct.pack(">II", 75, 0xFFFFFFF0)),
        turn(b"esds\0\0\0\0\3", b"esds\0\0\0\0\4"),
        turn(b"mdir", b"vide"),
        turn(b"meta\0\0\0\0", b"metahdlr"),
        turn(b"ilst", b"trak"),
    ],
)
def test_a_clip_that_was_meddled_with_is_left_to_ffprobe(
    tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    assert not is_ordinary(change(CLIP), tmp_path)


def test_a_clip_that_ends_anywhere_is_left_to_ffprobe(tmp_path: Path) -> None:
    assert not any(is_ordinary(CLIP[:end], tmp_path) for end in range(0, len(CLIP), 301))


# ------------------------------------------------------------------------------ pictures

RECORD = CLIP[CLIP.index(b"avcC") + 4 : CLIP.index(b"pasp") - 4]


@pytest.mark.parametrize("end", range(8, len(RECORD)))
def test_a_record_that_ends_too_soon_says_nothing_else(end: int) -> None:
    with suppress(h264.Unusual, struct.error):
        assert h264.pictures(RECORD[:end]) == h264.pictures(RECORD)


@given(st.binary(max_size=80))
def test_any_record_is_refused_or_has_sides(rest: bytes) -> None:
    record = RECORD[:6] + len(rest).to_bytes(2, "big") + rest
    try:
        found = h264.pictures(record)
    except (h264.Unusual, struct.error):
        return
    assert found.pixel_format in {"yuv420p", "yuvj420p"}


# --------------------------------------------------------------------------- hostile files


sizes = st.one_of(st.integers(0, 200), st.sampled_from([0xFFFFFFFF, 1 << 31]))
kinds = st.sampled_from([b"moov", *tracks._INSIDE, *sorted(set().union(*tracks._INSIDE.values()))])
lies = st.recursive(
    st.binary(max_size=40),
    lambda inner: st.lists(st.tuples(kinds, inner, st.none() | sizes), max_size=4).map(
        lambda boxes: b"".join(
            (len(content) + 8 if size is None else size).to_bytes(4, "big") + kind + content
            for kind, content, size in boxes
        )
    ),
    max_leaves=30,
)


@settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.one_of(changes.map(changed), lies.map(lambda index: CLIP[:MOOV] + box(b"moov", index))))
def test_no_file_makes_it_fail(tmp_path: Path, data: bytes) -> None:
    is_ordinary(data, tmp_path)


@contextmanager
def traced() -> Iterator[Callable[[], int]]:
    """The most memory that was in use at a time, in bytes."""
    tracemalloc.start()
    try:
        yield lambda: tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [tracks.LARGEST_INDEX_BYTES + 1, 1 << 31, (1 << 32) - 16])
def test_an_index_without_measure_is_not_read(tmp_path: Path, size: int) -> None:
    path = tmp_path / "media.mp4"
    with open(path, "wb") as file:
        file.write(CLIP[:MOOV] + (size + 8).to_bytes(4, "big") + b"moov")
        file.truncate(MOOV + 8 + size)  # takes no room on the disk
    with traced() as peak:
        assert tracks.read(path) is None
        assert peak() < 1 << 20


@pytest.mark.parametrize("where", ["movie", "edits", "tags"])
def test_an_index_of_countless_boxes_is_given_up(tmp_path: Path, where: str) -> None:
    index = CLIP[MOOV + 8 : CLIP.index(b"trak") - 4]
    index += {
        "movie": lambda: box(b"trak") * 500_000,
        "edits": lambda: box(b"trak", box(b"edts", box(b"elst") * 500_000)),
        "tags": lambda: box(b"udta", box(b"meta", bytes(4) + box(b"hdlr") * 500_000)),
    }[where]()
    path = tmp_path / "media.mp4"
    path.write_bytes(CLIP[:MOOV] + box(b"moov", index))
    with traced() as peak:
        assert tracks.read(path) is None
        assert peak() < 2 * tracks.LARGEST_INDEX_BYTES
