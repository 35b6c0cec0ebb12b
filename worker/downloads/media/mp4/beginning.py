"""Tell from its first bytes what an MP4 holds, in yt-dlp's words, before it is fetched."""

import struct
from collections.abc import Iterator

_CONTAINERS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl"})
_MAX_BOXES = 200
# The sample entries that stand for one codec under several names (ISO/IEC 14496-15).
_FIELDS = {b"vide": "vcodec", b"soun": "acodec"}


def codecs(data: bytes) -> dict[str, str]:
    """The fields `vcodec` and `acodec`, as far as the index is among these bytes.

    A codec is the name of its sample entry, such as `avc1`, and `none` if the index is complete
    and has no such stream. Empty if the bytes are not the beginning of an MP4.
    """
    found: dict[str, str] = {}
    handler, is_complete = b"", False
    for kind, content, is_whole in _boxes(data, 0, len(data)):
        if kind == b"moov":
            is_complete = is_whole
        elif kind == b"trak":
            handler = b""
        elif kind == b"hdlr":
            handler = content[8:12]
        elif kind == b"stsd" and handler in _FIELDS and len(content) >= 16:
            found.setdefault(_FIELDS[handler], content[12:16].decode("latin-1").strip().lower())
    if is_complete and found:
        return {"vcodec": "none", "acodec": "none", **found}
    return found


def _boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, bytes, bool]]:
    """Each box with what is there of its content, and whether that is all; parents come first."""
    for _ in range(_MAX_BOXES):
        if at + 8 > end:
            return
        size, kind = struct.unpack_from(">I4s", data, at)
        header = 8
        if size == 1 and at + 16 <= end:
            size, header = struct.unpack_from(">Q", data, at + 8)[0], 16
        if size < header:
            return
        yield kind, data[at + header : min(at + size, end)], at + size <= end
        if kind in _CONTAINERS:
            yield from _boxes(data, at + header, min(at + size, end))
        at += size
