"""Every failure has a decided outcome: the table."""

from dataclasses import replace

import pytest

from tests.support.ledger_kit import START, a_request
from worker import errors
from worker.clocks import Wall
from worker.dispatch import outcomes
from worker.dispatch.outcomes import MAX_REFUSED_S, CallAgain, Fail, Retries, TryAgain
from worker.errors import Fault, JobError, Reason
from worker.ledger import (
    ButtonJob,
    DeliverJob,
    DownloadJob,
    GroupJob,
    Job,
    StatusJob,
)
from worker.ledger.jobs.jobs import Kind
from worker.pool.events import Event, Failed, Finished, Lost, Stopped, StopReason
from worker.protocol import AnswerButton, Retry, Stage
from worker.protocol.notices import Notice, Topic

RETRIES = Retries(max_attempts=3, retry_after_s=120.0)


def a_job(
    kind: Kind = Kind.DOWNLOAD, attempts: int = 1, status_messages: int = 1, downloads: int = 1
) -> Job:
    request = a_request(status_messages=status_messages, downloads=downloads)
    match kind:
        case Kind.DOWNLOAD:
            return DownloadJob(
                id=1, attempts=attempts, created_at=Wall(0), media_key="key", url=request.url
            )
        case Kind.STATUS:
            return StatusJob(
                id=1, attempts=attempts, created_at=Wall(0), chat_id=7, request=request
            )
        case Kind.BUTTON:
            answer = AnswerButton("callback", "en", Notice(Topic.DEAD_BUTTON))
            return ButtonJob(id=1, attempts=attempts, created_at=Wall(0), answer=answer)
        case Kind.GROUP | Kind.DELIVER:
            sending = GroupJob if kind is Kind.GROUP else DeliverJob
            return sending(
                id=1,
                attempts=attempts,
                created_at=Wall(0),
                chat_id=7,
                request=request,
                message_id=2,
                media=None,
            )
    raise ValueError(kind)


def failed(error: BaseException) -> Failed:
    return Failed(1, error, "traceback")


def error(fault: Fault, reason: Reason = Reason.NETWORK, wait_s: float | None = None) -> Failed:
    return failed(JobError(reason, fault, retry_after_s=wait_s))


@pytest.mark.parametrize(
    ("job", "event", "decision"),
    [
        (a_job(), error(Fault.RETRYABLE), TryAgain(120.0)),
        (a_job(), error(Fault.RETRYABLE, wait_s=600.0), TryAgain(600.0)),
        (a_job(), error(Fault.RETRYABLE, wait_s=5.0), TryAgain(120.0)),
        (a_job(), error(Fault.OPERATOR, Reason.DISK_FULL), TryAgain(120.0, refund=True)),
        (a_job(), Stopped(1, StopReason.TIMED_OUT), TryAgain(120.0)),
        (a_job(), Lost(1, -9), TryAgain(120.0)),
        (a_job(Kind.DELIVER), Lost(1, -9), TryAgain(5.0)),
        (a_job(Kind.DELIVER), failed(errors.TelegramBusy(1200.0)), TryAgain(1200.0, refund=True)),
    ],
)
def test_tried_again(job: Job, event: Event, decision: TryAgain) -> None:
    assert outcomes.decide(job, event, RETRIES, wall=START) == decision


@pytest.mark.parametrize(
    ("event", "reason", "next_try"),
    [
        (error(Fault.RETRYABLE), Reason.NETWORK, 2),
        (error(Fault.OPERATOR, Reason.DISK_FULL), Reason.DISK_FULL, 1),  # does not count
        (Stopped(1, StopReason.TIMED_OUT), Reason.TIMED_OUT, 2),
        (Lost(1, -9), Reason.CRASHED, 2),
    ],
)
def test_who_waits_is_told_why_and_for_how_long(
    event: Event, reason: Reason, next_try: int
) -> None:
    again = outcomes.decide(a_job(), event, RETRIES, wall=START)
    assert isinstance(again, TryAgain)
    shown = outcomes.waiting(a_job(), event, again, RETRIES)
    assert (shown.stage, shown.eta_s) == (Stage.RETRYING, 120.0)
    assert shown.retry == Retry(reason, next_try, 3)


@pytest.mark.parametrize(
    ("job", "event", "reason", "fault"),
    [
        (a_job(), error(Fault.PERMANENT), Reason.NETWORK, Fault.PERMANENT),
        (a_job(), error(Fault.OPERATOR, Reason.OUTDATED), Reason.OUTDATED, Fault.OPERATOR),
        (a_job(attempts=3), error(Fault.RETRYABLE), Reason.NETWORK, Fault.RETRYABLE),
        (a_job(attempts=3), Lost(1, -11), Reason.CRASHED, Fault.RETRYABLE),
        (a_job(), error(Fault.RETRYABLE, Reason.SITE_DOWN), Reason.SITE_DOWN, Fault.RETRYABLE),
        (a_job(attempts=3), Stopped(1, StopReason.TIMED_OUT), Reason.TIMED_OUT, Fault.RETRYABLE),
        (
            a_job(Kind.DELIVER),
            failed(errors.TopicClosed()),
            Reason.TOPIC_CLOSED,
            Fault.PERMANENT,
        ),
        (a_job(), failed(MemoryError()), Reason.OUT_OF_MEMORY, Fault.PERMANENT),
        (a_job(), failed(KeyError("a bug")), Reason.INTERNAL, Fault.OPERATOR),
        (
            a_job(Kind.DELIVER, downloads=3),
            failed(outcomes.FileVanished()),
            Reason.INTERNAL,
            Fault.OPERATOR,
        ),
    ],
)
def test_failed_for_good(job: Job, event: Event, reason: Reason, fault: Fault) -> None:
    decision = outcomes.decide(job, event, RETRIES, wall=START)
    assert isinstance(decision, Fail)
    assert (decision.error.reason, decision.error.fault) == (reason, fault)


@pytest.mark.parametrize(
    ("job", "event", "decision"),
    [
        (a_job(Kind.DELIVER), failed(errors.MessageGone()), outcomes.PostAgain),
        (a_job(Kind.DELIVER, status_messages=3), failed(errors.MessageGone()), outcomes.GiveUp),
        (a_job(Kind.STATUS), failed(errors.ChatClosed()), outcomes.GiveUpChat),
        (a_job(Kind.STATUS), failed(errors.TopicClosed()), outcomes.GiveUp),
        (a_job(Kind.DELIVER), failed(errors.FileIdRefused()), outcomes.DownloadAgain),
        (a_job(Kind.DELIVER), failed(outcomes.FileVanished()), outcomes.DownloadAgain),
        (a_job(), Stopped(1, StopReason.STOPPED), outcomes.Unwanted),
    ],
)
def test_neither_tried_nor_failed(job: Job, event: Event, decision: type) -> None:
    assert isinstance(outcomes.decide(job, event, RETRIES, wall=START), decision)


def test_answer_to_a_button_is_not_repeated_for_ever() -> None:
    event = failed(errors.TelegramUnreachable(""))
    late = outcomes.decide(a_job(Kind.BUTTON), event, RETRIES, wall=Wall(61.0))
    assert isinstance(late, outcomes.GiveUp)


NO_ANSWER = failed(errors.TelegramUnreachable("no answer"))
UNANSWERED: list[Event] = [
    NO_ANSWER,
    failed(errors.TelegramUnauthorized()),
    failed(errors.MessageDeleted("deleted")),
    Stopped(1, StopReason.TIMED_OUT),
]


@pytest.mark.parametrize("event", UNANSWERED)
@pytest.mark.parametrize("kind", [Kind.STATUS, Kind.BUTTON, Kind.GROUP, Kind.DELIVER])
def test_call_without_an_answer_costs_no_attempt(kind: Kind, event: Event) -> None:
    job = a_job(kind, attempts=3)
    assert outcomes.decide(job, event, RETRIES, wall=START) == CallAgain(5.0, 0.0)


@pytest.mark.parametrize(
    ("unanswered", "refused_s", "wait_s"),
    [
        (0, 0.0, 5.0),
        (1, 0.0, 10.0),
        (6, 0.0, 320.0),
        (7, 0.0, 600.0),
        (9000, 0.0, 600.0),
        (7, 1000.0, 200.0),
        (7, MAX_REFUSED_S - 1, 5.0),
    ],
)
def test_call_without_an_answer_is_made_again_ever_later(
    unanswered: int, refused_s: float, wait_s: float
) -> None:
    job = replace(a_job(Kind.GROUP), unanswered=unanswered, refused_s=refused_s)
    again = outcomes.decide(job, NO_ANSWER, RETRIES, START, refused_s)
    assert again == CallAgain(wait_s, refused_s)


@pytest.mark.parametrize("kind", [Kind.STATUS, Kind.GROUP, Kind.DELIVER])
def test_call_that_was_refused_for_long_ends(kind: Kind) -> None:
    job = replace(a_job(kind), unanswered=9, refused_s=MAX_REFUSED_S - 1)
    decision = outcomes.decide(job, NO_ANSWER, RETRIES, START, MAX_REFUSED_S)
    if kind is Kind.DELIVER:
        assert decision == CallAgain(outcomes.OTHER_WAY_WAIT_S, MAX_REFUSED_S)
        job = replace(job, refused_s=MAX_REFUSED_S)
        assert outcomes.goes_another_way(job)
        decision = outcomes.decide(job, NO_ANSWER, RETRIES, START, MAX_REFUSED_S + 1)
    assert isinstance(decision, Fail)
    assert decision.error.reason is Reason.TELEGRAM_FAILS


def test_other_way_is_repeated_while_nobody_is_answered() -> None:
    job = replace(a_job(Kind.DELIVER), unanswered=9, refused_s=MAX_REFUSED_S)
    again = outcomes.decide(job, NO_ANSWER, RETRIES, START, MAX_REFUSED_S)
    assert again == CallAgain(600.0, MAX_REFUSED_S)


def test_success_needs_no_decision() -> None:
    with pytest.raises(TypeError):
        outcomes.decide(a_job(), Finished(1, None), RETRIES, wall=START)
