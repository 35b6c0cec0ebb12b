"""In which encoding a page is read."""

import pytest

from worker.downloads.ytdlp.network import page_encoding


@pytest.mark.parametrize(
    ("content_type", "page", "encoding"),
    [
        ("text/html; charset=iso-8859-1", b"<html>", "iso-8859-1"),
        ("text/html", b"<meta charset='windows-1251'>", "windows-1251"),
        ("text/html", b"<html>", "utf-8"),
        ("text/html; charset=undefined", b"<html>", "utf-8"),
        ("text/html; charset=idna", b"<html>", "utf-8"),
        ("text/html; charset=nonsense", b"<html>", "utf-8"),
        ("text/html; charset=zip", b"<html>", "utf-8"),
        ("text/html; charset=utf-8\0", b"<html>", "utf-8"),
        ("text/html", b"<meta charset='undefined'>", "utf-8"),
        ("text/html", b"<meta charset='\xff'>", "utf-8"),
    ],
)
def test_page_is_read_in_an_encoding_that_there_is(
    content_type: str, page: bytes, encoding: str
) -> None:
    assert page_encoding.guessed(content_type, page) == encoding
