"""Read an HLS media playlist (RFC 8216), and rewrite it so that yt-dlp fetches it correctly.

Pure. yt-dlp fetches one initialisation section at most, the first one, and takes it for a piece
when it numbers the others. It also asks for pieces that the playlist says are missing.
"""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from yt_dlp.utils import parse_m3u8_attributes

from worker.downloads import spans
from worker.downloads.spans import Span

PROTOCOLS = frozenset({"m3u8", "m3u8_native"})
"""yt-dlp's names for HLS."""

_RANGE = re.compile(r"(\d+)(?:@(\d+))?")
_DURATION = re.compile(r"^#EXTINF:\s*(\d+(?:\.\d*)?)", re.MULTILINE)
_TARGET = re.compile(r"^#EXT-X-TARGETDURATION:\s*(\d+(?:\.\d*)?)", re.MULTILINE)
_SEQUENCE = re.compile(r"^#EXT-X-MEDIA-SEQUENCE:\s*(\d+)", re.MULTILINE)
_FORCED = re.compile(rb"^#EXT-X-MEDIA:(?=.*\bFORCED=YES\b).*\n?", re.MULTILINE)
_COMPLETE = re.compile(r"^#EXT-X-(?:ENDLIST|PLAYLIST-TYPE:\s*VOD)\b", re.MULTILINE)
# Between the header of a file and its pieces there may be an index, which no player asks for.
_MAX_INDEX_BYTES = 64 * 1024
# As yt-dlp finds them.
_AD_BEGINS = re.compile(r"#ANVATO-SEGMENT-INFO.*type=ad|#UPLYNK-SEGMENT.*,ad$")
_AD_ENDS = re.compile(r"#ANVATO-SEGMENT-INFO.*type=master|#UPLYNK-SEGMENT.*,segment$")


def decoded(data: bytes) -> str:
    """The text of a playlist: UTF-8, or Latin-1 where an old program wrote it."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def is_playlist(text: str) -> bool:
    """Whether a text is a playlist (RFC 8216, 4.3.1.1), and not the page of an error."""
    return text.lstrip("\ufeff \t\r\n").startswith("#EXTM3U")


def with_forced_last(data: bytes) -> bytes:
    r"""A master playlist in which forced subtitles stand below all others (RFC 8216, 4.3.4.1).

    These have only what nobody says in the language of the film. yt-dlp lists them by their
    language alone, and the first ones of it are taken.

    >>> with_forced_last(b'#EXT-X-MEDIA:TYPE=SUBTITLES,FORCED=YES\n#EXT-X-MEDIA:TYPE=SUBTITLES')
    b'#EXT-X-MEDIA:TYPE=SUBTITLES\n#EXT-X-MEDIA:TYPE=SUBTITLES,FORCED=YES'
    """
    forced = _FORCED.findall(data)
    return (
        b"\n".join([_FORCED.sub(b"", data).strip(), *map(bytes.strip, forced)]) if forced else data
    )


def is_complete(text: str) -> bool:
    """Whether a playlist says that no pieces will be added to it (RFC 8216, 4.3.3.4, 4.3.3.5)."""
    return bool(_COMPLETE.search(text))


def target_s(text: str) -> float:
    """About how long each piece is; 0 if the playlist does not say."""
    found = _TARGET.search(text)
    return float(found[1]) if found else 0.0


def duration_s(text: str) -> float:
    """The sum of the durations of its pieces."""
    return sum(map(float, _DURATION.findall(text)))


@dataclass(frozen=True)
class Outline:
    """What changes when a playlist goes on: the number of its first piece, and all durations."""

    first: int
    durations: tuple[str, ...]

    @property
    def has_lost_pieces(self) -> bool:
        """Whether its first pieces are gone, as only a live stream's are. Some count from 1."""
        return self.first > 1


def outline(text: str) -> Outline:
    """The outline of a playlist."""
    return Outline(_first_number(text), tuple(_DURATION.findall(text)))


def _first_number(text: str) -> int:
    found = _SEQUENCE.search(text)
    return int(found[1]) if found else 0


def rewritten(text: str, span: Span | None = None) -> str:
    """The same playlist with each initialisation section as a piece in its place.

    With a `span` it has only the pieces of that; `starts_s` says when the first of them begins.

    Such a section is repeated after each discontinuity, so that the file shows where it was put
    together. Pieces that are missing (EXT-X-GAP) are left out. URLs stay as they are.
    """
    return "\n".join(["#EXTM3U", *_Rewriting(text, span).lines(), "#EXT-X-ENDLIST", ""])


def starts_s(text: str, span: Span) -> float:
    """When in the film of a playlist the first piece of a span begins, in seconds.

    Raises JobError if there is none.
    """
    rewriting = _Rewriting(text, span)
    for _ in rewriting.lines():
        if rewriting.starts_s is not None:
            return rewriting.starts_s
    raise spans.beyond_the_end()


@dataclass(frozen=True)
class OneFile:
    """The only file that a playlist leads to, and which bytes of it, the last one included."""

    url: str
    start: int
    end: int


def one_file(text: str) -> OneFile | None:
    """The file whose bytes are all pieces of a rewritten playlist, in order and without gaps.

    None if there are several files, or pieces that have to be decrypted or left out.
    """
    if any(line.startswith("#EXT-X-KEY") or _AD_BEGINS.match(line) for line in text.splitlines()):
        return None
    pieces = list(_pieces(text))
    urls, spans = {url for url, _ in pieces}, [span for _, span in pieces if span]
    if len(urls) != 1 or len(spans) != len(pieces):
        return None
    skipped = (after[0] - before[1] for before, after in itertools.pairwise(spans))
    if not all(0 <= count <= _MAX_INDEX_BYTES for count in skipped):
        return None
    return OneFile(urls.pop(), spans[0][0], spans[-1][1] - 1)


def _pieces(text: str) -> Iterator[tuple[str, tuple[int, int] | None]]:
    """The URLs in a rewritten playlist, each with where its range of bytes begins and ends."""
    span = None
    for line in text.splitlines():
        if line.startswith("#EXT-X-BYTERANGE:") and (found := _RANGE.search(line)):
            start = int(found[2])
            span = start, start + int(found[1])
        elif not line.startswith("#"):
            yield line, span
            span = None


@dataclass(frozen=True)
class HlsPart:
    """What is fetched at a time: its URL, its range of bytes, and the tag of the key it needs."""

    url: str
    range: str | None
    key: str | None


@dataclass(frozen=True)
class HlsPiece:
    """A piece of a stream by its number, with the initialisation section that it needs.

    One that is missing (EXT-X-GAP) has no `part`.
    """

    number: int
    length_s: float
    part: HlsPart | None
    init: HlsPart | None


def pieces(text: str) -> list[HlsPiece]:
    """The pieces of a playlist that goes on."""
    return list(_Rewriting(text).pieces())


@dataclass
class _Rewriting:
    text: str
    span: Span | None = None
    starts_s: float | None = None
    """When the first piece begins, once it has been found."""
    _at_s: float = 0.0
    _number: int = 0
    _key: str | None = None
    _written_key: str | None = None
    _init: HlsPart | None = None
    _written_init: HlsPart | None = None
    _ends_at: int = 0
    """Where the last range of bytes ended, from which the next one may go on."""
    _is_gap: bool = False
    _is_ad: bool = False
    """Whether yt-dlp leaves out the pieces that come now."""
    _range: str | None = None
    _tags: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        self._number = _first_number(self.text)
        for line in filter(None, map(str.strip, self.text.splitlines())):
            if not line.startswith("#"):
                yield from self._piece(line)
            else:
                self._read_tag(*line.partition(":")[::2], line)

    def pieces(self) -> Iterator["HlsPiece"]:
        """The pieces, but no advertisements."""
        self._number = _first_number(self.text)
        for line in filter(None, map(str.strip, self.text.splitlines())):
            if line.startswith("#"):
                self._read_tag(*line.partition(":")[::2], line)
                continue
            length_s, where = duration_s("\n".join(self._tags)), self._range
            part = None if self._is_gap else HlsPart(line, where, self._key)
            if not self._is_ad:
                yield HlsPiece(self._number, length_s, part, self._init)
            self._tags, self._range, self._is_gap = [], None, False
            self._ends_at = self._ends_at if where else 0
            self._number += 1

    def _read_tag(self, name: str, value: str, line: str) -> None:
        match name:
            case "#EXT-X-MAP":
                self._init = self._initialisation(parse_m3u8_attributes(value))
            case "#EXT-X-KEY" if "METHOD" in parse_m3u8_attributes(value):
                self._key = line
            case "#EXT-X-GAP":
                self._is_gap = True
            case "#EXT-X-BYTERANGE":
                self._range = self._absolute(value)
            case "#EXT-X-DISCONTINUITY":
                self._written_init = None
            case "#EXTM3U" | "#EXT-X-MEDIA-SEQUENCE" | "#EXT-X-ENDLIST" | "#EXT-X-KEY":
                pass
            case _:
                # Marks of advertisements and of copy protection, which yt-dlp understands.
                self._tags.append(line)
                if _AD_BEGINS.match(line):
                    self._is_ad = True
                elif _AD_ENDS.match(line):
                    self._is_ad = False

    def _initialisation(self, attributes: Mapping[str, str]) -> HlsPart | None:
        url = attributes.get("URI")
        found = _RANGE.match(attributes.get("BYTERANGE", ""))
        where = f"{found[1]}@{found[2] or 0}" if found else None
        return HlsPart(url, where, self._key) if url else None

    def _absolute(self, value: str) -> str | None:
        """A range of bytes with its start, which the playlist may leave out."""
        found = _RANGE.match(value.strip())
        if not found:
            return None
        start = int(found[2]) if found[2] else self._ends_at
        self._ends_at = start + int(found[1])
        return f"{found[1]}@{start}"

    def _piece(self, url: str) -> Iterator[str]:
        tags, where, is_gap = self._tags, self._range, self._is_gap
        self._tags, self._range, self._is_gap = [], None, False
        if where is None:
            self._ends_at = 0
        starts_s, ends_s = self._pass(tags)
        is_wanted = self._is_wanted(starts_s, ends_s)
        if is_wanted and self.starts_s is None:
            self.starts_s = starts_s
        if is_gap or not is_wanted:
            yield from (tag for tag in tags if not tag.startswith("#EXTINF"))
        else:
            yield from tags
            init = self._init
            if init and init != self._written_init and not self._is_ad:
                yield from self._tags_and_url(init.url, init.range, init.key)
                self._written_init = init
            yield from self._tags_and_url(url, where, self._key)
        self._number += 1

    def _pass(self, tags: list[str]) -> tuple[float, float]:
        """Go on by a piece with these tags; returns when it starts and ends.

        Advertisements take no time.
        """
        starts_s = self._at_s
        if not self._is_ad:
            self._at_s += duration_s("\n".join(tags))
        return starts_s, self._at_s

    def _is_wanted(self, starts_s: float, ends_s: float) -> bool:
        """Whether the piece at this time is in the span, if only that is wanted."""
        if self.span is None:
            return True
        return not self._is_ad and self.span.touches(starts_s, ends_s)

    def _tags_and_url(self, url: str, where: str | None, key: str | None) -> Iterator[str]:
        if key and "AES-128" in key and "IV" not in parse_m3u8_attributes(key.partition(":")[2]):
            # The number of the piece (RFC 8216, 5.2).
            key = f"{key},IV=0x{self._number:032x}"
        if key and key != self._written_key:
            yield key
            self._written_key = key
        if where:
            yield f"#EXT-X-BYTERANGE:{where}"
        yield url
