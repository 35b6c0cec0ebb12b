"""When a download may start, and which directories go."""

import os
import re
import shutil
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace

import pytest

from worker.dispatch.disk_space import DiskSpace

GB = 1_000_000_000

Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize(
    ("total", "free", "running", "allowed"),
    [
        (5 * GB, 1.11 * GB, 0, True),  # 1 GB stays free, and there may be twice 50 MB
        (5 * GB, 1.09 * GB, 0, False),
        (5 * GB, 1.19 * GB, 1, False),  # the one that runs may still write as much
        (5 * GB, 1.21 * GB, 1, True),
        (100 * GB, 9.9 * GB, 0, False),  # a tenth stays free
        (100 * GB, 10.2 * GB, 0, True),
    ],
)
def test_download_waits_for_room(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    total: float,
    free: float,
    running: int,
    allowed: bool,
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(total, total - free, free))
    assert DiskSpace(tmp_path, 50_000_000).allows_one_beside(running) is allowed


@pytest.mark.parametrize(
    ("files", "free", "allowed"),
    [(10**6, 999, False), (10**6, 1000, True), (0, 0, True)],  # btrfs counts none
)
def test_download_waits_for_room_for_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: int, free: int, allowed: bool
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 0, 10**12))
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_files=files, f_favail=free))
    assert DiskSpace(tmp_path, 50_000_000).allows_one_beside(0) is allowed


def test_sweep_takes_what_begins_so_and_is_not_live(tmp_path: Path) -> None:
    space = DiskSpace(tmp_path, 50_000_000)
    space.sweep(set(), "")
    for name in ("1-1", "1-2", "2-1", "3-1", "11-1"):
        (space.directory / name).mkdir(parents=True)
        (space.directory / name / "media.mp4").touch()
    space.sweep({"1-2"}, "1-", "3-")
    assert {path.name for path in space.directory.iterdir()} == {"1-2", "2-1", "11-1"}


def test_sweep_leaves_a_player_to_the_download_that_waits_for_it(tmp_path: Path) -> None:
    space = DiskSpace(tmp_path, 50_000_000)
    for name in ("1-1-player", "2-1-player"):
        (space.directory / name).mkdir(parents=True)
    space.sweep({"1-1"}, "")
    assert [path.name for path in space.directory.iterdir()] == ["1-1-player"]


def _patterns_that_re_keeps() -> int:
    return len(vars(re)["_cache"])


def test_sweeps_leave_nothing_of_themselves_in_memory(tmp_path: Path) -> None:
    space = DiskSpace(tmp_path, 50_000_000)
    space.directory.mkdir()
    re.purge()
    for download in range(100):
        space.sweep(set(), f"{download}-")
    assert not _patterns_that_re_keeps()


@pytest.mark.negative
def test_a_glob_would_leave_its_pattern(tmp_path: Path) -> None:
    re.purge()
    for download in range(100):
        list(tmp_path.glob(f"{download}-*"))
    assert _patterns_that_re_keeps() >= 100
