"""The bot's runs: what is known of how they ended, and how long a failed one waits."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from maintenance import runs
from maintenance.exit_codes import EXIT_NOT_NOW, EXIT_STALLED
from maintenance.runs import (
    COUNTED_S,
    ENDS,
    MAX_PAUSE_S,
    UNCOUNTED_PAUSE_S,
    Starts,
)
from tests.support.ledger_kit import make_empty_ledger
from worker.clocks import Wall
from worker.ledger import ledger_path
from worker.ledger.upkeep.upkeep import Upkeep

NOW = Wall(1_000_000.0)
KILLED = None
NOT_RECORDED = "not recorded (it was killed, or the machine went down)"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Upkeep]:
    make_empty_ledger(ledger_path(tmp_path))
    with Upkeep(ledger_path(tmp_path)) as ledger:
        yield ledger


def later(seconds: float) -> Wall:
    return Wall(NOW + seconds)


# --------------------------------------------------------------------------------- the pauses


@pytest.mark.parametrize("exitcode", [EXIT_STALLED, EXIT_NOT_NOW])
def test_pause_grows_with_each_failed_end(exitcode: int, tmp_path: Path) -> None:
    pauses = [runs.note_end(tmp_path, exitcode, later(n)) for n in range(8)]
    assert pauses == [5, 10, 20, 40, 60, 60, 60, 60]


def test_pause_counts_its_own_end_at_any_part_of_a_second(tmp_path: Path) -> None:
    assert [runs.note_end(tmp_path, EXIT_STALLED, later(0.7)) for _ in range(3)] == [5, 10, 20]


@pytest.mark.parametrize("exitcode", [0, 78])
def test_what_is_not_restarted_waits_for_nothing(exitcode: int, tmp_path: Path) -> None:
    assert [runs.note_end(tmp_path, exitcode, NOW) for _ in range(3)] == [0, 0, 0]


@pytest.mark.parametrize("seconds", [COUNTED_S + 1, -5], ids=["an hour ago", "clock set back"])
def test_ends_of_another_time_do_not_count(seconds: float, tmp_path: Path) -> None:
    for _ in range(5):
        runs.note_end(tmp_path, EXIT_STALLED, NOW)
    assert runs.note_end(tmp_path, EXIT_STALLED, later(seconds)) == 5


@pytest.mark.parametrize("content", [b"\xff\n1 2\n\n", b"rubbish " * 1000, b"x y z\n"])
def test_spoiled_file_is_gone_over(content: bytes, tmp_path: Path) -> None:
    (tmp_path / ENDS).write_bytes(content + b"\n")
    assert runs.note_end(tmp_path, EXIT_NOT_NOW, NOW) == 5
    assert runs.note_end(tmp_path, EXIT_NOT_NOW, NOW) == 10


def test_pause_is_long_where_nothing_can_be_written(tmp_path: Path) -> None:
    assert runs.note_end(tmp_path / "no such directory", EXIT_NOT_NOW, NOW) == UNCOUNTED_PAUSE_S


def test_file_stays_small(tmp_path: Path) -> None:
    for number in range(500):
        assert runs.note_end(tmp_path, EXIT_NOT_NOW, later(number)) <= MAX_PAUSE_S
    assert (tmp_path / ENDS).stat().st_size < 5000
    assert [path.name for path in tmp_path.iterdir()] == [ENDS]


# --------------------------------------------------------------------------------- the starts


def replay(
    ledger: Upkeep,
    data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    exitcodes: list[int | None],
    every_s: float = 10,
) -> Starts:
    """The starts as the ledger knows them after runs with these ends, and one more start."""
    for number, exitcode in enumerate([*exitcodes, KILLED]):
        # In a container every run has the same pid.
        monkeypatch.setattr(runs, "_this_process", lambda number=number: f"7 {number}")
        wall = later(number * every_s)
        runs.note_start(ledger, data_dir, wall)
        if exitcode is not KILLED:
            runs.note_end(data_dir, exitcode, wall)
            monkeypatch.setattr(runs, "_this_process", lambda: "8 0")
            runs.note_end(data_dir, EXIT_NOT_NOW, wall)  # another bot, which cannot start here
    return runs.read_starts(ledger, wall)


@pytest.mark.parametrize(
    ("exitcodes", "last_end", "unclean", "is_loop"),
    [
        ([], None, 0, False),
        ([0], "stopped", 0, False),
        ([70], "exit code 70", 1, False),
        ([KILLED], NOT_RECORDED, 1, False),
        ([0, 0, 0, 0, 0, 0], "stopped", 0, False),
        ([KILLED] * 4, NOT_RECORDED, 4, True),
        ([KILLED] * 3, NOT_RECORDED, 3, False),
        ([70, KILLED, 0, 0], "stopped", 2, True),
        ([KILLED, KILLED, 70, 70], "exit code 70", 4, True),
    ],
)
def test_starts_and_ends_are_counted(
    exitcodes: list[int | None],
    last_end: str | None,
    unclean: int,
    is_loop: bool,
    ledger: Upkeep,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    starts = replay(ledger, tmp_path, monkeypatch, exitcodes)
    number = len(exitcodes) + 1
    assert starts == Starts(number, unclean, last_end, number, unclean)
    assert runs.is_crash_loop(starts) is is_loop


def test_starts_of_another_hour_are_none(
    ledger: Upkeep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts = replay(ledger, tmp_path, monkeypatch, [KILLED] * 10, every_s=3599)
    assert (starts.recent, starts.total, starts.unclean_total) == (2, 11, 10)
    assert not runs.is_crash_loop(starts)


def test_a_year_of_starts_stays_small(
    ledger: Upkeep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts = replay(ledger, tmp_path, monkeypatch, [KILLED] * 150)
    assert starts.total == 151
    assert len(ledger.published(runs.STARTS)["starts"]) <= 102
