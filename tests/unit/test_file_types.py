"""What a file is by its first bytes, and which of its names is believed."""

import doctest
import struct
from pathlib import Path

import pytest

from worker.downloads.media import file_types
from worker.downloads.media.file_types import FileType


def brands(*names: bytes) -> bytes:
    body = names[0] + bytes(4) + b"".join(names[1:])
    return struct.pack(">I", 8 + len(body)) + b"ftyp" + body


def webp(flags: int) -> bytes:
    return b"RIFF\x00\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00" + bytes([flags])


@pytest.mark.parametrize(
    ("head", "suffix"),
    [
        (b"\xff\xd8\xff\xe0", ".jpg"),
        (b"\x89PNG\r\n\x1a\n", ".png"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", ".webp"),
        (webp(0x10), ".webp"),
        (b"BM" + bytes(12) + b"\x28\x00\x00\x00", ".bmp"),
        (b"II*\x00", ".tiff"),
        (b"MM\x00*", ".tiff"),
        (b"GIF89a", ".gif"),
        (brands(b"avif", b"mif1"), ".avif"),
        (brands(b"mif1", b"avif"), ".avif"),
        (b"\xff\x0a", ".jxl"),
    ],
)
def test_a_picture_is_known_by_its_bytes(head: bytes, suffix: str) -> None:
    kind = file_types.of_bytes(head + bytes(100))
    assert kind is not None
    assert (kind.suffix, kind.is_picture) == (suffix, True)


@pytest.mark.parametrize(
    ("head", "suffix"),
    [
        (webp(0x12), ".webp"),
        (brands(b"heic", b"mif1"), ".heic"),
        (brands(b"mif1", b"heic"), ".heic"),
        (b"%PDF-1.4", ".pdf"),
        (b"PK\x03\x04", ".zip"),
        (b"7z\xbc\xaf\x27\x1c", ".7z"),
        (b"MZ\x90", ".exe"),
        (bytes(257) + b"ustar", ".tar"),
    ],
)
def test_another_file_is_no_picture(head: bytes, suffix: str) -> None:
    kind = file_types.of_bytes(head + bytes(100))
    assert kind is not None
    assert (kind.suffix, kind.is_picture) == (suffix, False)


@pytest.mark.parametrize(
    ("text", "suffix"),
    [
        ("Words.\n", ".txt"),
        ("naïve", ".txt"),
        ("\ufeffПривет", ".txt"),
        ("1 < 2", ".txt"),
        ("<?xml version='1.0'?><gpx/>", ".xml"),
        ("<svg xmlns='http://www.w3.org/2000/svg'><title>A</title></svg>", ".svg"),
        ("<?xml version='1.0'?>\n<svg/>", ".svg"),
        ("<!DOCTYPE html><p>", ".html"),
        ("\n <html lang='en'><svg/>", ".html"),
    ],
)
def test_a_text_is_no_page_unless_it_says_so(text: str, suffix: str) -> None:
    kind = file_types.of_bytes(text.encode())
    assert kind is not None
    assert kind.suffix == suffix


@pytest.mark.parametrize(
    "head",
    [
        brands(b"isom", b"mp42"),
        b"\x1a\x45\xdf\xa3",
        b"ID3\x03\x00",
        b"OggS\x00",
        b"\x47\x40\x00\x10",
        b"BM and other bytes\x00",
        b"\x00\x00\x01\xba",
        b"RIFF\x00\x00\x00\x00AVI ",
    ],
)
def test_what_may_be_media_is_left_to_ffprobe(head: bytes) -> None:
    assert file_types.of_bytes(head + bytes(100)) is None


ZIP, PDF = FileType(".zip", has_kinds=True), FileType(".pdf")


@pytest.mark.parametrize(
    ("kind", "names", "suffix"),
    [
        (ZIP, ["report.docx"], ".docx"),
        (ZIP, ["Game.APK"], ".apk"),
        (ZIP, ["get.php", "file.epub"], ".epub"),
        (ZIP, ["report.pdf"], ".zip"),
        (ZIP, ["film.mp4"], ".zip"),
        (ZIP, ["a.txt"], ".zip"),
        (ZIP, ["a.tar.gz/download"], ".zip"),
        (ZIP, ["a.b-c", "a.verylongone", "a."], ".zip"),
        (ZIP, ["../../etc/x.sh\x00"], ".zip"),
        (PDF, ["paper.docx"], ".pdf"),
        (file_types.TEXT, ["data.csv"], ".csv"),
        (file_types.TEXT, ["page.php", "file.json"], ".json"),
        (file_types.TEXT, ["photo.jpg"], ".txt"),
        (file_types.of_bytes(b"<?xml version='1.0'?>"), ["feed.xml", "file.xsl"], ".xml"),
        (ZIP, ["a.zip", "file.docx"], ".zip"),
        (file_types.UNKNOWN, ["firmware.img"], ".img"),
        (file_types.UNKNOWN, [], ".bin"),
    ],
)
def test_a_name_is_believed_where_the_bytes_leave_it_open(
    kind: FileType, names: list[str], suffix: str
) -> None:
    assert file_types.suffix_of(kind, names) == suffix


@pytest.mark.parametrize(
    ("next_page", "is_picture"), [(0, True), (8, False)], ids=["one page", "two"]
)
@pytest.mark.parametrize(("order", "mark"), [("<", b"II*\x00"), (">", b"MM\x00*")])
def test_a_tiff_of_several_pages_is_no_picture(
    tmp_path: Path, order: str, mark: bytes, next_page: int, is_picture: bool
) -> None:
    entry = bytes(12)
    head = mark + struct.pack(f"{order}IH", 8, 1) + entry + struct.pack(f"{order}I", next_page)
    (tmp_path / "scan").write_bytes(head)
    kind = file_types.of(tmp_path / "scan")
    assert kind is not None
    assert (kind.suffix, kind.is_picture) == (".tiff", is_picture)


def test_the_examples_are_true() -> None:
    found = doctest.testmod(file_types)
    assert (found.failed, found.attempted > 1) == (0, True)


@pytest.mark.parametrize(
    "head",
    [
        b"#EXTM3U\n#EXT-X-VERSION:3\n",
        b"\xef\xbb\xbf\n#EXTM3U\n",
        b'<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011">',
        b'<?xml version="1.0"?><!DOCTYPE MPD [<!ENTITY a "b">]><MPD>',
        b'<SmoothStreamingMedia MajorVersion="2">',
        b'<manifest xmlns="http://ns.adobe.com/f4m/1.0">',
    ],
)
def test_a_list_for_a_player_is_no_file_to_send(head: bytes) -> None:
    assert file_types.of_bytes(head) is file_types.MANIFEST


@pytest.mark.parametrize(
    "head", [b"<?xml version='1.0'?><rss>", b"#EXT", b"<manifest package='a'>"]
)
def test_other_text_is_a_file(head: bytes) -> None:
    assert file_types.of_bytes(head) is not file_types.MANIFEST


@pytest.mark.parametrize(
    ("head", "is_text"),
    [
        (b"<html><title>No</title></html>", True),
        (b'{"error": "expired"}', True),
        ("Доступ запрещён".encode(), True),
        (b"\x47\x40\x00\x10\x00", False),
        (b"\x00\x00\x00\x18stypmsdh", False),
        (b"<html>" + bytes(4), False),
        (b"\xff\xfet\xe0", False),  # it may be MPEG audio
        (b"", False),
    ],
)
def test_media_are_no_text(head: bytes, is_text: bool) -> None:
    assert file_types.is_text(head) is is_text


@pytest.mark.parametrize(
    ("head", "name", "suffix"),
    [
        (b"\x47".ljust(188, b"\0") * 3, "media.mp4", ".ts"),
        (b"\x47".ljust(188, b"\0") * 3, "media.mts", ".mts"),
        (b"\0\0\0\x18ftypisom", "media.m4a", ".m4a"),
        (b"\0\0\0\x18ftypisom", "media.webm", ".mp4"),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm", "media.mp4", ".webm"),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x82\x88matroska", "media.mp4", ".mkv"),
        (b"\xff\xf1\x50\x80", "media.mp4", ".aac"),
        (b"\xff\xfb\x90\x64", "media.m4a", ".mp3"),
        (b"\xff\xfb\x90\x64", "media.mp3", ".mp3"),
        (b"RIFF\0\0\0\0AVI LIST", "media.avi", ".avi"),
        (b"OggS", "media.opus", ".opus"),
        (b"ID3\x04", "media.aac", ".aac"),
        (b"\0\0\0\0", "media.mp4", ".mp4"),
    ],
)
def test_the_suffix_of_media_is_that_of_its_container(
    tmp_path: Path, head: bytes, name: str, suffix: str
) -> None:
    path = tmp_path / name
    path.write_bytes(head)
    assert file_types.suffix_of_media(path) == suffix
