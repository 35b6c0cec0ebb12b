"""What of a download's cookies is written back, and what becomes of the operator's file."""

import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from worker.cookie_file import HEADER, read_line
from worker.downloads.cookies import lent_cookies, returned_cookies
from worker.downloads.cookies.lent_cookies import LentCookies

LINK = "https://www.site.example/v"
SOON = 2
NOW = int(time.time())
NEXT_WEEK, TWO_YEARS = NOW + 7 * 86_400, NOW + 730 * 86_400


def line(
    name: str, value: str, domain: str = ".site.example", expires: object = 0, path: str = "/"
) -> str:
    return f"{domain}\tTRUE\t{path}\tTRUE\t{expires}\t{name}\t{value}\n"


# Of another site, with a comment, with ends of lines of another system, and a broken line.
OTHERS = f"# mine\n\n{line('name', 'other', '.other.example')}"
JAR = HEADER + line("a", "1") + OTHERS + "#HttpOnly_" + line("b", "2").rstrip("\n") + "\r\nbroken\n"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "cookies.txt"
    path.write_bytes(JAR.encode())
    path.chmod(0o600)
    return path


def lend(source: Path) -> tuple[LentCookies, Path]:
    """The cookies of the site, and the file in which a download has them."""
    copy = source.with_name(f"copy-{len(list(source.parent.iterdir()))}")
    lent = lent_cookies.copy_site_cookies(LINK, source, copy)
    assert lent is not None
    return lent, copy


def come_back(source: Path, returned: str | bytes) -> str:
    """What the operator's file holds after a download has left `returned`."""
    lent, copy = lend(source)
    copy.write_bytes(returned.encode() if isinstance(returned, str) else returned)
    returned_cookies.write_back(lent, copy)
    return source.read_bytes().decode()


@pytest.mark.parametrize(
    ("returned", "old", "new"),
    [
        (line("a", "new"), line("a", "1"), line("a", "new")),
        (line("a", "1", expires=SOON), line("a", "1"), line("a", "1", expires=SOON)),
        # What stands in front of a line and behind it stays.
        (line("b", "new"), "TRUE\t0\tb\t2\r\n", "TRUE\t0\tb\tnew\r\n"),
        (line("a", 'x={"y": "z", w}'), line("a", "1"), line("a", 'x={"y": "z", w}')),
        (line("a", "x" * 4095), line("a", "1"), line("a", "x" * 4095)),
        (line("a", ""), line("a", "1"), line("a", "")),
    ],
)
def test_new_values_are_written_back(source: Path, returned: str, old: str, new: str) -> None:
    assert come_back(source, returned) == JAR.replace(old, new)


@pytest.mark.parametrize(
    "returned",
    [
        "",
        b"\xff\xfe\0\t\t\t\t\t\t\n",
        line("a", "1") + line("b", "2"),
        line("new", "1"),
        line("a", "2", domain=".example"),
        line("a", "2", domain="site.example"),
        line("a", "2", domain=".www.site.example"),
        line("a", "2", path="/deeper"),
        line("name", "mine", domain=".other.example"),
        line("a", "x" * 4096),
        line("a", "a;b"),
        line("a", "a\x1b[2Jb"),
        line("a", "a\x00b"),
        line("a", "a\x7fb"),
        line("a", "ä"),
        line("a", "2\t3"),
        line("a", "2\r3"),
        line("a", "2", expires=-1),
        line("a", "2", expires="soon"),
        line("a", "2", expires=""),
        "#" + line("a", "2"),
        line("a", "2") + "#" * (1 << 20),
    ],
    ids=lambda text: repr(text[:60]),
)
def test_nothing_else_is(source: Path, returned: str | bytes) -> None:
    assert come_back(source, returned) == JAR


@pytest.mark.parametrize(
    ("expires", "kept_days"),
    [(NEXT_WEEK, 7), (TWO_YEARS, 400), (253_402_300_799, None), ("9" * 400, None)],
    ids=["a week", "two years", "the year 9999", "digits"],
)
def test_no_cookie_lasts_longer_than_a_browser_would_keep_it(
    source: Path, expires: object, kept_days: int | None
) -> None:
    (kept,) = (
        cookie
        for cookie in map(read_line, come_back(source, line("a", "2", expires=expires)).split("\n"))
        if cookie and cookie.key == (".site.example", "/", "a")
    )
    assert kept.value == "2"
    days = round((int(kept.expires) - NOW) / 86_400) if int(kept.expires) else None
    assert days == kept_days


def test_what_a_site_has_removed_stays(source: Path) -> None:
    assert come_back(source, HEADER + line("a", "new")) == JAR.replace("\ta\t1", "\ta\tnew")


def test_file_of_another_kind_is_not_read(source: Path, tmp_path: Path) -> None:
    (tmp_path / "target").write_text(line("a", "2"))
    made: dict[str, Callable[[Path], object]] = {
        "link": lambda path: path.symlink_to(tmp_path / "target"),
        "second name": lambda path: path.hardlink_to(tmp_path / "target"),
        "pipe": os.mkfifo,
        "directory": os.mkdir,
    }
    for make in made.values():
        lent, copy = lend(source)
        copy.unlink()
        make(copy)
        returned_cookies.write_back(lent, copy)
        assert source.read_bytes().decode() == JAR


def test_mode_and_time_stay(source: Path) -> None:
    for mode in (0o600, 0o640):
        source.chmod(mode)
        os.utime(source, ns=(1, 1_700_000_000_000_000_007))
        come_back(source, line("a", f"mode {mode}"))
        status = source.stat()
        assert stat.S_IMODE(status.st_mode) == mode
        assert status.st_mtime_ns == 1_700_000_000_000_000_007, "no operator has changed it"


def test_read_only_file_stays_as_it_is(source: Path) -> None:
    source.chmod(0o400)
    with pytest.raises(PermissionError):
        come_back(source, line("a", "new"))
    assert source.read_bytes().decode() == JAR


def test_file_behind_a_link_is_replaced_where_it_is(source: Path, tmp_path: Path) -> None:
    real = tmp_path / "elsewhere" / "real.txt"
    real.parent.mkdir()
    source.rename(real)
    source.symlink_to(real)
    come_back(source, line("a", "new"))
    assert source.is_symlink()
    assert "\ta\tnew" in real.read_text()
    assert [path.name for path in real.parent.iterdir()] == ["real.txt"]


def test_downloads_that_end_together_merge(source: Path) -> None:
    (first, one), (second, two) = lend(source), lend(source)
    one.write_text(line("a", "first"))
    two.write_text(line("a", "second") + line("b", "second"))
    returned_cookies.write_back(first, one)
    returned_cookies.write_back(second, two)
    text = source.read_text()
    assert "\ta\tfirst" in text, "the first to change it wins"
    assert "\tb\tsecond" in text


def test_what_the_operator_puts_there_meanwhile_wins(source: Path) -> None:
    lent, copy = lend(source)
    copy.write_text(line("a", "new"))
    mine = JAR.replace("\tb\t2", "\tb\tmine")
    os.utime(source, ns=(0, 0))
    source.write_bytes(mine.encode())
    returned_cookies.write_back(lent, copy)
    assert source.read_bytes().decode() == mine


def test_what_the_operator_puts_there_at_the_last_moment_wins(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lent, copy = lend(source)
    copy.write_text(line("a", "new"))
    fsync = os.fsync

    def replace_first(fd: int) -> None:
        fsync(fd)
        (source.parent / "mine").write_text("mine\n")
        (source.parent / "mine").replace(source)

    monkeypatch.setattr(os, "fsync", replace_first)
    returned_cookies.write_back(lent, copy)
    assert source.read_text() == "mine\n"
    assert not (source.parent / ".cookies.txt.new").exists()


def test_without_its_owner_the_file_is_not_replaced(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "fchown", refuse)
    fstat = os.fstat

    def anothers(fd: int) -> os.stat_result:
        found = list(fstat(fd))
        found[4] += 1  # st_uid
        return os.stat_result(found)

    lent, copy = lend(source)
    copy.write_text(line("a", "new"))
    monkeypatch.setattr(os, "fstat", anothers)
    with pytest.raises(PermissionError):
        returned_cookies.write_back(lent, copy)
    assert source.read_bytes().decode() == JAR
    assert not (source.parent / ".cookies.txt.new").exists()


# ------------------------------------------------------------------------ what is taken away

A, B = line("a", "1"), line("b", "2")


@pytest.mark.parametrize(
    ("left", "is_taken"),
    [
        (HEADER + A + B, False),
        (HEADER + A + line("b", "renewed", expires=SOON), False),
        (HEADER + A + B + line("new", "1"), False),
        (HEADER + A, True),
        (HEADER, True),
        (HEADER + A + line("b", "2", domain=".www.site.example"), True),
        (HEADER + A + line("b", "2", domain=".other.example"), True),
        # Never written, or not by yt-dlp.
        ("", False),
        (A, False),
        (b"\xff\xfe", False),
    ],
)
def test_a_site_that_takes_a_cookie_away(source: Path, left: str | bytes, is_taken: bool) -> None:
    lent, copy = lend(source)
    copy.write_bytes(left.encode() if isinstance(left, str) else left)
    assert returned_cookies.takes_away(lent, copy) is is_taken
    copy.unlink()
    assert not returned_cookies.takes_away(lent, copy)


def test_a_cookie_that_has_ended_by_itself_is_not_taken_away(source: Path) -> None:
    source.write_text(HEADER + A + line("b", "2", expires=SOON))
    lent, copy = lend(source)
    copy.write_text(HEADER + A)
    assert not returned_cookies.takes_away(lent, copy)
