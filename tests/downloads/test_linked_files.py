"""Links that lead straight to a picture or another file, whatever it is called."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile.web import Web, content
from tests.sandbox.clips import SAMPLE
from tests.support.download_limits import LIMITS, limits_with
from tests.support.downloads_harness import Worker
from tests.support.media import make, probe
from worker.errors import Fault, Reason
from worker.protocol import MediaKind

ANIMATION, DOCUMENT, PHOTO = MediaKind.ANIMATION, MediaKind.DOCUMENT, MediaKind.PHOTO
OCTETS = "application/octet-stream"
STILL = "-frames:v 1"

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")


@pytest.fixture
def web() -> Iterator[Web]:
    with Web() as web:
        yield web


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("made")


@pytest.mark.parametrize(
    ("source", "arguments", "path", "content_type", "suffix"),
    [
        ("a.jpg", STILL, "/media/XYZ?format=jpg&name=large", "image/jpeg", ".jpg"),
        ("a.jpg", STILL, "/IMG_0001.JPG", "image/jpeg", ".jpg"),
        ("a.jpg", STILL, "/a.jpg:large", "image/jpeg", ".jpg"),
        ("a.jpg", STILL, "/picture.php", "image/jpeg", ".jpg"),
        ("a.jpg", STILL, "/picture.php", "text/html", ".jpg"),
        ("a.jpg", STILL, "/lies.mp4", "video/mp4", ".jpg"),
        ("a.png", STILL, "/a", OCTETS, ".png"),
        ("a.webp", STILL, "/a.jpeg", "image/jpeg", ".webp"),
        ("a.bmp", STILL, "/a.bmp", "image/bmp", ".jpg"),
        ("a.tiff", STILL, "/a.tif", "image/tiff", ".jpg"),
        ("a.gif", STILL, "/a.gif", "image/gif", ".png"),
        ("a.avif", f"{STILL} -c:v libaom-av1 -cpu-used 8", "/a.avif", "image/avif", ".jpg"),
        ("a.apng", f"{STILL} -f apng", "/a.png", "image/png", ".png"),
    ],
)
def test_a_still_picture_is_a_photo(
    warm: Worker,
    web: Web,
    made: Path,
    source: str,
    arguments: str,
    path: str,
    content_type: str,
    suffix: str,
) -> None:
    picture = made / source
    data = (picture if picture.exists() else make(picture, arguments)).read_bytes()
    web.answers[path.partition("?")[0]] = content(data, content_type)
    media = warm.run(web.url + path, LIMITS).media
    assert (media.facts.kind, media.facts.width, media.facts.height) == (PHOTO, 320, 240)
    assert Path(media.path).suffix == suffix
    assert (probe(media.path).width, media.thumbnail) == (320, None)


@pytest.mark.parametrize(
    ("source", "arguments", "kind", "suffix"),
    [
        ("b.gif", "-t 1 -r 5", ANIMATION, ".gif"),
        ("b.apng", "-t 1 -r 5 -plays 0 -f apng", ANIMATION, ".mp4"),
        ("b.avif", "-t 1 -r 5 -an -c:v libaom-av1 -cpu-used 8", ANIMATION, ".mp4"),
        # ffmpeg cannot read those that move.
        ("b.webp", "-t 1 -r 5 -c:v libwebp_anim", DOCUMENT, ".webp"),
    ],
)
def test_a_picture_that_moves_still_moves(
    warm: Worker, web: Web, made: Path, source: str, arguments: str, kind: MediaKind, suffix: str
) -> None:
    web.answers["/moving"] = content(make(made / source, arguments).read_bytes(), OCTETS)
    media = warm.run(f"{web.url}/moving", LIMITS).media
    assert (media.facts.kind, Path(media.path).suffix) == (kind, suffix)


@pytest.mark.parametrize(
    "arguments", ["-vf scale=2100:100,setsar=1", "-vf scale=6000:4100,setsar=1"], ids=str
)
def test_a_picture_beyond_the_limits_of_photos_stays_a_file(
    warm: Worker, web: Web, made: Path, arguments: str
) -> None:
    data = make(made / "large.bmp", f"{STILL} {arguments}").read_bytes()
    web.answers["/large.bmp"] = content(data, "image/bmp")
    media = warm.run(f"{web.url}/large.bmp", limits_with(max_file_bytes=10**8)).media
    assert (media.facts.kind, Path(media.path).suffix) == (DOCUMENT, ".bmp")
    assert Path(media.path).read_bytes() == data


def archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("a.txt", "words")
    return file.getvalue()


HEIC = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(500)
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'/>"
PDF = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n" + bytes(100)
NAMED = {"Content_Disposition": 'attachment; filename="Annual report.docx"'}


@pytest.mark.parametrize(
    ("path", "data", "content_type", "headers", "title", "suffix"),
    [
        ("/paper.pdf", PDF, "application/pdf", {}, "paper", ".pdf"),
        ("/get.php", PDF, OCTETS, {}, "get", ".pdf"),
        ("/a.zip", archive(), "application/zip", {}, "a", ".zip"),
        ("/a.apk", archive(), OCTETS, {}, "a", ".apk"),
        ("/get.aspx", archive(), OCTETS, NAMED, "Annual report", ".docx"),
        ("/notes.txt", b"Words.\n", "text/plain", {}, "notes", ".txt"),
        ("/export", b"a,b\n1,2\n", "text/csv", {}, "export", ".csv"),
        ("/api", b'{"a": 1}', "application/json", {}, "api", ".json"),
        ("/drawing.svg", SVG, "image/svg+xml", {}, "drawing", ".svg"),
        ("/tour.gpx", b"<?xml version='1.0'?>\n<gpx></gpx>", "application/xml", {}, "tour", ".gpx"),
        ("/IMG_1.HEIC", HEIC, "image/heic", {}, "IMG_1", ".heic"),
        ("/setup.exe", b"MZ\x90" + bytes(900), OCTETS, {}, "setup", ".exe"),
        ("/firmware.img", bytes(range(256)) * 9, OCTETS, {}, "firmware", ".img"),
        ("/lies.mp4", archive(), "video/mp4", {}, "lies", ".zip"),
    ],
)  # fmt: skip
def test_another_file_comes_as_it_is_under_its_own_name(
    warm: Worker,
    web: Web,
    path: str,
    data: bytes,
    content_type: str,
    headers: dict[str, str],
    title: str,
    suffix: str,
) -> None:
    web.answers[path] = content(data, content_type, **headers)
    media = warm.run(web.url + path, LIMITS).media
    assert (media.facts.kind, media.facts.title) == (DOCUMENT, title)
    assert (Path(media.path).suffix, Path(media.path).read_bytes()) == (suffix, data)


@pytest.mark.parametrize(
    ("data", "content_type", "reason"),
    [
        ("<!doctype html><title>A page</title>Words.", "text/html", Reason.UNSUPPORTED),
        ("<!doctype html><title>A page</title>Words.", OCTETS, Reason.UNSUPPORTED),
        ("<!doctype html><title>A page</title>Words.", "video/mp4", Reason.UNSUPPORTED),
        ("Words without a tag.", "text/html; charset=utf-8", Reason.UNSUPPORTED),
        ("<div>A part of a page</div>", "text/html", Reason.UNSUPPORTED),
    ],
)
def test_a_page_is_no_file(
    warm: Worker, web: Web, data: str, content_type: str, reason: Reason
) -> None:
    web.answers["/a"] = content(data, content_type)
    error = warm.run(f"{web.url}/a", LIMITS).error
    assert (error.reason, error.fault) == (reason, Fault.PERMANENT)


def test_a_file_that_claims_to_be_media_and_is_none_is_broken(warm: Worker, web: Web) -> None:
    web.answers["/film.mp4"] = content(bytes(range(256)) * 9, "video/mp4")
    assert warm.run(f"{web.url}/film.mp4", LIMITS).error.reason is Reason.BROKEN_FILE


def test_a_page_offers_media_and_no_other_file(warm: Worker, web: Web) -> None:
    web.answers["/page"] = content('<!doctype html><video><source src="/a.mp4"></video>')
    web.answers["/a.mp4"] = content(archive(), "video/mp4")
    assert warm.run(f"{web.url}/page", LIMITS).error.reason is Reason.BROKEN_FILE


def test_a_file_that_is_too_large_cannot_be_cut(warm: Worker, web: Web) -> None:
    web.answers["/a.zip"] = content(archive() + bytes(2_000_000), OCTETS)
    limits = limits_with(max_file_bytes=1_000_000, max_parts=5)
    assert warm.run(f"{web.url}/a.zip", limits).error.reason is Reason.TOO_LARGE


@pytest.mark.parametrize("path", ["/?id=3", "/"])
def test_a_file_whose_link_has_no_name_has_no_title(warm: Worker, web: Web, path: str) -> None:
    web.answers["/"] = content(SAMPLE.read_bytes(), "video/mp4")
    media = warm.run(web.url + path, LIMITS).media
    assert (media.facts.kind, media.facts.title) == (MediaKind.VIDEO, "")
    assert "generic" not in Path(media.path).name
