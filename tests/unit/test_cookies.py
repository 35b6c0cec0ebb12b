"""Which cookies go with a link."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.support.cookie_jar import jar
from worker.downloads.confinement import cookies


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
    cookies.copy_site_cookies(url, jar(tmp_path / "all", domain), tmp_path / "own")
    assert (tmp_path / "own").read_text().count("value") == is_kept
    assert stat.S_IMODE((tmp_path / "own").stat().st_mode) == 0o600


@pytest.mark.parametrize("rubbish", [b"", b"\xff\xfe\0", b"a\tb\n" * 9, b"\t" * 6 + b"\n", b"["])
def test_rubbish_is_no_cookie(rubbish: bytes, tmp_path: Path) -> None:
    (tmp_path / "all").write_bytes(rubbish)
    cookies.copy_site_cookies("https://example.com/", tmp_path / "all", tmp_path / "own")
    assert (tmp_path / "own").read_text() == "# Netscape HTTP Cookie File\n"
