"""What is no ordinary file is not read as one with cookies, wherever it is named."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from maintenance import check, cookies
from maintenance.findings import Level
from worker import cookie_file
from worker.downloads.cookies import returned_cookies
from worker.downloads.cookies.lent_cookies import LentCookies, copy_site_cookies
from worker.settings import Settings

SITE = "site.example"


def a_socket(path: Path) -> None:
    os.mknod(path, stat.S_IFSOCK | 0o600)


def a_link_to_a_pipe(path: Path) -> None:
    os.mkfifo(path.with_suffix(".pipe"))
    path.symlink_to(path.with_suffix(".pipe"))


def a_link_to_a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


MAKERS: dict[str, Callable[[Path], None]] = {
    "pipe": os.mkfifo,
    "link to a pipe": a_link_to_a_pipe,
    "device without an end": a_link_to_a_device,
    "directory": os.mkdir,
    "socket": a_socket,
}


@pytest.fixture(params=MAKERS)
def odd(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "jar"
    MAKERS[request.param](path)
    return path


def look(path: Path) -> None:
    settings = Settings(bot_token="", data_dir=path.parent, cookies_file=path)
    assert cookies.read_all(settings, {}) == {}


def look_at_what_was_sent(path: Path) -> None:
    (path.parent / "cookies").mkdir()
    path.rename(path.parent / "cookies" / f"{SITE}.txt")
    assert cookies.read_all(Settings(bot_token="", data_dir=path.parent), {}) == {}


def check_it(path: Path) -> None:
    (found,) = check.check_cookies(path)
    assert (found.level, "cannot be read" in found.text) == (Level.CRITICAL, True)


def lend(path: Path) -> None:
    with pytest.raises(OSError, match=r"."):
        copy_site_cookies(f"https://{SITE}/", path, path.with_name("copy"))
    assert not path.with_name("copy").exists()


def write_back(path: Path) -> None:
    changed_ns = path.stat().st_mtime_ns
    returned = path.with_name("returned")
    returned.write_text(f".{SITE}\tTRUE\t/\tTRUE\t0\tname\tvalue\n")
    with pytest.raises(OSError, match=r"."):
        returned_cookies.write_back(LentCookies(path, SITE, changed_ns, frozenset()), returned)


@pytest.mark.parametrize("read", [look, look_at_what_was_sent, check_it, lend, write_back])
def test_what_is_no_file_is_not_waited_for(odd: Path, read: Callable[[Path], None]) -> None:
    before = os.listdir("/proc/self/fd")
    read(odd)
    assert os.listdir("/proc/self/fd") == before, "no descriptor is left"


def test_an_ordinary_file_is_opened(tmp_path: Path) -> None:
    (tmp_path / "jar").write_bytes(b"whole")
    (tmp_path / "link").symlink_to("jar")
    with open(cookie_file.open_to_read(tmp_path / "link"), "rb") as opened:
        assert opened.read() == b"whole"
