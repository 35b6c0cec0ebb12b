"""What a piece gets of a server that ignores ranges, or sends others."""

import io

import pytest
from yt_dlp.networking import Request
from yt_dlp.networking.common import Response
from yt_dlp.networking.exceptions import TransportError

from worker.downloads.ytdlp.transfer import ranges

FILE = bytes(range(200))


def request(wanted: str | None) -> Request:
    return Request("https://example.com/f", headers={"Range": f"bytes={wanted}"} if wanted else {})


def response(**headers: str) -> Response:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(io.BytesIO(FILE), "https://example.com/f", given)


@pytest.mark.parametrize(
    ("wanted", "content_range", "is_met"),
    [
        ("5-9", None, False),
        ("0-9", None, False),
        ("5-9", "bytes */200", False),
        ("5-9", "bytes 5-9/200", True),
        ("5-9", "bytes 5-9/*", True),
        ("5-9", "bytes 0-199/200", False),
        ("5-9", "bytes 5-199/200", False),
        ("5-9", "bytes 5-7/200", False),
        ("5-9", "bytes 0-15/200", False),
        ("190-299", "bytes 190-199/200", True),
        ("5-", "bytes 5-199/200", True),
        ("5-", "bytes 5-99/200", False),
        ("5-", "bytes 0-199/200", False),
        ("5-", "bytes 5-99/*", True),
        ("5-", None, True),  # yt-dlp begins again by itself
        (None, None, True),
        (None, "bytes 0-199/200", True),
        ("nonsense", None, True),
    ],
)
def test_a_range_is_met(wanted: str | None, content_range: str | None, is_met: bool) -> None:
    headers = {"Content_Range": content_range} if content_range else {}
    assert ranges.is_met(request(wanted), response(**headers)) is is_met


@pytest.mark.parametrize(("length", "is_met"), [("5", True), ("200", False)])
def test_a_server_may_forget_to_say_which_range_it_is(length: str, is_met: bool) -> None:
    answer = Response(io.BytesIO(FILE), "https://example.com/f", {"Content-Length": length}, 206)
    assert ranges.is_met(request("5-9"), answer) is is_met


def part(start: int, end: int) -> Response:
    told = {"Content-Range": f"bytes {start}-{end - 1}/200", "Content-Length": str(end - start)}
    return Response(io.BytesIO(FILE[start:end]), "https://example.com/f", told, 206)


@pytest.mark.parametrize(
    ("wanted", "sent"),
    [("50-99", (0, 200)), ("50-99", (50, 200)), ("50-99", (32, 128)), ("50-", (0, 200))],
)
def test_the_range_is_cut_out_of_another(wanted: str, sent: tuple[int, int]) -> None:
    cut = ranges.cut(request(wanted), part(*sent))
    data = cut.read()
    assert data == FILE[50 : 200 if wanted.endswith("-") else 100]
    assert cut.headers["Content-Length"] == str(len(data))
    assert cut.headers["Content-Range"] == f"bytes 50-{49 + len(data)}/200"


@pytest.mark.parametrize("wanted", ["50-99", "50-"])
def test_a_range_that_ends_too_soon_is_not_called_whole(wanted: str) -> None:
    cut = ranges.cut(request(wanted), part(40, 60))
    assert int(cut.headers["Content-Length"]) == (50 if wanted == "50-99" else 150)
    assert cut.read(1024) == FILE[50:60]
    with pytest.raises(TransportError, match="more expected"):
        cut.read(1024)


@pytest.mark.parametrize("sent", [(0, 50), (51, 200), (100, 200)])
def test_a_range_that_lacks_the_beginning_is_none(sent: tuple[int, int]) -> None:
    with pytest.raises(TransportError, match="another range"):
        ranges.cut(request("50-99"), part(*sent))


@pytest.mark.parametrize("told", [{"Content_Length": "200"}, {}, {"Content_Encoding": "br"}])
@pytest.mark.parametrize("block", [1, 7, 1024, None])
def test_the_range_is_cut_out(told: dict[str, str], block: int | None) -> None:
    cut = ranges.cut(request("50-99"), response(**told))
    data = b"".join(iter(lambda: cut.read(block), b""))
    assert data == FILE[50:100]
    assert (cut.status, cut.headers["Content-Length"]) == (206, "50")
    assert cut.headers["Content-Range"].startswith("bytes 50-99/")


@pytest.mark.parametrize(
    ("wanted", "length"), [("190-299", 10), ("0-199", 200), ("199-199", 1), ("300-399", 0)]
)
def test_there_may_be_less_than_a_playlist_says(wanted: str, length: int) -> None:
    cut = ranges.cut(request(wanted), response(Content_Length="200"))
    assert len(cut.read()) == length == ranges.length_of(cut)


@pytest.mark.parametrize(
    ("headers", "length"),
    [
        ({"Content_Length": "200"}, 200),
        ({"Content_Length": "200", "Content_Encoding": "gzip"}, None),
        ({"Content_Length": "many"}, None),
        ({}, None),
    ],
)
def test_a_length_is_told_or_not(headers: dict[str, str], length: int | None) -> None:
    assert ranges.length_of(response(**headers)) == length
