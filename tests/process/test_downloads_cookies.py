"""A download's own cookies, in its file and in its memory: those of its site and no others."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.tools import LINK, tell, told
from tests.support.cookie_jar import jar
from tests.support.download_limits import limits_with
from tests.support.downloads_harness import worker
from worker.downloads.confinement import cookies
from worker.errors import Fault, Reason

# Does not match itself, which lies in the memory that is searched.
ELSEWHERE = re.compile(rb"elsewhere[-]5ad1e7")
_READ: list[bytes] = []


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
    def copy_and_keep(url: str, source: Path, target: Path) -> None:
        # What a reader leaves in freed memory is up to the allocator: here all of it stays.
        _READ.append(source.read_bytes())
        cookies.copy_site_cookies(url, source, target)

    cookies.copy_in_child = copy_and_keep


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
        made.begin(LINK, limits_with(cookies_file=os.fspath(tmp_path / "none")), _look_for_cookies)
        error = made.finish().error
    assert (error.reason, error.fault) == (Reason.INTERNAL, Fault.OPERATOR)


def test_a_line_that_is_no_cookie_is_the_operators_and_not_shown(tmp_path: Path) -> None:
    # A site without a dot in front has no other hosts: yt-dlp refuses this, and repeats it.
    odd = jar(tmp_path / "odd", "127.0.0.1", value="secret-of-a-cookie")
    with worker(tmp_path) as made:
        error = made.run(LINK, limits_with(cookies_file=os.fspath(odd))).error
    assert (error.reason, error.fault) == (Reason.INTERNAL, Fault.OPERATOR)
    assert "secret-of-a-cookie" not in str(error)
