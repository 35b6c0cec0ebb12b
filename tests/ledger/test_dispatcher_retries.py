"""What the dispatcher tries again, when, and what it counts."""

from collections.abc import Callable

import pytest

from tests.support.asked_looks import ask
from tests.support.stepped_dispatcher import TOKEN, MakeBot, SteppedDispatcher
from worker.errors import (
    Fault,
    JobError,
    JudgeLost,
    Reason,
    TelegramBusy,
    TelegramUnauthorized,
    TelegramUnreachable,
)
from worker.ledger import ledger_path
from worker.ledger.jobs.queue import MAX_REFUNDS
from worker.ledger.upkeep.upkeep import Upkeep
from worker.pool.events import StopReason
from worker.protocol import (
    AnswerButton,
    Deliver,
    Download,
    Explain,
    Media,
    Outpaced,
    PostStatus,
    Retry,
    ShowLook,
    Stage,
)
from worker.protocol.looks import MediaLook

LINK = "https://site.example/v"
RETRY_S = 120

FLEETING = JobError(Reason.NETWORK, Fault.RETRYABLE)


def begin(bot: SteppedDispatcher) -> None:
    """A link is sent, has its status message and is being downloaded."""
    bot.send(LINK)
    bot.post()
    bot.step()
    assert bot.attempt() == 1


def lose(bot: SteppedDispatcher) -> None:
    bot.lose(Download)


def time_out(bot: SteppedDispatcher) -> None:
    bot.downloads.stop(bot.job_id(Download), StopReason.TIMED_OUT)
    bot.step()


def fail_fleetingly(bot: SteppedDispatcher) -> None:
    bot.fail(Download, FLEETING)


End = Callable[[SteppedDispatcher], None]

ENDS: list[tuple[End, Reason]] = [
    (fail_fleetingly, Reason.NETWORK),
    (lose, Reason.CRASHED),
    (time_out, Reason.TIMED_OUT),
]


@pytest.mark.parametrize(("end", "reason"), ENDS)
def test_download_is_tried_again_after_the_pause_and_given_up_after_the_last_attempt(
    bot: SteppedDispatcher, end: End, reason: Reason
) -> None:
    begin(bot)
    most = bot.settings.job_max_attempts
    for attempt in range(1, most):
        assert bot.attempt() == attempt
        end(bot)
        assert bot.attempts("download") == [attempt]
        bot.step(RETRY_S - 1)
        assert not bot.tasks(Download)
        bot.step(1)
    assert bot.attempt() == most
    end(bot)
    explain = bot.task(Explain)
    assert (explain.reason, bool(explain.error_id)) == (reason, True)
    bot.finish(Explain)
    bot.step(10 * RETRY_S)
    assert not bot.tasks(Download)
    assert bot.states("download") == ["failed"]


def test_people_see_which_attempt_comes_next_and_when(bot: SteppedDispatcher) -> None:
    begin(bot)
    bot.pass_time(5)
    bot.shown()
    bot.fail(Download, FLEETING)
    bot.pass_time(5)
    (progress, *_) = bot.shown()
    most = bot.settings.job_max_attempts
    assert progress.stage is Stage.RETRYING
    assert progress.retry == Retry(Reason.NETWORK, 2, most)
    assert progress.eta_s == RETRY_S


@pytest.mark.parametrize(("asked_s", "waited_s"), [(5.0, RETRY_S), (900.0, 900)])
def test_the_longer_of_two_pauses_is_kept(
    bot: SteppedDispatcher, asked_s: float, waited_s: int
) -> None:
    begin(bot)
    bot.fail(Download, JobError(Reason.SITE_BUSY, Fault.RETRYABLE, retry_after_s=asked_s))
    bot.step(waited_s - 1)
    assert not bot.tasks(Download)
    bot.step(1)
    assert bot.attempt() == 2


@pytest.mark.parametrize("reason", [Reason.NOT_FOUND, Reason.TOO_LARGE, Reason.FORBIDDEN])
def test_what_retrying_will_not_fix_is_explained_at_once(
    bot: SteppedDispatcher, reason: Reason
) -> None:
    begin(bot)
    bot.fail(Download, JobError(reason, Fault.PERMANENT))
    assert bot.task(Explain).reason is reason


def test_worker_out_of_memory_is_explained_at_once(bot: SteppedDispatcher) -> None:
    begin(bot)
    bot.fail(Download, MemoryError())
    assert bot.task(Explain).reason is Reason.OUT_OF_MEMORY


def test_unknown_error_is_the_operators_and_shows_no_secret(
    bot: SteppedDispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    begin(bot)
    bot.fail(Download, RuntimeError(f"bad {TOKEN}"), f"Traceback: {TOKEN}")
    explain = bot.task(Explain)
    assert explain.reason is Reason.INTERNAL
    with Upkeep(ledger_path(bot.settings.data_dir)) as upkeep:
        (failed,) = upkeep.failed(10)
    assert failed.error_id == explain.error_id
    assert TOKEN not in repr(failed) + caplog.text
    assert explain.error_id in caplog.text


def test_full_disk_costs_no_attempt(bot: SteppedDispatcher) -> None:
    begin(bot)
    for _ in range(10):
        bot.fail(Download, JobError(Reason.DISK_FULL, Fault.RETRYABLE))
        assert bot.attempts("download") == [0]
        bot.step(RETRY_S)
    assert bot.attempt() == 1


def test_full_disk_is_noted_until_a_download_finds_room(bot: SteppedDispatcher) -> None:
    begin(bot)
    for _ in range(2):
        bot.fail(Download, JobError(Reason.DISK_FULL, Fault.RETRYABLE))
        assert bot.dispatcher.no_room_at == bot.wall
        bot.step(RETRY_S)
    failed_at = bot.dispatcher.no_room_at
    assert failed_at is not None
    bot.fail(Download, FLEETING)
    bot.step(RETRY_S)
    assert bot.dispatcher.no_room_at == failed_at, "that says nothing of the disk"
    bot.finish_download()
    assert bot.dispatcher.no_room_at is None


def test_a_look_does_not_show_that_there_is_room(bot: SteppedDispatcher) -> None:
    ask(bot)
    bot.post()
    bot.fail(Download, JobError(Reason.DISK_FULL, Fault.RETRYABLE))
    bot.step(RETRY_S)
    bot.finish(Download, Media((), look=MediaLook("A film")))
    assert bot.tasks(ShowLook)
    assert bot.dispatcher.no_room_at is not None


# ------------------------------------------------------------------------------- Telegram


def test_flood_wait_costs_no_attempt_and_is_kept(bot: SteppedDispatcher) -> None:
    bot.send(LINK)
    for _ in range(5):
        bot.fail(PostStatus, TelegramBusy(300.0))
        assert bot.attempts("status") == [0]
        bot.step(299)
        assert not bot.tasks(PostStatus)
        bot.pass_time(15)
        assert bot.tasks(PostStatus)


@pytest.mark.parametrize("task", [PostStatus, Deliver])
def test_telegram_that_is_away_for_a_day_costs_nothing(
    bot: SteppedDispatcher, task: type[object]
) -> None:
    bot.send(LINK)
    if task is Deliver:
        bot.post()
        bot.finish_download()
    for _ in range(50):
        bot.fail(task, TelegramUnreachable("connection refused"))
        bot.step(15 * 60)
    assert bot.tasks(task)
    assert bot.states("status" if task is PostStatus else "deliver") == ["running"]


def test_old_button_is_given_up(bot: SteppedDispatcher) -> None:
    bot.press_cancel(1)
    bot.fail(AnswerButton, TelegramUnreachable("connection refused"))
    bot.step(30)
    bot.fail(AnswerButton, TelegramUnreachable("connection refused"))
    bot.step(60)
    bot.fail(AnswerButton, TelegramUnreachable("connection refused"))
    bot.step(600)
    assert not bot.tasks(AnswerButton)


def test_refused_token_is_doubted_and_loses_no_job(bot: SteppedDispatcher) -> None:
    bot.send(LINK)
    assert not bot.dispatcher.reachability.token_doubted.is_set()
    bot.fail(PostStatus, TelegramUnauthorized())
    assert bot.dispatcher.reachability.token_doubted.is_set()
    assert bot.states("status") == ["waiting"]
    assert bot.attempts("status") == [0]


def test_call_that_takes_its_worker_down_cannot_loop(bot: SteppedDispatcher) -> None:
    begin(bot)
    bot.finish_download()
    for _ in range(bot.settings.job_max_attempts):
        bot.lose(Deliver)
        bot.step(10)
    assert bot.task(Explain).reason is Reason.CRASHED
    bot.finish(Explain)
    assert bot.directories() == []


# ---------------------------------------------------------------------- lives of the bot


def test_job_that_takes_the_whole_bot_down_cannot_loop(make_bot: MakeBot) -> None:
    most = 3
    last = MAX_REFUNDS + most
    for life in range(1, last + 2):
        bot = make_bot(JOB_MAX_ATTEMPTS=str(most))
        if life == 1:
            bot.send(LINK)
            bot.post()
        bot.step()
        if life <= last:
            # What ends with the bot may be no fault of its own, but not for ever.
            assert bot.attempt() == max(1, life - MAX_REFUNDS)
            bot.kill()
    assert not bot.tasks(Download)
    bot.step()
    assert bot.task(Explain).reason is Reason.CRASHED


# ------------------------------------------------------------------- lives of the judge

LOST = JudgeLost("gone")


def test_a_download_that_loses_the_judge_goes_on_with_the_next_and_none_is_counted(
    bot: SteppedDispatcher,
) -> None:
    begin(bot)
    bot.judge.is_up = False
    bot.fail(Download, LOST)
    bot.step(60)
    assert not bot.tasks(Download)
    bot.judge.is_up = True
    bot.step()
    assert bot.attempt() == 1


def test_a_download_that_takes_the_judge_down_cannot_loop(bot: SteppedDispatcher) -> None:
    begin(bot)
    for lost in range(1, MAX_REFUNDS + bot.settings.job_max_attempts + 1):
        assert bot.attempt() == max(1, lost - MAX_REFUNDS)
        bot.fail(Download, LOST)
        bot.step(2)
    bot.step()
    assert bot.task(Explain).reason is Reason.CRASHED


def test_links_wait_for_a_judge_that_does_not_start(bot: SteppedDispatcher) -> None:
    bot.judge.is_up, bot.judge.trouble = False, "it ended with 1"
    bot.send(LINK)
    bot.post()
    bot.step(10)
    assert not bot.tasks(Download)
    assert bot.edits[-1].progress.stage is Stage.OUT_OF_ORDER
    bot.judge.is_up, bot.judge.trouble = True, None
    bot.step()
    assert bot.attempt() == 1


# ------------------------------------------------------------------- limits of an attempt


def test_what_came_in_time_is_what_the_next_attempt_may_fetch(bot: SteppedDispatcher) -> None:
    begin(bot)
    assert bot.task(Download).max_bytes is None
    bot.downloads.report(bot.job_id(Download), Outpaced(7_000_000))
    bot.fail(Download, JobError(Reason.TIMED_OUT, Fault.RETRYABLE))
    bot.step(RETRY_S)
    assert bot.task(Download).max_bytes == 7_000_000
    lose(bot)
    bot.step(RETRY_S)
    assert bot.task(Download).max_bytes == 7_000_000


def test_an_operators_retry_may_fetch_everything_again(bot: SteppedDispatcher) -> None:
    begin(bot)
    bot.downloads.report(bot.job_id(Download), Outpaced(7_000_000))
    bot.fail(Download, JobError(Reason.TIMED_OUT, Fault.PERMANENT))
    bot.finish(Explain)
    with Upkeep(ledger_path(bot.settings.data_dir)) as upkeep:
        (failed,) = upkeep.failed(10)
        upkeep.retry(failed, bot.wall)
    bot.step()
    assert bot.task(Download).max_bytes is None
