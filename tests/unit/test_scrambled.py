"""Whether a transport stream is encrypted."""

from pathlib import Path

import pytest

from worker.downloads.media import transport_stream

CLEAR, SCRAMBLED = (bytes((0x47, 1, 0, flags)).ljust(188, b"\0") for flags in (0x10, 0x90))


@pytest.mark.parametrize(
    ("data", "is_scrambled"),
    [
        (b"", False),
        (b"\x47", False),
        (CLEAR * 9, False),
        (SCRAMBLED * 9, True),
        (CLEAR + SCRAMBLED * 8, True),  # the tables are never encrypted
        (CLEAR * 8 + SCRAMBLED, False),
        (SCRAMBLED * 9 + b"something else", False),
        (b"\xff" * 188 * 9, False),
    ],
)
def test_most_packets_decide(tmp_path: Path, data: bytes, is_scrambled: bool) -> None:
    path = tmp_path / "film.ts"
    path.write_bytes(data)
    assert transport_stream.is_scrambled(path) is is_scrambled
