"""What the first bytes of an MP4 say of its codecs."""

import struct

import pytest

from tests.sandbox.clips import SAMPLE
from worker.downloads.media.mp4 import beginning


def box(kind: str, *content: bytes) -> bytes:
    data = b"".join(content)
    return struct.pack(">I4s", 8 + len(data), kind.encode()) + data


def track(handler: str, codec: str) -> bytes:
    description = box("stsd", struct.pack(">II", 0, 1), box(codec, bytes(70)))
    table = box("stbl", description, box("stsz", bytes(400)))
    name = box("hdlr", bytes(8), handler.encode(), bytes(12))
    return box("trak", box("tkhd", bytes(84)), box("mdia", name, box("minf", table)))


def film(*tracks: bytes) -> bytes:
    index = box("moov", box("mvhd", bytes(100)), *tracks)
    return box("ftyp", b"isom", bytes(4)) + box("free") + index + box("mdat", bytes(900))


PICTURES, SOUND = track("vide", "avc1"), track("soun", "mp4a")


@pytest.mark.parametrize(
    ("data", "codecs"),
    [
        (film(PICTURES, SOUND), {"vcodec": "avc1", "acodec": "mp4a"}),
        (film(SOUND, PICTURES), {"vcodec": "avc1", "acodec": "mp4a"}),
        (film(track("vide", "vp09"), SOUND), {"vcodec": "vp09", "acodec": "mp4a"}),
        (film(PICTURES), {"vcodec": "avc1", "acodec": "none"}),
        (film(SOUND), {"vcodec": "none", "acodec": "mp4a"}),
        (film(track("text", "tx3g"), PICTURES), {"vcodec": "avc1", "acodec": "none"}),
        (film(PICTURES, track("vide", "jpeg")), {"vcodec": "avc1", "acodec": "none"}),
        # Only what is complete says what is not there.
        (film(PICTURES, SOUND)[:500], {"vcodec": "avc1"}),
        (film(), {}),
        (b"", {}),
        (b"\x1aE\xdf\xa3" + bytes(500), {}),
        (b"<html>" * 100, {}),
        (struct.pack(">I4s", 1, b"moov") + bytes(4), {}),
        (struct.pack(">I4s", 4, b"moov") * 9, {}),
    ],
)
def test_the_index_names_the_codecs(data: bytes, codecs: dict[str, str]) -> None:
    assert beginning.codecs(data) == codecs


def test_no_bytes_are_too_much_for_it() -> None:
    whole = film(PICTURES, SOUND)
    for end in range(len(whole)):
        assert set(beginning.codecs(whole[:end])) <= {"vcodec", "acodec"}
    nested = b"".join(struct.pack(">I4s", 2000 - 8 * n, b"moov") for n in range(240))
    assert beginning.codecs(nested) == {}


def test_a_real_file_says_the_same() -> None:
    assert beginning.codecs(SAMPLE.read_bytes()) == {"vcodec": "avc1", "acodec": "mp4a"}
