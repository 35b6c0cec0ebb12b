"""`sites.toml` read again while the bot runs."""

import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from maintenance.sites_watch import SitesWatch
from worker.settings import Sites, SitesFile

GOOD = '["a.example"]\ndownloads = {}\n'


class Watched:
    """A file and who watches it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.watch = SitesWatch(SitesFile((path,)))

    def write(self, text: str) -> None:
        self.path.write_text(text, "utf-8")

    def replace(self, text: str) -> None:
        """As editors do: another file takes the name."""
        new = self.path.with_suffix(".new")
        new.write_text(text, "utf-8")
        new.rename(self.path)

    def look(self, times: int = 3) -> list[int | None]:
        """Look so often; returns the downloads of a site in what was found new."""
        found = [self.watch.check() for _ in range(times)]
        return [sites["a.example"].downloads for sites in found if sites]


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    path = tmp_path / "sites.toml"
    path.write_text(GOOD.format(1), "utf-8")
    return Watched(path)


def test_what_is_unchanged_is_passed_on_to_nobody(watched: Watched) -> None:
    assert watched.watch.sites["a.example"].downloads == 1
    assert watched.look() == []


def test_what_says_the_same_is_passed_on_to_nobody(watched: Watched) -> None:
    watched.path.chmod(0o640)
    assert watched.look() == []
    watched.replace("# the same\n" + GOOD.format(1))
    assert watched.look() == []


def by_writing(watched: Watched) -> list[int | None]:
    watched.write(GOOD.format(2))
    return [2]


def by_replacing(watched: Watched) -> list[int | None]:
    watched.replace(GOOD.format(3))
    return [3]


def by_a_change_of_its_own_length(watched: Watched) -> list[int | None]:
    was = watched.path.stat()
    watched.write(GOOD.format(4))
    os.utime(watched.path, ns=(was.st_atime_ns, was.st_mtime_ns))
    return [4]


def by_removing(watched: Watched) -> list[int | None]:
    watched.path.unlink()
    return [None]


def by_a_link(watched: Watched) -> list[int | None]:
    watched.path.rename(watched.path.with_name("other.toml"))
    watched.path.with_name("new.toml").write_text(GOOD.format(5), "utf-8")
    watched.path.symlink_to("new.toml")
    return [5]


CHANGES = (by_writing, by_replacing, by_a_change_of_its_own_length, by_removing, by_a_link)


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_passed_on_once(
    watched: Watched, change: Callable[[Watched], list[int | None]]
) -> None:
    wanted = change(watched)
    assert watched.look(1) == [], "it may not be all of it yet"
    assert watched.look() == wanted
    assert watched.look() == []


def test_a_file_that_was_not_there_at_the_start(tmp_path: Path) -> None:
    watched = Watched(tmp_path / "sites.toml")
    watched.write(GOOD.format(6))
    assert watched.look() == [6]


def test_what_is_being_written_is_not_read(watched: Watched) -> None:
    text = GOOD.format(7)
    for end in range(0, len(text), 5):
        watched.write(text[:end])
        assert watched.look(1) == []
    watched.write(text)
    assert watched.look() == [7]
    assert watched.watch.trouble is None


BROKEN = {
    "half": ('["a.exam', 1, "line 1: this is not TOML"),
    "a fault": ('\n["a.example"]\ndownloads = 0\n', 1, "line 3: downloads='0': allowed is"),
    "two faults": ('["a.example"]\ndownloads = 0\noff = 1\n', 2, "(and 1 more)"),
}


@pytest.mark.parametrize(("text", "faults", "words"), BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_used_changes_nothing_and_is_told_once(
    watched: Watched, caplog: pytest.LogCaptureFixture, text: str, faults: int, words: str
) -> None:
    watched.replace(text)
    assert watched.look(9) == []
    assert watched.watch.sites["a.example"].downloads == 1
    assert words in str(watched.watch.trouble)
    assert "still in use" in str(watched.watch.trouble)
    assert [each.levelno for each in caplog.records] == [logging.ERROR] * faults
    watched.replace(GOOD.format(8))
    assert watched.look() == [8]
    assert watched.watch.trouble is None


def test_a_file_that_turns_unreadable_changes_nothing(watched: Watched) -> None:
    watched.path.unlink()
    watched.path.symlink_to("gone")
    assert watched.look() == []
    assert "cannot be read" in str(watched.watch.trouble)
    watched.path.unlink()
    watched.write(GOOD.format(9))
    assert watched.look() == [9]


def test_a_file_that_cannot_be_looked_for_is_not_taken_for_gone(
    watched: Watched, tmp_path: Path
) -> None:
    watched.path = tmp_path / "etc" / "sites.toml"
    watched.path.parent.mkdir()
    watched.write(GOOD.format(1))
    watched.watch = SitesWatch(SitesFile((watched.path,)))
    watched.path.parent.rename(tmp_path / "moved")
    # Any name below it is one that nobody can look for, as below what may not be entered.
    watched.path.parent.symlink_to("etc")
    assert watched.look() == []
    assert "cannot be read" in str(watched.watch.trouble)
    watched.path.parent.unlink()
    assert watched.look() == [None], "now it is gone"


def test_a_change_while_it_is_read_is_looked_at_again(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = SitesFile.load

    def load_as_it_changes(file: SitesFile) -> Sites:
        monkeypatch.undo()
        watched.replace(GOOD.format(2))
        sites = real(file)
        watched.replace(GOOD.format(3))
        return sites

    watched.replace(GOOD.format(1))
    watched.watch.check()
    monkeypatch.setattr(SitesFile, "load", load_as_it_changes)
    assert watched.look() == [3]


def test_what_was_a_secret_remains_one(watched: Watched) -> None:
    secrets = [f"secret-{number}" for number in range(3)]
    for number, secret in enumerate(secrets):
        watched.write(f'["a.example".headers]\nX-Key = "{secret}"\n')
        watched.look()
        assert set(watched.watch.sites.secrets) == set(secrets[: number + 1])
    watched.write("")
    watched.look()
    assert set(watched.watch.sites.secrets) == set(secrets)
    assert watched.watch.sites.old_secrets[0] == secrets[-1], "the oldest are forgotten first"
