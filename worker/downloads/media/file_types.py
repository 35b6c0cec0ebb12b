"""What a file is by its first bytes, and the suffix that says so.

Video and sound are not looked for here: ffprobe knows those better. A name is believed only where
the bytes leave it open, as those of a ZIP archive do, which may be a text document or a program.
"""

import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

HEAD_BYTES = 4096

_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}")
_HTML = re.compile(rb"<(!doctype html|html|head|body)\b", re.IGNORECASE)
# DASH, also where a document type comes first; Smooth Streaming; Adobe's.
_MANIFEST = re.compile(rb"<(!DOCTYPE )?MPD\b|<SmoothStreamingMedia\b|<manifest [^>]*f4m")
# No text has one of these (WHATWG, MIME Sniffing, "binary data byte").
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_UTF_8 = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class FileType:
    """A type of file and the suffix of its names.

    Telegram shows a photo as it is, and ffmpeg can make one of any other picture. If files of
    several kinds begin alike, the name may say which of them it is.
    """

    suffix: str
    is_photo: bool = False
    is_picture: bool = False
    has_kinds: bool = False


def _photo(suffix: str) -> FileType:
    return FileType(suffix, is_photo=True, is_picture=True)


def _picture(suffix: str) -> FileType:
    return FileType(suffix, is_picture=True)


def _family(suffix: str) -> FileType:
    return FileType(suffix, has_kinds=True)


def _suffixes(names: str) -> frozenset[str]:
    return frozenset(names.split())


TEXT, UNKNOWN = _family(".txt"), _family(".bin")
HTML, MANIFEST = FileType(".html"), FileType(".m3u8")
_XML, _SVG = _family(".xml"), FileType(".svg")
_TIFF = FileType(".tiff", is_picture=True, has_kinds=True)
_PAGES_OF_TIFF = _family(".tiff")
_WEBP, _MOVING_WEBP = _photo(".webp"), FileType(".webp")
_BMP, _TAR = _picture(".bmp"), FileType(".tar")

_BY_START: tuple[tuple[bytes, FileType], ...] = (
    (b"\xff\xd8\xff", _photo(".jpg")),
    (b"\x89PNG\r\n\x1a\n", _photo(".png")),
    (b"GIF87a", _picture(".gif")),
    (b"GIF89a", _picture(".gif")),
    (b"II*\x00", _TIFF),
    (b"MM\x00*", _TIFF),
    (b"\xff\x0a", _picture(".jxl")),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", _picture(".jxl")),
    (b"\x00\x00\x01\x00", FileType(".ico")),
    (b"8BPS", FileType(".psd")),
    (b"%PDF-", FileType(".pdf")),
    (b"PK\x03\x04", _family(".zip")),
    (b"PK\x05\x06", _family(".zip")),
    (b"Rar!\x1a\x07", FileType(".rar")),
    (b"7z\xbc\xaf\x27\x1c", FileType(".7z")),
    (b"\x1f\x8b\x08", _family(".gz")),
    (b"BZh", _family(".bz2")),
    (b"\xfd7zXZ\x00", _family(".xz")),
    (b"\x28\xb5\x2f\xfd", _family(".zst")),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _family(".doc")),
    (b"{\\rtf", FileType(".rtf")),
    (b"AT&TFORM", FileType(".djvu")),
    (b"MZ", _family(".exe")),
    (b"\x7fELF", UNKNOWN),
    (b"SQLite format 3\x00", _family(".sqlite")),
    (b"wOFF", FileType(".woff")),
    (b"wOF2", FileType(".woff2")),
)
_BY_BRAND: dict[bytes, FileType] = {
    **dict.fromkeys((b"avif", b"avis"), _picture(".avif")),
    # ffmpeg reads single tiles of it at best.
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"), FileType(".heic")),
}
# A bitmap's second header, by its size.
_BMP_HEADERS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
_WEBP_MOVES = 0x02

# Video and sound, and the suffixes that either may have, the usual one first.
_MEDIA: tuple[tuple[re.Pattern[bytes], str], ...] = tuple(
    (re.compile(start, re.DOTALL), suffixes)
    for start, suffixes in (
        (rb".{4}ftyp", ".mp4 .m4a .m4v .m4b .mov .qt .3gp .3g2 .f4v"),
        (rb"\x47.{187}\x47.{187}\x47", ".ts .mts .m2ts"),
        (rb"\x1a\x45\xdf\xa3.{1,60}?webm", ".webm .weba .mkv .mka"),
        (rb"\x1a\x45\xdf\xa3", ".mkv .mka .webm .weba"),
        (rb"OggS", ".ogg .oga .opus .ogv"),
        (rb"fLaC", ".flac"),
        (rb"FLV\x01", ".flv"),
        (rb"RIFF.{4}WAVE", ".wav"),
        (rb"RIFF.{4}AVI ", ".avi"),
        (rb"\xff[\xf0\xf1\xf8\xf9]", ".aac"),
        (rb"\xff[\xe2-\xe7\xf2-\xf7\xfa-\xff]", ".mp3 .mp2"),
    )
)

_ALIASES = {".jpeg": ".jpg", ".jpe": ".jpg", ".jfif": ".jpg", ".tif": ".tiff"}
_OF_MEDIA = _suffixes(
    ".3gp .aac .avi .flac .flv .m4a .m4v .mka .mkv .mov .mp3 .mp4 .mpeg .mpg .oga .ogg .ogv .opus "
    ".wav .weba .webm .wma .wmv"
)
# Suffixes of programs on a server, which say nothing about their answers.
_OF_SERVERS = _suffixes(".action .ashx .asp .aspx .cgi .do .htm .html .jsp .php .pl")
_TAKEN = frozenset(
    {kind.suffix for _, kind in _BY_START}
    | {kind.suffix for kind in (*_BY_BRAND.values(), TEXT, _XML, _SVG, _WEBP, _BMP, _TAR)}
    | _OF_MEDIA
    | _OF_SERVERS
)


def of(path: Path) -> FileType | None:
    """The type of the file at `path`; None if it may be video or sound."""
    with path.open("rb") as file:
        found = of_bytes(file.read(HEAD_BYTES))
        # Scans, and what cameras store: a photo of one would be a single page, or a thumbnail.
        return _PAGES_OF_TIFF if found is _TIFF and _has_pages(file) else found


def of_bytes(head: bytes) -> FileType | None:
    """The type of a file that begins with `head`; None if it may be video or sound.

    >>> of_bytes(b"%PDF-1.7").suffix
    '.pdf'
    """
    if found := next((kind for start, kind in _BY_START if head.startswith(start)), None):
        return found
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        flags = head[20:21] if head[12:16] == b"VP8X" else b""
        return _MOVING_WEBP if flags and flags[0] & _WEBP_MOVES else _WEBP
    if head[4:8] == b"ftyp":
        length = int.from_bytes(head[:4])
        brands = (head[at : at + 4] for at in range(8, min(length, len(head)), 4))
        return next((_BY_BRAND[brand] for brand in brands if brand in _BY_BRAND), None)
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return _BMP
    if head[257:262] == b"ustar":
        return _TAR
    return _of_text(head) if head.startswith(_UTF_16) or not _BINARY.search(head) else None


def is_text(head: bytes) -> bool:
    """Whether what begins with `head` is text throughout, as pages of errors are.

    Not if it may be UTF-16, since sound and what is encrypted may begin like that.
    """
    return bool(head) and not _BINARY.search(head) and not head.startswith(_UTF_16)


def suffix_of(kind: FileType, names: Iterable[str]) -> str:
    """The suffix for a file of this type that is said to have one of these `names`.

    >>> suffix_of(TEXT, ["table.csv"]), suffix_of(TEXT, ["get.php", "film.mp4"])
    ('.csv', '.txt')
    """
    suffixes = (PurePosixPath(name).suffix.lower() for name in names if kind.has_kinds)
    return next((suffix for suffix in suffixes if _fits(suffix, kind)), kind.suffix)


def _fits(suffix: str, kind: FileType) -> bool:
    """Whether a file of this type may have a suffix: its own, or that of no other type."""
    is_free = _ALIASES.get(suffix, suffix) not in _TAKEN
    return suffix == kind.suffix or (is_free and _SUFFIX.fullmatch(suffix) is not None)


def suffix_of_media(path: Path) -> str:
    """The suffix of video or sound at `path`: its own, unless it belongs to another container."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    found = next((names.split() for start, names in _MEDIA if start.match(head)), [path.suffix])
    return path.suffix if path.suffix in found else found[0]


def is_of_media(name: str) -> bool:
    """Whether a name claims to be that of video or sound."""
    return PurePosixPath(name).suffix.lower() in _OF_MEDIA


def _of_text(head: bytes) -> FileType:
    start = head.removeprefix(_UTF_8).lstrip()
    if start.startswith(b"#EXTM3U"):
        return MANIFEST
    if not start.startswith(b"<"):
        return TEXT
    if _HTML.search(start):
        return HTML
    if _MANIFEST.search(start):
        return MANIFEST
    return _SVG if b"<svg" in start else _XML


def _has_pages(tiff: BinaryIO) -> bool:
    """Whether a TIFF has a second image (TIFF 6.0, 2: the offset after the first's entries)."""
    tiff.seek(0)
    order = "<" if tiff.read(2) == b"II" else ">"
    tiff.seek(4)
    try:
        tiff.seek(*struct.unpack(f"{order}I", tiff.read(4)))
        (entries,) = struct.unpack(f"{order}H", tiff.read(2))
        tiff.seek(12 * entries, 1)
        return any(tiff.read(4))
    except struct.error:
        return False
