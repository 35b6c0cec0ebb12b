"""Calls that are worth little: when they are made, in which order, and what comes of them."""

from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.support.ledger_kit import START, a_file, a_link, claim, post
from tests.support.ledger_kit import send as bring
from worker.clocks import Monotonic, Wall
from worker.dispatch.rate_limits import RateLimits
from worker.dispatch.status.showing import Showing, chat_of
from worker.errors import TelegramBusy
from worker.ledger import DownloadJob, Job, Ledger
from worker.pool import Pool
from worker.pool.events import Event, Failed, Finished
from worker.protocol import Deliver, Download, EditStatus, Reader, SendGroup, ShowAction, Stage


@dataclass
class Counter:
    """A pool as far as it is seen from here: it takes calls in, and hands none out."""

    size: int
    calls: dict[int, Any] = field(default_factory=dict)

    @property
    def spec(self) -> SimpleNamespace:
        return SimpleNamespace(size=self.size)

    @property
    def free(self) -> int:
        return self.size - len(self.calls)

    def submit(self, call_id: int, call: object, _timeout_s: float) -> None:
        assert self.free
        self.calls[call_id] = call


class SteppedShowing:
    """What shows things, with its pool, rate_limits and ledger, at a time that only it moves."""

    def __init__(self, ledger: Ledger, workers: int = 4) -> None:
        self.ledger = ledger
        self.pool = Counter(workers)
        self.rate_limits = RateLimits()
        self.showing = Showing(cast("Pool", self.pool), self.rate_limits, 30.0)

    def begin(self, job: Job) -> None:
        """A worker has been given this download."""
        self.showing.began(
            job.id, Download(job.id, "https://example.org/v", "/nowhere"), Monotonic(0.0)
        )

    def step(self, now: float) -> list[EditStatus | ShowAction]:
        """The calls that are made now."""
        before = set(self.pool.calls)
        self.showing.step(self.ledger, Monotonic(now), Wall(now))
        return [call for call_id, call in self.pool.calls.items() if call_id not in before]

    def end(self, now: float, error: Exception | None = None) -> None:
        """End all calls that are on their way."""
        for call_id in list(self.pool.calls):
            event: Event = Failed(call_id, error, "") if error else Finished(call_id, None)
            assert self.showing.take(event, Monotonic(now))
        self.pool.calls.clear()


def begin(ledger: Ledger, *users: int) -> list[DownloadJob]:
    """A running download of each of these people."""
    for user in users:
        bring(ledger, a_link(user, f"key{user}"), update_id=user)
        post(ledger, 10 + user)
    return [claim(ledger, DownloadJob) for _ in users]


def test_edit_goes_before_an_action_and_one_action_at_a_time(ledger: Ledger) -> None:
    stepped = SteppedShowing(ledger)
    for job in begin(ledger, 1, 2):
        stepped.begin(job)
    made: list[tuple[str, int]] = []
    for tenth in range(1, 40):
        calls = stepped.step(tenth / 10)
        made += [(type(call).__name__, chat_of(call)) for call in calls]
        if tenth <= 10:
            stepped.end(tenth / 10)
    # From the second second on nothing comes back: an action is on its way, so no other is made.
    assert made == [("EditStatus", 1), ("EditStatus", 2), ("ShowAction", 1)]


@pytest.mark.parametrize(("workers", "most"), [(1, 1), (2, 1), (4, 3)])
def test_one_worker_of_several_is_left_for_better_calls(
    ledger: Ledger, workers: int, most: int
) -> None:
    stepped = SteppedShowing(ledger, workers)
    for job in begin(ledger, *range(1, 9)):
        stepped.begin(job)
    for second in range(1, 20):
        stepped.step(float(second))
    assert len(stepped.pool.calls) == most


def test_flood_wait_about_one_of_these_calls_delays_no_answer(ledger: Ledger) -> None:
    stepped = SteppedShowing(ledger)
    for job in begin(ledger, 1):
        stepped.begin(job)
    for now, kind, wait_s in ((1.0, EditStatus, 5.0), (20.0, ShowAction, 1200.0)):
        (call,) = stepped.step(now)
        assert isinstance(call, kind)
        stepped.end(now, TelegramBusy(wait_s))
        assert stepped.rate_limits.closed_chats(Monotonic(now + 0.1)) == []
        assert not stepped.rate_limits.is_quiet(1, Monotonic(now + wait_s - 0.1))
    assert [stepped.step(float(now)) for now in range(21, 1220)] == [[]] * 1199


def test_what_failed_is_not_tried_again(ledger: Ledger) -> None:
    stepped = SteppedShowing(ledger)
    (job,) = begin(ledger, 1)
    stepped.begin(job)
    assert [type(call) for call in stepped.step(1.0)] == [EditStatus]
    stepped.end(1.0, RuntimeError("no"))
    calls = [call for now in range(2, 10) for call in stepped.step(float(now))]
    assert not any(isinstance(call, EditStatus) for call in calls)
    assert stepped.showing.busy_request_ids == []


@pytest.mark.parametrize(
    ("known", "bytes_shown"),
    [((False,), [1000]), ((True,), []), ((False, False), [2000]), ((True, False), [1000])],
)
def test_upload_is_announced_without_what_telegram_has_already(
    ledger: Ledger, known: tuple[bool, ...], bytes_shown: list[int]
) -> None:
    stepped = SteppedShowing(ledger)
    (job,) = begin(ledger, 1)
    ledger.finish_download(job, a_file(), START)
    (file,) = a_file().files
    sent = tuple(replace(file, file_id="known" if is_known else None) for is_known in known)
    one, reader = len(sent) == 1, Reader(1)
    task = Deliver(1, reader, 11, sent[0]) if one else SendGroup(1, reader, 1, sent)
    stepped.showing.began(99, task, Monotonic(0.0))
    shown = [call.progress for call in stepped.step(5.0) if isinstance(call, EditStatus)]
    assert [progress.total_bytes for progress in shown] == bytes_shown
    assert {progress.stage for progress in shown} <= {Stage.UPLOADING}


def test_other_jobs_are_left_to_others(ledger: Ledger) -> None:
    assert not SteppedShowing(ledger).showing.take(Finished(7, None), Monotonic(0.0))
