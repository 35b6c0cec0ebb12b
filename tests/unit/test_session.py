"""What a session makes of what its download process says."""

import errno
import os
import select
from pathlib import Path

import pytest

from tests.support.download_limits import limits_with
from worker.clocks import Monotonic
from worker.downloads import players, session
from worker.downloads.reports import FoundMedia
from worker.downloads.session import Session
from worker.downloads.ytdlp.extractor_index import ExtractorIndex
from worker.errors import JobError, Reason
from worker.form import WHOLE, Form
from worker.protocol import Download, Identified, Progress, Stage

MB = 1_000_000
LINK = "https://site.example/1"
PLAYER = "https://www.youtube.com/s/player/0a1b2c3d/player_ias.vflset/en_US/base.js"

LIMITS = limits_with(timeout_s=60, idle_timeout_s=1000, job_timeout_s=302, slowest_bps=MB)


class Context:
    def __init__(self) -> None:
        self.reports: list[object] = []

    def report(self, message: object) -> None:
        self.reports.append(message)

    def fileno(self) -> int:
        raise AssertionError

    def raise_if_stopped(self) -> None:
        raise AssertionError


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> Monotonic:
        return Monotonic(self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(session, "monotonic", clock.monotonic)
    return clock


@pytest.fixture
def context() -> Context:
    return Context()


@pytest.fixture
def running(clock: Clock, context: Context, tmp_path: Path) -> Session:
    task = Download(1, LINK, str(tmp_path / "1-1"))
    running = Session(context, task, LIMITS, ExtractorIndex({}))
    running._note_progress()
    return running


def downloading(megabytes: int) -> Progress:
    return Progress(Stage.DOWNLOADING, done_bytes=megabytes * MB)


def finishing(megabytes: int) -> Progress:
    return Progress(Stage.FINISHING, done_bytes=megabytes * MB)


def test_each_video_of_a_post_has_its_own_time(running: Session, clock: Clock) -> None:
    for number in (1, 2, 3):
        running._relay(downloading(10 * number))
        clock.now += 25
        running._check_time(Monotonic(clock.now))
        running._relay(finishing(10))
        clock.now += 50
        running._check_time(Monotonic(clock.now))
    clock.now += 15
    with pytest.raises(JobError, match="finishing") as caught:
        running._check_time(Monotonic(clock.now))
    assert caught.value.reason is Reason.TIMED_OUT


def test_a_report_without_more_bytes_does_not_end_a_finishing(
    running: Session, clock: Clock
) -> None:
    running._relay(downloading(10))
    running._relay(finishing(10))
    clock.now += 50
    running._relay(downloading(10))
    running._relay(finishing(10))
    clock.now += 15
    with pytest.raises(JobError, match="finishing"):
        running._check_time(Monotonic(clock.now))


def test_the_job_has_its_time_however_often_it_finishes(running: Session, clock: Clock) -> None:
    for number in range(30):
        running._check_time(Monotonic(clock.now))
        running._relay(downloading(number))
        running._relay(finishing(number))
        clock.now += 10
    with pytest.raises(JobError) as caught:
        running._check_time(Monotonic(clock.now))
    assert caught.value.reason is Reason.TIMED_OUT


def test_reports_do_not_come_faster_however_often_a_stage_is_named(
    running: Session, context: Context
) -> None:
    for number in range(1000):
        running._relay(Progress(Stage.SITE_WAIT, eta_s=number))
        running._relay(downloading(number))
        running._relay(finishing(number))
    assert len(context.reports) < 30


def test_a_wait_and_the_finishing_of_each_video_are_told_at_once(
    running: Session, context: Context
) -> None:
    wait = Progress(Stage.SITE_WAIT, eta_s=5)
    told = [wait, downloading(1), finishing(1), downloading(2), finishing(2)]
    for progress in (wait, *told[:2], downloading(1), *told[2:]):
        running._relay(progress)
    assert context.reports == [wait, finishing(1), finishing(2)]


def test_what_a_link_leads_to_is_told_once(
    running: Session, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "media_key", lambda task, found, extractors: found.media_id)
    for name in ("a", "a", "b", "a", "b"):
        running._identify(FoundMedia("Site", name))
    assert context.reports == [Identified("a"), Identified("b")]


def test_a_download_goes_on_without_a_player_that_cannot_be_solved_here(
    running: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []

    def fail(address: str, *_: object) -> None:
        started.append(address)
        raise OSError(errno.ENOSPC, "the disk is full")

    monkeypatch.setattr(session, "Solving", fail)
    (tmp_path / "1-1").mkdir()
    for _ in range(2):
        running._solve(PLAYER, select.poll())
    assert started == [PLAYER]
    assert (tmp_path / "1-1" / players.FILE_NAME).read_text() == "null"
    assert not players.KNOWN.is_settled(PLAYER)


@pytest.mark.parametrize(
    ("form", "answers", "is_too_much"),
    [
        (WHOLE, 2.4, False),
        (WHOLE, 2.8, True),
        # What was recorded stays beside a merge or a cut of all of it, until that is complete.
        (Form(record_minutes=1), 2.8, False),
        (Form(record_minutes=1), 3.8, True),
    ],
)
def test_a_directory_has_room_for_what_is_made_of_a_file(
    context: Context, tmp_path: Path, form: Form, answers: float, *, is_too_much: bool
) -> None:
    limits = limits_with(max_file_bytes=10 * MB, max_parts=10)
    running = Session(context, Download(1, LINK, str(tmp_path), form), limits, ExtractorIndex({}))
    (tmp_path / "file").touch()
    os.truncate(tmp_path / "file", int(answers * limits.max_answer_bytes))
    if is_too_much:
        with pytest.raises(JobError) as raised:
            running._check_usage()
        assert raised.value.reason is Reason.TOO_LARGE
    else:
        running._check_usage()
        assert running._directory_bytes > 0
