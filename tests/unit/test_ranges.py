"""What a piece gets of a server that ignores ranges."""

import io

import pytest
from yt_dlp.networking import Request
from yt_dlp.networking.common import Response

from worker.downloads.ytdlp.transfer import ranges

FILE = bytes(range(200))


def request(wanted: str | None) -> Request:
    return Request("https://example.com/f", headers={"Range": f"bytes={wanted}"} if wanted else {})


def response(**headers: str) -> Response:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(io.BytesIO(FILE), "https://example.com/f", given)


@pytest.mark.parametrize(
    ("wanted", "content_range", "is_ignored"),
    [
        ("5-9", None, True),
        ("0-9", None, True),
        ("5-9", "bytes 5-9/200", False),
        ("5-", None, False),  # yt-dlp begins again by itself
        (None, None, False),
        ("nonsense", None, False),
    ],
)
def test_a_range_is_ignored(
    wanted: str | None, content_range: str | None, is_ignored: bool
) -> None:
    headers = {"Content_Range": content_range} if content_range else {}
    assert ranges.is_ignored(request(wanted), response(**headers)) is is_ignored


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
