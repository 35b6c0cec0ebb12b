"""A download's own cookies: those of its site, in its file and in its memory, and no others."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.tools import LINK, tell, told
from tests.process.test_downloads import rules
from tests.support.downloads_harness import worker
from worker.downloads.confinement import cookies
from worker.errors import Fault, Reason

# Does not match itself, which lies in the memory that is searched.
ELSEWHERE = re.compile(rb"elsewhere[-]5ad1e7")


def jar(path: Path, *domains: str, value: str = "value") -> Path:
    lines = [f"{domain}\tTRUE\t/\tFALSE\t0\tname\t{value}\n" for domain in domains]
    path.write_text("# Netscape HTTP Cookie File\n# a note\n\n" + "".join(lines))
    return path


@pytest.mark.parametrize(
    ("host", "site"),
    [
        ("example.com", "example.com"),
        ("www.Example.com.", "example.com"),
        ("a.b.c.example.com", "example.com"),
        ("news.example.co.uk", "example.co.uk"),
        ("example.co.uk", "example.co.uk"),
        ("t.co", "t.co"),
        ("localhost", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("", ""),
    ],
)
def test_the_site_of_a_host(host: str, site: str) -> None:
    assert cookies.site_of(host) == site


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


def _look_for_cookies(task: Any, rules: Any, report: Any, extractors: Any) -> None:
    found = False
    with open("/proc/self/mem", "rb", buffering=0) as memory:
        for line in Path("/proc/self/maps").read_text().splitlines():
            if "[heap]" in line or line.rstrip().endswith(" 0"):
                start, end = (int(part, 16) for part in line.split()[0].split("-"))
                try:
                    memory.seek(start)
                    found = found or bool(ELSEWHERE.search(memory.read(end - start)))
                except OSError:
                    continue
    tell(jar=Path("cookies.txt").read_text().count("\t") // 6, memory=found)


def _copy_in_the_same_process() -> None:
    cookies.copy_in_child = cookies.copy_site_cookies


def _mixed(path: Path) -> str:
    jar(path, "127.0.0.1")
    dash = "-"
    with path.open("a") as file:
        for number in range(4096):  # what is read leaves traces by chance: there are many chances
            file.write(f".example.com\tTRUE\t/\tFALSE\t0\tname{number}\telsewhere{dash}5ad1e7\n")
    return os.fspath(path)


def test_a_download_knows_no_other_sites_cookies(tmp_path: Path) -> None:
    with worker(tmp_path, is_cold=True) as made:
        found = told(made, _look_for_cookies, cookies_file=_mixed(tmp_path / "cookies"))
    assert found == {"jar": 1, "memory": False}


@pytest.mark.negative
def test_a_copy_in_its_own_process_leaves_them_in_memory(tmp_path: Path) -> None:
    with worker(tmp_path, prepare=_copy_in_the_same_process, is_cold=True) as weak:
        found = told(weak, _look_for_cookies, cookies_file=_mixed(tmp_path / "cookies"))
    assert found == {"jar": 1, "memory": True}


def test_a_jar_that_is_gone_is_the_operators(tmp_path: Path) -> None:
    with worker(tmp_path, is_cold=True) as made:
        made.begin(LINK, rules(cookies_file=os.fspath(tmp_path / "none")), _look_for_cookies)
        error = made.finish().error
    assert (error.reason, error.fault) == (Reason.INTERNAL, Fault.OPERATOR)


def test_a_line_that_is_no_cookie_is_the_operators_and_not_shown(tmp_path: Path) -> None:
    # A site without a dot in front has no other hosts: yt-dlp refuses this, and repeats it.
    odd = jar(tmp_path / "odd", "127.0.0.1", value="secret-of-a-cookie")
    with worker(tmp_path) as made:
        error = made.run(LINK, rules(cookies_file=os.fspath(odd))).error
    assert (error.reason, error.fault) == (Reason.INTERNAL, Fault.OPERATOR)
    assert "secret-of-a-cookie" not in str(error)
