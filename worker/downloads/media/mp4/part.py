"""Make a small MP4 of some seconds of a large one, out of its index and one range of its bytes.

Pure: a caller that has the index asks for a `Part`, fetches the range that it names, and writes its
`head` in front of that. Anybody may have written the index, so what is not known here is
`Unusual`, and the file is then fetched whole. Fields are those of ISO/IEC 14496-12.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace

from worker.downloads import spans
from worker.downloads.media.mp4.boxes import ENCRYPTED
from worker.downloads.media.mp4.h264 import Unusual
from worker.downloads.media.mp4.samples import Boxes, SampleTable, box, boxes, full_box, only
from worker.downloads.spans import Span

# Sound from a little before the first picture on: a decoder needs some to begin with.
_BEFORE_S = 0.1
_KINDS = frozenset({b"vide", b"soun"})
_MAX_REFERENCES = 20_000
_ONE = 0x10000
# Where a header has its duration, by its version.
_DURATIONS = {b"mvhd": (16, 24), b"mdhd": (16, 24), b"tkhd": (20, 28)}


@dataclass(frozen=True)
class Part:
    """Which bytes of a file are needed, the end not included, and what is to stand before them.

    The file that results begins `starts_s` seconds into the whole.
    """

    start: int
    end: int
    head: bytes
    starts_s: float


@dataclass(frozen=True)
class _Track:
    """A track of pictures or sound; it is shown from `shown_at` on, in its own units."""

    header: memoryview
    media: Boxes
    kind: bytes
    scale: int
    samples: SampleTable
    delay_s: float
    media_time: int

    def units(self, at_s: float) -> int:
        """A time of the film in the units of the track's samples."""
        return round((at_s - self.delay_s) * self.scale) + self.media_time

    def seconds(self, units: int) -> float:
        """The inverse of `units`."""
        return (units - self.media_time) / self.scale + self.delay_s


def of_index(file_type: bytes, index: memoryview, span: Span) -> Part:
    """The part of an ordinary MP4 with this `ftyp` box, whole, and this content of `moov`.

    It begins with the last key frame before the span. Raises Unusual, struct.error, and JobError
    for a span that is after the end.
    """
    movie = boxes(index)
    header = only(movie, b"mvhd")
    scale = _time_scale(header)
    tracks = [track for content in movie.all(b"trak") if (track := _track(content, scale))]
    if not tracks or movie.all(b"mvex"):
        raise Unusual("fragments, or no track")
    # As ffmpeg and players do, the film's time begins with what is shown first.
    late_s = min(track.delay_s for track in tracks)
    tracks = [replace(track, delay_s=track.delay_s - late_s) for track in tracks]
    film_end_s = max(map(_end_s, tracks))
    if span.start_s >= film_end_s:
        raise spans.beyond_the_end()
    pictures = next((track for track in tracks if track.kind == b"vide"), tracks[0])
    begin = pictures.samples.key_before(pictures.units(span.start_s))
    starts_s = pictures.seconds(pictures.samples.shown_at(begin))
    end_s = min(span.end_s or float("inf"), film_end_s)
    pieces = [
        (track, begin if track is pictures else _first(track, starts_s), _last(track, end_s))
        for track in tracks
    ]
    if any(first >= last for _, first, last in pieces):
        raise Unusual("a track that does not reach the span")
    ranges = [track.samples.bytes_of(first, last) for track, first, last in pieces]
    start, end = min(low for low, _ in ranges), max(high for _, high in ranges)

    def head(moved_by: int) -> bytes:
        length = round((end_s - starts_s) * scale)
        parts = [_with_duration(b"mvhd", header, length)]
        parts += [
            _trak(track, first, last, (starts_s, scale, length), moved_by)
            for track, first, last in pieces
        ]
        data = struct.pack(">I4sQ", 1, b"mdat", 16 + end - start)
        return file_type + box(b"moov", *parts) + data

    return Part(start, end, head(len(head(0)) - start), starts_s)


def of_fragments(head: bytes, index: memoryview, index_end: int, span: Span) -> Part:
    """The part of an MP4 in fragments with this `head`, up to its `sidx`, and that box's content.

    Raises Unusual, struct.error.
    """
    (version,) = struct.unpack_from(">B", index)
    (scale,) = struct.unpack_from(">I", index, 8)
    layout, at = (">II", 12) if version == 0 else (">QQ", 12)
    _, first_offset = struct.unpack_from(layout, index, at)
    at += struct.calcsize(layout)
    (count,) = struct.unpack_from(">2xH", index, at)
    if not scale or not 0 < count <= _MAX_REFERENCES:
        raise Unusual("an index of nothing")
    place, time, kept = index_end + first_offset, 0, list[tuple[int, int, float]]()
    for size, duration, _ in struct.iter_unpack(">III", index[at + 4 : at + 4 + 12 * count]):
        if size >> 31:
            raise Unusual("an index of indexes")
        if span.touches(time / scale, (time + duration) / scale):
            kept.append((place, place + size, time / scale))
        place, time = place + size, time + duration
    if not kept:
        raise Unusual("no fragment in the span")
    return Part(kept[0][0], kept[-1][1], head, kept[0][2])


# ------------------------------------------------------------------------------- reading


def _track(content: memoryview, movie_scale: int) -> _Track | None:
    """A track; None for one of neither pictures nor sound. Raises Unusual, struct.error."""
    trak = boxes(content)
    media = boxes(only(trak, b"mdia"))
    kind = bytes(only(media, b"hdlr")[8:12])
    if kind not in _KINDS:
        return None
    table = boxes(only(boxes(only(media, b"minf")), b"stbl"))
    description = only(table, b"stsd")
    if struct.unpack_from(">I", description, 4) != (1,) or bytes(description[12:16]) in ENCRYPTED:
        raise Unusual("streams of several kinds, or encrypted")
    delay, media_time = _edits(trak)
    scale = _time_scale(only(media, b"mdhd"))
    samples = SampleTable.read(table)
    return _Track(only(trak, b"tkhd"), media, kind, scale, samples, delay / movie_scale, media_time)


def _edits(trak: Boxes) -> tuple[int, int]:
    """How long it takes until a track is shown, and from which of its own times on it is."""
    lists = [only(boxes(edits), b"elst") for edits in trak.all(b"edts")]
    if not lists:
        return 0, 0
    (version, count) = struct.unpack_from(">B3xI", lists[0])
    layout = ">IiI" if version == 0 else ">QqI"
    if len(lists) > 1 or not 0 < count <= 2:
        raise Unusual("many edits")
    edits = [
        struct.unpack_from(layout, lists[0], 8 + number * struct.calcsize(layout))
        for number in range(count)
    ]
    delay = edits.pop(0)[0] if edits[0][1] == -1 else 0
    if len(edits) != 1 or edits[0][1] < 0 or edits[0][2] != _ONE:
        raise Unusual("edits of another kind")
    return delay, edits[0][1]


def _time_scale(header: memoryview) -> int:
    """The units in a second, of `mvhd` and `mdhd` alike."""
    (version,) = struct.unpack_from(">B", header)
    (scale,) = struct.unpack_from(">I", header, 20 if version else 12)
    if not 0 < scale < 1 << 31:
        raise Unusual("an impossible time scale")
    return int(scale)


def _first(track: _Track, starts_s: float) -> int:
    return track.samples.key_before(max(0, track.units(starts_s - _BEFORE_S)))


def _last(track: _Track, end_s: float) -> int:
    return track.samples.count_before(track.units(end_s))


def _end_s(track: _Track) -> float:
    return track.seconds(track.samples.shown_until)


# ------------------------------------------------------------------------------- writing


def _trak(
    track: _Track, first: int, last: int, film: tuple[float, int, int], moved_by: int
) -> bytes:
    """A `trak` box of some samples, whose bytes have moved. `film`: its begin, scale and length."""
    starts_s, film_scale, film_length = film
    samples, begin = track.samples, track.samples.decoded_at(first)
    # Times in the track begin again with its first sample.
    media_time = track.units(starts_s) - begin
    length = max(1, samples.decoded_at(last) - begin)
    media = track.media
    information = boxes(only(media, b"minf"))
    description = only(boxes(only(information, b"stbl")), b"stsd")
    table = box(b"stbl", box(b"stsd", description), *samples.tables(first, last, moved_by))
    others = (box(kind, content) for kind, content in information.found if kind != b"stbl")
    return box(
        b"trak",
        _with_duration(b"tkhd", track.header, film_length),
        _edit_list(media_time, track.scale, film_scale, film_length),
        box(
            b"mdia",
            _with_duration(b"mdhd", only(media, b"mdhd"), length),
            box(b"hdlr", only(media, b"hdlr")),
            box(b"minf", *others, table),
        ),
    )


def _edit_list(media_time: int, scale: int, film_scale: int, film_length: int) -> bytes:
    edits: list[Sequence[int]] = [(film_length, max(0, media_time), _ONE)]
    if media_time < 0:
        edits.insert(0, (round(-media_time / scale * film_scale), -1, _ONE))
    entries = b"".join(struct.pack(">QqI", *edit) for edit in edits)
    return box(b"edts", full_box(b"elst", 1, struct.pack(">I", len(edits)) + entries))


def _with_duration(kind: bytes, header: memoryview, duration: int) -> bytes:
    """A header box with another duration."""
    content = bytearray(header)
    is_long = bool(content[0])
    struct.pack_into(">Q" if is_long else ">I", content, _DURATIONS[kind][is_long], duration)
    return box(kind, content)
