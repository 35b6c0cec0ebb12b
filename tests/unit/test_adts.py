"""How long AAC without a container is, by its frames."""

from pathlib import Path

import pytest

from worker.downloads.media import adts


def frame(rate: int, blocks: int = 1, length: int = 20) -> bytes:
    """A frame with the number of its rate and of its blocks."""
    header = (0xFF, 0xF1, 0x40 | rate << 2, 0x80, length >> 3, (length & 7) << 5, 0xFC | blocks - 1)
    return bytes(header).ljust(length, b"\0")


TAG = b"ID3\x04\0\0\0\0\0\x05tags!"


@pytest.mark.parametrize(
    ("data", "length_s"),
    [
        (frame(3), 1024 / 48_000),
        (frame(4) * 100, 102_400 / 44_100),
        (frame(4, blocks=2) * 100, 204_800 / 44_100),
        (TAG + frame(4) + TAG + frame(4), 2048 / 44_100),
        (frame(4) + frame(7), 1024 / 44_100 + 1024 / 22_050),
        (frame(4) * 50 + b"?" * 1000 + frame(4) * 50, 50 * 1024 / 44_100 * 1.5 * 2),
        (frame(15), None),
        (TAG, None),
        (b"no sound", None),
    ],
)
def test_frames_are_counted(tmp_path: Path, data: bytes, length_s: float | None) -> None:
    path = tmp_path / "sound.aac"
    path.write_bytes(data)
    assert adts.length_s(path) == pytest.approx(length_s)
