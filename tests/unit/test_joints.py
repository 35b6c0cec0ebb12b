"""Where a file was put together of parts, and which of them are too many."""

import struct
from pathlib import Path

import pytest

from tests.support.download_limits import limits_with
from worker.downloads.media import joining, joints
from worker.errors import JobError, Reason


def boxes(kinds: str) -> bytes:
    """Boxes of 16 bytes each."""
    return b"".join(struct.pack(">I4s8x", 16, kind.encode()) for kind in kinds.split())


def adts(rate: int, channels: int) -> bytes:
    """An AAC frame of 20 bytes."""
    header = bytes((0xFF, 0xF1, 0x40 | rate << 2, channels << 6, 20 >> 3, (20 & 7) << 5, 0xFC))
    return header.ljust(20, b"\0")


def packet(packet_id: int, payload: bytes) -> bytes:
    """A packet of a transport stream in which something begins."""
    header = bytes((0x47, 0x40 | packet_id >> 8, packet_id & 0xFF, 0x10))
    return (header + payload).ljust(188, b"\xff")


def frame(stream_id: int, second: int, content: bytes) -> bytes:
    """A frame of 188 bytes that is shown at a time."""
    return frame_at(stream_id, second * 90_000, content)


def frame_at(stream_id: int, now: int, content: bytes) -> bytes:
    """A frame of 188 bytes at a time of a clock of 90 kHz with 33 bits."""
    time = (0x21 | now >> 29 & 0x0E, now >> 22 & 0xFF, now >> 14 & 0xFE | 1, now >> 7 & 0xFF)
    header = bytes((0, 0, 1, stream_id, 0, 0, 0x80, 0x80, 5, *time, now << 1 & 0xFE | 1))
    return packet(0x100 | stream_id, header + content)


STEREO, MONO, SLOWER = adts(4, 2), adts(4, 1), adts(7, 2)
TIMED = b"ID3\x04\0\0\0\0\0\x05" + b"tags!"
TABLE = packet(0, b"")
LONG = b"\x47\x40\x21\x30".ljust(188, b"\xff")  # all of it an adaptation field
TAG, SUBTITLES = b"ID3\x04".ljust(20, b"\0"), b"\x20\0\x0f".ljust(20, b"\0")
AC3, AC3_MONO = (b"\x0b\x77\0\0\0\0" + mode + bytes(20) for mode in (b"\x40", b"\x20"))
PICTURE, WRAP = bytes(20), 1 << 33  # when the clock begins again, after 26.5 hours


def wrapping(back: int) -> bytes:
    """Sound and pictures in turn while their clock begins again, `back` ticks too early."""
    shown = (
        frame_at(stream_id, (at + late - back * (at >= 0)) % WRAP, content)
        for at in range(-90_000, 90_000, 9_000)
        for stream_id, late, content in ((0xE0, 18_000, PICTURE), (0xC0, 0, STEREO))
    )
    return TABLE + b"".join(shown)


WEBM = b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm".ljust(40, b"\0")


@pytest.mark.parametrize(
    ("data", "starts"),
    [
        (b"", [0]),
        (b"GIF89a" * 9, [0]),
        (boxes("ftyp moov mdat"), [0]),
        (boxes("ftyp mdat moov"), [0]),
        (boxes("ftyp moov moof mdat styp moof mdat"), [0]),
        (boxes("ftyp moov moof mdat ftyp moov moof mdat"), [0, 64]),
        (boxes("ftyp moov mdat ftyp mdat moov ftyp moov"), [0, 48, 96]),
        (boxes("ftyp moov moof mdat moov moof mdat"), [0, 64]),
        (boxes("ftyp moov moof mdat ftyp moof mdat"), [0]),
        (boxes("ftyp moov") + bytes(16), [0]),
        (STEREO * 3, [0]),
        (STEREO + TIMED + STEREO, [0]),
        (STEREO * 2 + MONO, [0, 40]),
        (TIMED + STEREO + TIMED + SLOWER + STEREO, [0, 50, 70]),
        (WEBM * 2, [0, 40]),
        (WEBM + b"\x1a\x45\xdf\xa3" + bytes(80), [0]),
        (b"\x47" * 188 * 3, [0]),
        (frame(0xC0, 1, STEREO) + TABLE + frame(0xC0, 2, MONO), [0, 188]),
        (frame(0xBD, 1, AC3) + TABLE + frame(0xBD, 2, AC3_MONO), [0, 188]),
        (frame(0xBD, 99, AC3) + TABLE + frame(0xBD, 1, AC3), [0, 188]),
        (wrapping(0), [0]),
        (TABLE + wrapping(270_000), [0, 188]),
        (frame(0xC0, 9, STEREO) + frame(0xC0, 1, STEREO) + TABLE + frame(0xC0, 2, STEREO), [0]),
        (frame(0xBD, 99, TAG) + TABLE + frame(0xBD, 1, TAG), [0]),
        (frame(0xBD, 1, SUBTITLES) + TABLE + frame(0xBD, 99, SUBTITLES), [0]),
        (b"\x47" * 100, [0]),
        (b"GO", [0]),
        (b"GPL", [0]),
        *(((TABLE * 2)[:length], [0]) for length in (188, 190, 191, 192, 376)),
        ((TABLE * 2 + LONG)[: 376 + 4], [0]),
    ],
)
def test_a_part_begins_where_a_player_would_begin_anew(
    tmp_path: Path, data: bytes, starts: list[int]
) -> None:
    path = tmp_path / "media"
    path.write_bytes(data)
    found = joints.parts(path)
    assert [start for start, _ in found] == starts
    assert found[-1][1] == len(data)


def part(index: str, time: int | None) -> bytes:
    """A part of 80 bytes with one fragment, which begins at a time unless it tells none."""
    init = boxes("ftyp") + struct.pack(">I4s8s", 16, b"moov", index.encode())
    box = b"free" if time is None else b"tfdt"
    return init + struct.pack(">I4sI4s4xI8x", 32, b"moof", 24, box, time or 0) + boxes("mdat")


@pytest.mark.parametrize(
    ("data", "starts"),
    [
        (part("a", 0) + part("a", 5) + part("a", 9), [0]),
        (part("a", 5) + part("a", 9) + part("a", 0) + part("a", 3), [0, 160]),
        (part("a", 0) + part("b", 5) + part("b", 6) + part("a", 9), [0, 80, 240]),
        (part("a", None) + part("a", None), [0]),
        (WEBM * 2, [0, 40]),
    ],
)
def test_parts_of_which_one_goes_on_with_the_other_are_taken_as_one(
    tmp_path: Path, data: bytes, starts: list[int]
) -> None:
    path = tmp_path / "media"
    path.write_bytes(data)
    assert [start for start, _ in joints.merged(path, joints.parts(path))] == starts


def test_very_many_parts_that_go_on_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(data := b"".join(part("a", time) for time in range(101)))
    joining.join(path, limits_with())
    assert path.read_bytes() == data


def test_very_many_parts_that_differ_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(b"".join(part(f"{time}", time) for time in range(1001)))
    with pytest.raises(JobError) as caught:
        joining.join(path, limits_with())
    assert caught.value.reason is Reason.UNLIKE_PARTS
