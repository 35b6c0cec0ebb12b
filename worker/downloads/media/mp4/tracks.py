"""Read the streams of an ordinary MP4 from its index.

Ordinary is what most sites serve: one H.264 track that plays everywhere, at most one AAC track,
and nothing else. Of such a file the result is the same as `contents.read` of ffprobe's output; of
any other file there is none. Anybody may have written the index, so every box in it must be
known: anything that another reader might find there (a cover, a track among the tags, a second
header) makes the file not ordinary.

The media itself is not read. Whether it can be decoded shows when a thumbnail is drawn. If the
first pictures of a file are lost, ffprobe may not find what the index says of the others.
"""

import os
import struct
from collections.abc import Sequence
from pathlib import Path

from worker.downloads.media.contents import Contents, Video, believable_rate
from worker.downloads.media.mp4 import boxes as mp4_boxes
from worker.downloads.media.mp4 import h264
from worker.downloads.media.mp4.h264 import Unusual

# ffprobe's names for MP4 and its relatives.
_CONTAINERS = frozenset({"mov", "mp4", "m4a", "3gp", "3g2", "mj2"})

# An hour of 30 pictures a second takes about 2 MB.
LARGEST_INDEX_BYTES = 4 * 1024 * 1024
_MAX_BOXES = 64
_MAX_DURATIONS = 10_000
_LONGEST_SHOWN_S = 10
_LONGEST_S = 1_000_000

_OUTERMOST = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip"})
# Which boxes a box may contain (ISO/IEC 14496-12, 8; -14, 5; -15, 5). No other is opened.
_INSIDE = {
    b"moov": {b"mvhd", b"iods", b"trak", b"udta"},
    b"trak": {b"tkhd", b"edts", b"mdia"},
    b"edts": {b"elst"},
    b"mdia": {b"mdhd", b"hdlr", b"minf"},
    b"minf": {b"vmhd", b"smhd", b"dinf", b"stbl"},
    b"stbl": {
        *(b"stsd", b"stts", b"stss", b"ctts", b"stsc", b"stsz", b"stco", b"co64"),
        *(b"sdtp", b"sgpd", b"sbgp"),
    },
    b"stsd": {b"avc1", b"mp4a"},
    b"avc1": {b"avcC", b"pasp", b"colr", b"btrt"},
    b"mp4a": {b"esds", b"btrt"},
    b"udta": {b"meta"},
    b"meta": {b"hdlr", b"ilst"},
    b"ilst": {b"\xa9too", b"\xa9nam", b"\xa9ART", b"\xa9alb", b"\xa9cmt", b"\xa9day", b"\xa9gen"},
}
# The length of the fields before the boxes in a sample entry for video and for audio.
_VISUAL_FIELDS, _AUDIO_FIELDS = 78, 28
# A `dinf` content that means "in this same file", in the form that all encoders write.
_DATA_HERE = bytes.fromhex("0000001c 64726566 00000000 00000001 0000000c 75726c20 00000001")

# ITU-T H.273, table 3: those of BT.2100.
_HDR_CURVES = frozenset({16, 18})

_ONE, _MINUS_ONE = 0x10000, 0xFFFF0000
_UPRIGHT = (_ONE, 0, 0, 0, _ONE, 0, 0, 0, 0x40000000)
# Rotations by a multiple of 90 degrees, and whether they swap width and height.
_TURNS = {
    (_ONE, 0, 0, _ONE): False,
    (0, _ONE, _MINUS_ONE, 0): True,
    (_MINUS_ONE, 0, 0, _MINUS_ONE): False,
    (0, _MINUS_ONE, _ONE, 0): True,
}
# The right column of a matrix that does not distort.
_FLAT = (0, 0, 0x40000000)

# ISO/IEC 14496-1 and -3: MPEG-4 audio, the profile that everything plays, the last rate index.
_MPEG4_AUDIO, _LOW_COMPLEXITY, _LAST_RATE = 0x40, 2, 12

_Boxes = Sequence[tuple[bytes, memoryview]]  # kind and content of each


def read(path: Path) -> Contents | None:
    """The contents of `path` if it is an ordinary MP4, else None. Raises OSError.

    Takes milliseconds and a few megabytes whatever the file contains.
    """
    try:
        return _movie(_opened(b"moov", _index(path)))
    except (Unusual, struct.error):  # struct.error: a box that is too short for its fields
        return None


# ------------------------------------------------------------------------------------- boxes


def _index(path: Path) -> memoryview:
    """The content of the `moov` box. Raises Unusual if there is an unknown box beside it."""
    with open(path, "rb") as file:
        kinds, total, index = [], 0, b""
        for box in mp4_boxes.boxes(file):
            kinds.append(box.kind)
            total += box.size
            if box.kind == b"moov" and box.content_size <= LARGEST_INDEX_BYTES:
                index = file.read(box.content_size)
        # Otherwise the file is cut off, or has more boxes than were read.
        if total != os.fstat(file.fileno()).st_size:
            raise Unusual("boxes that do not fill the file")
    if kinds.count(b"moov") != 1 or not _OUTERMOST.issuperset(kinds):
        raise Unusual(f"boxes {kinds}")
    return memoryview(index)


def _opened(kind: bytes, content: memoryview) -> _Boxes:
    """The boxes inside a box. Raises Unusual unless they are known and fill it."""
    found: list[tuple[bytes, memoryview]] = []
    at = 0
    while at < len(content):
        size, inner = struct.unpack_from(">I4s", content, at)
        if size < 8 or at + size > len(content) or inner not in _INSIDE[kind]:
            raise Unusual(f"a box {inner!r} of {size} bytes in {kind!r}")
        if len(found) == _MAX_BOXES:
            raise Unusual(f"too many boxes in {kind!r}")
        found.append((inner, content[at + 8 : at + size]))
        at += size
    return found


def _all(boxes: _Boxes, kind: bytes) -> list[memoryview]:
    return [content for inner, content in boxes if inner == kind]


def _only(boxes: _Boxes, kind: bytes) -> memoryview:
    found = _all(boxes, kind)
    if len(found) != 1:
        raise Unusual(f"{len(found)} boxes {kind!r}")
    return found[0]


def _at(content: memoryview, layouts: tuple[str, str], places: tuple[int, int]) -> tuple[int, ...]:
    """Fields of a box by its version: times have 32 bits in version 0 and 64 in version 1."""
    (version,) = struct.unpack_from(">B", content)
    if version > 1:
        raise Unusual("an unknown version")
    return struct.unpack_from(layouts[version], content, places[version])


# ------------------------------------------------------------------------------------- tracks


def _movie(movie: _Boxes) -> Contents:
    header = _only(movie, b"mvhd")
    scale, length = _at(header, (">II", ">IQ"), (12, 20))
    if not 0 < scale < 1 << 31 or not 0 < length < scale * _LONGEST_S:
        raise Unusual("an impossible duration")
    if _at(header, (">9I", ">9I"), (36, 48)) != _UPRIGHT:
        raise Unusual("a matrix for the whole movie")
    for tags in _all(movie, b"udta"):
        _check_tags(tags)
    video: Video | None = None
    audio: str | None = None
    for content in _all(movie, b"trak"):
        track = _opened(b"trak", content)
        for edits in _all(track, b"edts"):
            _opened(b"edts", edits)
        media = _opened(b"mdia", _only(track, b"mdia"))
        # Only in this order, because the handler decides how the rest is read.
        if [kind for kind, _ in media] != [b"mdhd", b"hdlr", b"minf"]:
            raise Unusual("media boxes in another order")
        (_, times), (_, handler), (_, information) = media
        kind, table = _handled(handler), _table(information)
        if kind == b"vide" and video is None:
            video = _video(_only(track, b"tkhd"), times, table)
        elif kind == b"soun" and audio is None:
            audio = _audio(table)
        else:
            raise Unusual(f"another track of {kind!r}")
    if video is None:
        raise Unusual("no pictures")
    return Contents(_CONTAINERS, video, audio, length / scale)


def _check_tags(tags: memoryview) -> None:
    """Raise Unusual if the tags contain more than text."""
    for _, content in _opened(b"udta", tags):
        (version,) = struct.unpack_from(">I", content)
        meta = _opened(b"meta", content[4:])
        if version or _handled(_only(meta, b"hdlr")) != b"mdir" or meta[0][0] != b"hdlr":
            raise Unusual("tags of another kind")
        for items in _all(meta, b"ilst"):
            _opened(b"ilst", items)


def _handled(handler: memoryview) -> bytes:
    """The kind of track or tags that a handler box declares."""
    (kind,) = struct.unpack_from("4s", handler, 8)
    return bytes(kind)


def _table(information: memoryview) -> _Boxes:
    """The boxes of a track's sample table."""
    boxes = _opened(b"minf", information)
    if _only(boxes, b"dinf") != _DATA_HERE:
        raise Unusual("media in another file")
    return _opened(b"stbl", _only(boxes, b"stbl"))


def _entry(table: _Boxes, kind: bytes) -> memoryview:
    """The only sample entry of a table, which must be of this kind."""
    description = _only(table, b"stsd")
    (count,) = struct.unpack_from(">I", description, 4)
    entry = _only(_opened(b"stsd", description[8:]), kind)
    if count != 1:
        raise Unusual(f"{count} sample entries")
    return entry


def _video(header: memoryview, times: memoryview, table: _Boxes) -> Video:
    entry = _entry(table, b"avc1")
    details = _opened(b"avc1", entry[_VISUAL_FIELDS:])
    found = h264.pictures(_only(details, b"avcC"))
    *matrix, shown_width, shown_height = _at(header, (">11I", ">11I"), (40, 52))
    sides = (found.width, found.height)
    if struct.unpack_from(">HH", entry, 24) != sides or not all(sides):
        raise Unusual("another size than the pictures")
    # Otherwise a player would stretch them.
    if (shown_width, shown_height) != (found.width << 16, found.height << 16):
        raise Unusual("pictures that are shown in another shape")
    for shape in _all(details, b"pasp"):
        across, down = struct.unpack(">II", shape)
        if across != down or not across:
            raise Unusual("oblong pixels")
    for color in _all(details, b"colr"):
        kind, transfer, range_bit = struct.unpack(">4s2xH2xB", color)
        if kind != b"nclx" or range_bit & 0x80 or transfer in _HDR_CURVES:
            raise Unusual("colors of another kind")
    is_on_its_side = _TURNS.get((matrix[0], matrix[1], matrix[3], matrix[4]))
    if is_on_its_side is None or tuple(matrix[2::3]) != _FLAT:
        raise Unusual("distorted pictures")
    width, height = reversed(sides) if is_on_its_side else sides
    return Video("h264", found.pixel_format, width, height, _rate(times, table))


def _rate(times: memoryview, table: _Boxes) -> float:
    """Pictures per second, from how long each is shown."""
    (scale,) = _at(times, (">I", ">I"), (12, 20))
    if not 0 < scale < 1 << 31:
        raise Unusual("an impossible time scale")
    durations = _only(table, b"stts")
    (count,) = struct.unpack_from(">I", durations, 4)
    if count > _MAX_DURATIONS or len(durations) != 8 + 8 * count:
        raise Unusual("too many sample durations")
    shown, pictures = 0, 0
    for number, length in struct.iter_unpack(">II", durations[8:]):
        # Some encoders mean a longer one as a negative number.
        if not number or not 0 < length <= scale * _LONGEST_SHOWN_S or number > 1 << 24:
            raise Unusual("an impossible sample duration")
        shown += number * length
        pictures += number
    if not pictures:
        raise Unusual("no pictures")
    return believable_rate(pictures * scale / shown)


def _audio(table: _Boxes) -> str:
    entry = _entry(table, b"mp4a")
    (version,) = struct.unpack_from(">H", entry, 8)
    if version:
        raise Unusual("a QuickTime sample entry")
    stream = _only(_opened(b"mp4a", entry[_AUDIO_FIELDS:]), b"esds")[4:]
    # ISO/IEC 14496-1, 7.2.6: stream, decoder and decoder-specific descriptors, nested.
    fields = _descriptor(3, stream)
    (flags,) = struct.unpack_from(">2xB", fields)
    if flags:
        raise Unusual("a stream that depends on another")
    fields = _descriptor(4, fields[3:])
    (coding,) = struct.unpack_from(">B", fields)
    if coding != _MPEG4_AUDIO:
        raise Unusual("audio that is not MPEG-4")
    # ISO/IEC 14496-3, 1.6.2.1: object type, rate index, channels, and three bits that must be 0.
    (config,) = struct.unpack_from(">H", _descriptor(5, fields[13:]))
    kind, rate, channels, more = config >> 11, config >> 7 & 15, config >> 3 & 15, config & 7
    if kind != _LOW_COMPLEXITY or rate > _LAST_RATE or not 1 <= channels <= 7 or more:
        raise Unusual("AAC of another kind")
    return "aac"


def _descriptor(tag: int, content: memoryview) -> memoryview:
    """The fields of the descriptor at the start of `content`; its length takes up to four bytes."""
    length = 0
    for place in range(1, 5):
        (byte,) = struct.unpack_from(">B", content, place)
        length = length << 7 | byte & 0x7F
        if not byte & 0x80:
            break
    if content[0] != tag or place + 1 + length > len(content):
        raise Unusual("a descriptor of another kind")
    return content[place + 1 : place + 1 + length]
