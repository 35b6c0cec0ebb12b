"""What is kept of the responses that yt-dlp reads."""

import io

import pytest

from worker.downloads.ytdlp import answers
from worker.downloads.ytdlp.answers import Answers

MEBIBYTE = 1024 * 1024


class Response(io.BytesIO):
    url = "https://a.test/page"


def kept(response: Response, *amounts: int | None) -> list[bytes]:
    """The bodies that are kept once so many bytes at a time were read; None for all."""
    found = Answers()
    found.watch(response, "https://a.test/link")
    read = b"".join(response.read(amount) for amount in amounts)
    assert response.getvalue().startswith(read)
    assert all(
        (answer.url, answer.link) == (response.url, "https://a.test/link") for answer in found
    )
    return [answer.body for answer in found]


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        ((None,), [b"0123456789"]),
        ((4, None), [b"0123456789"]),
        ((4,), []),
        ((4, 4, None), []),
        ((4096, None), []),
        ((None, None), [b"0123456789"]),
    ],
)
def test_what_is_read_to_its_end_is_kept(
    amounts: tuple[int | None, ...], expected: list[bytes]
) -> None:
    assert kept(Response(b"0123456789"), *amounts) == expected


def test_an_answer_that_is_too_large_is_not_kept() -> None:
    assert kept(Response(bytes(9 * MEBIBYTE)), None) == []


def test_the_latest_answers_are_kept_and_no_more() -> None:
    found = Answers()
    for number in range(20):
        response = Response(bytes([number]))
        found.watch(response, "")
        response.read()
    assert [answer.body[0] for answer in found] == list(range(20 - answers._MAX_ANSWERS, 20))
    large = Response(bytes(8 * MEBIBYTE))
    found.watch(large, "")
    large.read()
    assert [len(answer.body) for answer in found] == [8 * MEBIBYTE]
    found.forget()
    assert list(found) == []
