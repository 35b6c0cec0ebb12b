"""Which cookies go with a link."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from yt_dlp.cookies import YoutubeDLCookieJar

from tests.support.cookie_jar import jar
from worker.downloads.cookies import lent_cookies


@pytest.mark.parametrize(
    ("url", "domain", "is_kept"),
    [
        ("https://www.youtube.com/watch?v=1", ".youtube.com", True),
        ("https://youtu.be/1", ".youtube.com", True),
        ("https://twitter.com/a/status/1", "#HttpOnly_.x.com", True),
        ("https://m.example.com:8443/", "login.example.com", True),
        ("http://127.0.0.1:8080/", "127.0.0.1", True),
        ("http://127.0.0.1:8080/", "127.0.0.2", False),
        ("https://example.com/", ".youtube.com", False),
        ("https://example.com/?youtube.com", ".youtube.com", False),
        ("https://youtube.com.example.com/", ".youtube.com", False),
        ("https://notyoutube.com/", ".youtube.com", False),
        ("https://a.co.uk/", ".b.co.uk", False),
        ("https://a.gouv.fr/", ".b.gouv.fr", False),
        ("https://ada.github.io/", "bob.github.io", False),
        ("https://ada.github.io/", ".github.io", False),
        ("https://a.s3.amazonaws.com/", "b.s3.amazonaws.com", False),
        ("https://a.b.tv/", "c.b.tv", False),
        ("https://m.vk.ru/video1", ".vk.com", True),
        ("https://nico.ms/sm9", ".nicovideo.jp", True),
        ("https://redd.it/1", ".reddit.com", True),
        ("https://vk.com.example.com/", ".vk.com", False),
        ("https://instagram.com/p/1", ".facebook.com", False),
        ("https://example.com/", "# .example.com", False),
        ("https://example.com/", "", False),
    ],
)
def test_a_cookie_goes_with_its_site_alone(
    url: str, domain: str, is_kept: bool, tmp_path: Path
) -> None:
    lent_cookies.copy_site_cookies(url, jar(tmp_path / "all", domain), tmp_path / "own")
    assert (tmp_path / "own").read_text().count("value") == is_kept
    assert stat.S_IMODE((tmp_path / "own").stat().st_mode) == 0o600


@pytest.mark.parametrize("rubbish", [b"", b"\xff\xfe\0", b"a\tb\n" * 9, b"\t" * 6 + b"\n", b"["])
def test_rubbish_is_no_cookie(rubbish: bytes, tmp_path: Path) -> None:
    (tmp_path / "all").write_bytes(rubbish)
    lent_cookies.copy_site_cookies("https://example.com/", tmp_path / "all", tmp_path / "own")
    assert (tmp_path / "own").read_text() == "# Netscape HTTP Cookie File\n"


GOOD = ".a.example\tTRUE\t/\tTRUE\t0\tgood\tvalue\n"


@pytest.mark.parametrize(
    ("odd", "names"),
    [
        ("a.example\tTRUE\t/\tTRUE\t0\todd\tvalue", ["good", "odd"]),
        (".a.example\tFALSE\t/\tTRUE\t0\todd\tvalue", ["good", "odd"]),
        ("\ufeff.a.example\tTRUE\t/\tTRUE\t0\todd\tvalue", ["good", "odd"]),
        ("#HttpOnly_.a.example\tTRUE\t/\tTRUE\t4000000000.5\todd\tvalue", ["good", "odd"]),
        (f".a.example\tTRUE\t/\tTRUE\t{'9' * 5000}\todd\tvalue", ["good", "odd"]),
        (".a.example\tTRUE\t/\tTRUE\t0\todd\tin Latin-1: \udce9", ["good"]),
        (".a.example\tTRUE\t/\tTRUE\t0\todd\t\x00", ["good"]),
    ],
    ids=["no dot", "a dot", "byte order mark", "fraction", "digits", "Latin-1", "NUL"],
)
def test_an_odd_line_does_not_cost_the_cookies_beside_it(
    odd: str, names: list[str], tmp_path: Path
) -> None:
    text = f"{odd}\r\n{GOOD}"
    (tmp_path / "all").write_bytes(text.encode(errors="surrogateescape"))
    lent = lent_cookies.copy_site_cookies("https://a.example/", tmp_path / "all", tmp_path / "own")
    found = YoutubeDLCookieJar(str(tmp_path / "own"))
    found.load()
    assert sorted(cookie.name for cookie in found) == names
    assert lent
    assert len(lent.digests) == len(lent.lasting) == len(names)
