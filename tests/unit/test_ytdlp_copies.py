"""Which yt-dlp is in use: what an update has chosen, unless something speaks against it."""

import dataclasses
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from worker.clocks import Wall
from worker.downloads.ytdlp.packages import copies, installed
from worker.downloads.ytdlp.packages.copies import Installed, Left, Unusable, YtDlpChoice

NAME = "2099.1.1-1"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file that says it, for this process too; with a copy beside it."""
    copies.tell(tmp_path)
    monkeypatch.setenv(copies.VARIABLE, os.environ[copies.VARIABLE])
    for name in ("_used", "_lock", "_has_decided"):
        monkeypatch.setattr(copies, name, getattr(copies, name))
    monkeypatch.setattr(sys, "path", list(sys.path))
    place = copies.directory_of(tmp_path) / NAME
    (place / "yt_dlp").mkdir(mode=0o700, parents=True)
    place.chmod(0o700)
    (place / "yt_dlp/version.py").write_text("__version__ = '2099.1.1'\n")
    (place / "yt_dlp/__init__.py").write_text("")
    yield copies.directory_of(tmp_path) / copies.CHOICE
    copies.let_go()


def choice(**changes: object) -> YtDlpChoice:
    base = YtDlpChoice(Installed("2099.1.1", NAME), copies.own_state(), copies.PYTHON, Wall(1.0))
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


def test_without_any_the_environments_own_is_in_use(file: Path) -> None:
    assert copies.read(file) is None
    assert copies.chosen() is None
    assert installed.version_file() == copies.own_version_file()


def test_a_chosen_copy_is_in_use(file: Path) -> None:
    copies.save(file, choice())
    assert copies.chosen() == file.parent / NAME
    assert installed.installed_version() == "2099.1.1"
    assert copies.programs() == str(file.parent / NAME / "bin")


@pytest.mark.parametrize(
    "one",
    [
        choice(),
        choice(before=Installed("2098.1.1"), trial=0.0),
        choice(chosen=Installed("2098.1.1"), own=None, left=Left("2099.1.1", "why", Wall(5.0))),
        choice(left=Left("2099.1.1", "by hand", Wall(5.0), by_itself=False), trial=7.5),
    ],
)
def test_what_is_saved_is_read(file: Path, one: YtDlpChoice) -> None:
    copies.save(file, one)
    assert copies.read(file) == one
    assert file.stat().st_mode & 0o777 == 0o600
    assert os.listdir(file.parent) in ([NAME, file.name], [file.name, NAME])


@pytest.mark.parametrize(
    "changes",
    [
        {"python": "cpython-38"},
        {"own": None},
        {"own": ("/elsewhere/version.py", 1)},
        {"own": (os.fspath(copies.own_version_file() or ""), 1)},
    ],
)
def test_another_pip_or_python_since_then_takes_over(
    file: Path, changes: dict[str, object]
) -> None:
    copies.save(file, choice(**changes))
    assert copies.chosen() is None
    assert installed.installed_version() != "2099.1.1"


Spoil = Callable[[Path], object]


def names_another_place(file: Path) -> None:
    value = json.loads(file.read_text())
    value["chosen"]["copy"] = f"../{file.parent.name}/{NAME}"
    file.write_text(json.dumps(value))


def leads_elsewhere(file: Path) -> None:
    place = file.parent / NAME
    place.rename(file.parent / "moved")
    place.symlink_to(file.parent / "moved")


def is_a_link(file: Path) -> None:
    file.rename(file.with_name("moved"))
    file.symlink_to(file.with_name("moved"))


def is_a_directory(file: Path) -> None:
    file.unlink()
    file.mkdir()


def is_a_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file, 0o600)


SPOILS: list[Spoil] = [
    names_another_place,
    leads_elsewhere,
    is_a_link,
    lambda file: (file.parent / NAME).chmod(0o770),
    lambda file: (file.parent / NAME).rename(file.parent / "gone"),
    lambda file: file.chmod(0o666),
    lambda file: file.write_text(""),
    lambda file: file.write_text("[" * 9000),
    lambda file: file.write_text('{"chosen": {"version": "1", "copy": "x"}}'),
    lambda file: file.write_text(file.read_text().replace("null", '"x"', 1)),
    lambda file: file.write_text("{}" + " " * 20_000),
    lambda file: file.write_bytes(b"\xff\xfe"),
    is_a_directory,
    is_a_pipe,
]


@pytest.mark.parametrize("spoil", SPOILS)
def test_what_cannot_be_believed_is_not_used(file: Path, spoil: Spoil) -> None:
    copies.save(file, choice())
    spoil(file)
    with pytest.raises(Unusable):
        copies.place_of(file, copies.read(file))
    assert copies.chosen() is None
    assert installed.version_file() == copies.own_version_file()


def test_it_stands_before_packages_and_behind_all_else(file: Path) -> None:
    copies.save(file, choice())
    before = list(sys.path)
    own = copies.own_version_file()
    assert own is not None
    copies.use()
    place = str(file.parent / NAME)
    at = sys.path.index(place)
    assert sys.path[at + 1] == str(own.parents[1])
    assert [entry for entry in sys.path if entry != place] == before
    copies.use()
    assert sys.path.count(place) == 1
    assert copies.own_version_file() == own, "the environment's own is still told apart"


def test_a_process_keeps_to_what_it_has_decided(file: Path) -> None:
    copies.save(file, choice())
    copies.use()
    copies.save(file, choice(chosen=Installed("2098.1.1")))
    # As multiprocessing gives a fork the path of its owner.
    sys.path.remove(str(file.parent / NAME))
    copies.use()
    assert str(file.parent / NAME) in sys.path


def test_it_is_held_as_long_as_it_is_used(file: Path) -> None:
    copies.save(file, choice())
    place = file.parent / NAME
    assert not copies.is_held(place)
    copies.use()
    assert copies.is_held(place)
    copies.let_go()
    assert not copies.is_held(place)


def test_a_save_that_fails_changes_nothing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copies.save(file, choice())

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        copies.save(file, choice(since=2.0))
    monkeypatch.undo()
    assert copies.read(file) == choice()
    assert sorted(os.listdir(file.parent)) == sorted([NAME, file.name])
