"""What servers say of their files that is odd: their names, their types, their lengths."""

import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile.web import Web, content, stream
from tests.sandbox.clips import SAMPLE
from tests.support.download_limits import LIMITS
from tests.support.downloads_harness import Worker
from tests.support.media import make
from worker.errors import Fault, Reason
from worker.protocol import MediaKind


@pytest.fixture
def web() -> Iterator[Web]:
    with Web() as web:
        yield web


@pytest.mark.usefixtures("needs_ffmpeg")
@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/get.php", "video/mp4"),
        ("/Play.ASPX", "video/mp4"),
        ("/stream.jsp", "video/mp4"),
        ("/clip.cgi", "application/octet-stream"),
        ("/clip.exe", "video/mp4"),
        ("/clip.mp4backup", "video/mp4"),
        ("/clip", "video/x-something-new"),
        ("/clip", "video/x.y+z"),
    ],
)
def test_a_video_is_one_whatever_its_name_ends_in(
    warm: Worker, web: Web, path: str, content_type: str
) -> None:
    web.answers[path] = content(SAMPLE.read_bytes(), content_type)
    media = warm.run(web.url + path, LIMITS).media
    assert media.facts.kind is MediaKind.VIDEO
    assert media.path.endswith(".mp4")


@pytest.mark.usefixtures("needs_ffmpeg")
@pytest.mark.parametrize("page_type", ["video/x-new", "video/x.php"])
def test_a_page_may_call_its_video_what_it_likes(warm: Worker, web: Web, page_type: str) -> None:
    source = f'<source src="/media?id=1" type="{page_type}">'
    page = f"<!doctype html><title>A page</title><video controls>{source}</video>"
    web.answers["/page.html"] = content(page)
    web.answers["/media"] = content(SAMPLE.read_bytes(), page_type)
    assert warm.run(f"{web.url}/page.html", LIMITS).media.facts.kind is MediaKind.VIDEO


@pytest.mark.usefixtures("needs_ffmpeg")
@pytest.mark.parametrize("length", ["undefined", "-1", "{size}, {size}"])
def test_a_length_that_is_no_number_costs_nothing(warm: Worker, web: Web, length: str) -> None:
    video = SAMPLE.read_bytes()
    told = {"Content_Length": length.format(size=len(video))}
    web.answers["/clip.mp4"] = stream(lambda: [video], "video/mp4", **told)
    assert warm.run(f"{web.url}/clip.mp4", LIMITS).media.facts.kind is MediaKind.VIDEO


@pytest.mark.usefixtures("needs_ffmpeg")
def test_a_page_may_name_an_encoding_that_there_is_not(warm: Worker, web: Web) -> None:
    page = '<!doctype html><title>A page</title><video src="/clip.mp4"></video>'
    web.answers["/page"] = content(page, "text/html; charset=undefined")
    web.answers["/clip.mp4"] = content(SAMPLE.read_bytes(), "video/mp4")
    assert warm.run(f"{web.url}/page", LIMITS).media.facts.kind is MediaKind.VIDEO


@pytest.mark.usefixtures("needs_ffmpeg")
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("film.mkv", "-c copy"),
        ("sound.wav", "-vn"),
        ("film.avi", "-c:v mpeg4 -an"),
        ("film.mp4", "-c copy -movflags +frag_keyframe+empty_moov -frag_duration 200000"),
        ("picture.jpg", "-frames:v 1"),
    ],
)
def test_half_a_file_of_unknown_length_is_not_taken_for_all_of_it(
    warm: Worker, web: Web, tmp_path: Path, name: str, arguments: str
) -> None:
    data = make(tmp_path / name, arguments).read_bytes()
    for path, told in (("/whole/", data), ("/half/", data[: len(data) // 2 + 50])):
        web.answers[path + name] = stream(functools.partial(list, [told]), "video/x-any")
    assert warm.run(f"{web.url}/whole/{name}", LIMITS).media.path
    error = warm.run(f"{web.url}/half/{name}", LIMITS).error
    assert (error.reason, error.fault) == (Reason.BROKEN_FILE, Fault.PERMANENT)
