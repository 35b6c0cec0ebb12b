"""Which files lack their end, as far as their own headers tell."""

import struct
from pathlib import Path

import pytest

from worker.downloads.media.cut_off import is_cut_off


def box(kind: bytes, size: int = 16) -> bytes:
    return struct.pack(">I4s", size, kind).ljust(size, b"\0")


def matroska(length: bytes) -> bytes:
    """A file with a segment of 300 bytes that says this of its length."""
    return b"\x1a\x45\xdf\xa3\x84webm\x18\x53\x80\x67" + length + bytes(300)


def riff(length: int, kind: bytes = b"WAVE") -> bytes:
    """A file of 312 bytes that says so of its length."""
    return b"RIFF" + struct.pack("<I", length) + kind + bytes(300)


FRAGMENTED = b"".join(map(box, (b"ftyp", b"moov", b"moof", b"mdat", b"moof", b"mdat")))
THUMBNAIL = b"\xff\xe1\x00\x08\xff\xd8\xff\xd9\0\0"
JPEG = b"\xff\xd8" + THUMBNAIL + b"\xff\xda\x00\x04\0\0" + bytes(40) + b"\xff\xd9"


@pytest.mark.parametrize(
    "data",
    [
        matroska(b"\x41\x2c"),
        matroska(b"\x01\x00\x00\x00\x00\x00\x01\x2c"),
        riff(304),
        riff(304, b"AVI "),
        FRAGMENTED,
        JPEG,
        JPEG + b"\xff\xd8 another picture",
    ],
    ids=["webm", "long webm", "wav", "avi", "fragments", "jpeg", "jpeg and more"],
)
def test_what_ends_before_its_end_is_cut_off(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    assert not is_cut_off(path)
    path.write_bytes(data[: len(data) * 2 // 3 - 3])
    assert is_cut_off(path)


@pytest.mark.parametrize(
    "data",
    [
        matroska(b"\xff"),
        matroska(b"\x01\xff\xff\xff\xff\xff\xff\xff"),
        matroska(b"")[:13],
        b"\x1a\x45\xdf\xa3",
        riff(0),
        riff(0xFFFF_FFFF),
        riff(0x7FFF_FFFF),
        riff(100) + b"more",
        FRAGMENTED + box(b"what", 99)[:9],
        b"\x47" * 900,
        b"",
        b"GIF89a",
    ],
)
def test_what_says_nothing_of_its_end_is_whole(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    assert not is_cut_off(path)
