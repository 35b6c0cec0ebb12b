"""Stopping: what is finished, what is put back, and when it is over."""

import sqlite3

import pytest

from tests.support.stepped_dispatcher import MakeBot, SteppedDispatcher
from worker.dispatch.dispatcher import PAUSE_PATIENCE_S, STOP_PATIENCE_S
from worker.errors import Fault, JobError, Reason, TelegramBusy
from worker.ledger import Ledger, LedgerError
from worker.pool.events import StopReason
from worker.protocol import Deliver, Download, EditStatus, Explain, PostStatus, Progress, Stage

LINK = "https://site.example/v"
GRACE_S = 20.0


def begin(bot: SteppedDispatcher) -> None:
    bot.send(LINK)
    bot.post()
    assert bot.tasks(Download)


def step_stop(bot: SteppedDispatcher, seconds: float = 0.0) -> bool:
    bot.step(seconds)
    return bot.dispatcher.step_stop(bot.now)


def test_without_work_it_is_over_at_once(bot: SteppedDispatcher) -> None:
    assert not step_stop(bot)
    bot.dispatcher.stop(GRACE_S)
    assert step_stop(bot)


def test_running_job_finishes_within_the_grace_and_nothing_more_is_begun(
    bot: SteppedDispatcher,
) -> None:
    begin(bot)
    bot.dispatcher.stop(GRACE_S)
    bot.ledger.record_updates([{"update_id": 9}], bot.wall)
    assert not step_stop(bot, 5)
    assert not bot.telegram.tasks
    bot.finish_download()
    assert step_stop(bot)
    assert bot.states("download") == ["done"]
    assert bot.states("deliver") == ["waiting"]
    assert not bot.downloads.stopped


@pytest.mark.parametrize("at_once", [False, True])
def test_job_that_outlasts_the_grace_is_told_to_stop_and_put_back(
    bot: SteppedDispatcher, at_once: bool
) -> None:
    begin(bot)
    download = bot.job_id(Download)
    bot.dispatcher.stop(GRACE_S)
    if at_once:
        bot.dispatcher.stop_now()
    else:
        assert not step_stop(bot, GRACE_S - 1)
        assert not bot.downloads.stopped
    step_stop(bot, 2)
    assert bot.downloads.stopped == {download: STOP_PATIENCE_S}
    bot.downloads.stop(download)
    assert step_stop(bot)
    assert bot.states("download") == ["waiting"]
    assert bot.attempts("download") == [0]


def test_call_that_outlasts_the_grace_is_killed(bot: SteppedDispatcher) -> None:
    bot.send(LINK)
    post = bot.job_id(PostStatus)
    bot.dispatcher.stop(GRACE_S)
    step_stop(bot, GRACE_S + 1)
    assert bot.telegram.stopped == {post: 0}


def test_worker_that_does_not_stop_is_not_waited_for(bot: SteppedDispatcher) -> None:
    begin(bot)
    bot.dispatcher.stop(GRACE_S)
    assert not step_stop(bot, GRACE_S + STOP_PATIENCE_S - 1)
    assert step_stop(bot, 2)
    bot.close()
    assert bot.downloads.is_closed
    assert bot.telegram.is_closed


def test_job_that_runs_at_the_end_is_put_back_and_costs_no_attempt(
    bot: SteppedDispatcher,
) -> None:
    begin(bot)
    bot.dispatcher.stop_now()
    step_stop(bot, STOP_PATIENCE_S + 1)
    bot.close()
    assert bot.states("download") == ["waiting"]
    assert bot.attempts("download") == [0]


@pytest.mark.parametrize("crashes", [False, True])
def test_what_ends_in_the_last_moment_is_done_again_only_after_a_crash(
    bot: SteppedDispatcher, crashes: bool
) -> None:
    begin(bot)
    bot.dispatcher.stop_now()
    assert step_stop(bot, STOP_PATIENCE_S + 1)
    bot.downloads.finish(bot.job_id(Download), bot.make_media())
    bot.dispatcher.close(puts_back=not crashes)
    assert bot.states("download") == ["running" if crashes else "done"]
    bot.kill()


def test_a_crash_is_told_of_though_the_ledger_fails_as_well(
    bot: SteppedDispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise LedgerError("a statement of the bot cannot work")

    def crash(*_: object) -> None:
        raise RuntimeError("the cause")

    ledger = bot.dispatcher._ledger
    monkeypatch.setattr(bot.dispatcher, "open", lambda: None)
    monkeypatch.setattr(bot.dispatcher, "step", crash)
    monkeypatch.setattr(ledger, "live_directories", fail)
    with pytest.raises(RuntimeError, match="the cause"):
        bot.dispatcher.run()
    assert is_closed(ledger)
    bot.kill()


def test_a_ledger_that_fails_at_the_end_is_closed(
    bot: SteppedDispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise LedgerError("a statement of the bot cannot work")

    ledger = bot.dispatcher._ledger
    monkeypatch.setattr(ledger, "live_directories", fail)
    with pytest.raises(LedgerError):
        bot.dispatcher.close()
    assert is_closed(ledger)
    bot.kill()


def is_closed(ledger: Ledger) -> bool:
    try:
        ledger.offset()
    except sqlite3.ProgrammingError:
        return True
    return False


@pytest.mark.parametrize("reason", [None, StopReason.STOPPED, StopReason.TIMED_OUT])
def test_worker_lost_while_stopping_costs_no_attempt(
    bot: SteppedDispatcher, reason: StopReason | None
) -> None:
    begin(bot)
    bot.dispatcher.stop(GRACE_S)
    if reason:
        bot.downloads.stop(bot.job_id(Download), reason)
    else:
        bot.downloads.lose(bot.job_id(Download))
    assert step_stop(bot)
    assert bot.attempts("download") == [0]


def test_failure_while_stopping_is_a_failure(bot: SteppedDispatcher) -> None:
    begin(bot)
    bot.dispatcher.stop(GRACE_S)
    bot.downloads.fail(bot.job_id(Download), JobError(Reason.NOT_FOUND, Fault.PERMANENT))
    assert step_stop(bot)
    assert bot.states("download") == ["failed"]
    assert bot.states("explain") == ["waiting"]
    assert not bot.tasks(Explain)


def test_later_stop_does_not_lengthen_the_grace(bot: SteppedDispatcher) -> None:
    begin(bot)
    bot.dispatcher.stop(1.0)
    bot.dispatcher.stop(1000.0)
    step_stop(bot, 2)
    assert bot.downloads.stopped


def test_next_start_goes_on_where_the_last_has_stopped(bot: SteppedDispatcher) -> None:
    begin(bot)
    bot.finish_download()
    assert bot.tasks(Deliver)
    bot.dispatcher.stop(GRACE_S)
    bot.deliver()
    assert step_stop(bot)
    assert bot.rows("SELECT answered_at IS NOT NULL FROM requests") == [(1,)]


# ---------------------------------------------------------------- what people see meanwhile


def paused(bot: SteppedDispatcher) -> list[int]:
    """The requests that status messages have called paused since this was asked last."""
    seen, bot.edits = bot.edits, []
    return [edit.request_id for edit in seen if edit.progress == Progress(Stage.PAUSED)]


def move(bot: SteppedDispatcher) -> None:
    """The download has begun, and its chat has been quiet for a while."""
    bot.downloads.report(bot.job_id(Download), Progress(Stage.DOWNLOADING, 6, 100, 9.0, 19.0))
    bot.pass_time(5)
    assert bot.shown()


def test_progress_does_not_stand_while_the_bot_is_away(bot: SteppedDispatcher) -> None:
    begin(bot)
    move(bot)
    bot.dispatcher.stop(GRACE_S)
    step_stop(bot)
    assert paused(bot) == [1]
    step_stop(bot, 5)
    assert paused(bot) == []
    bot.downloads.stop(bot.job_id(Download))
    assert step_stop(bot)


def test_who_waits_in_line_is_told_after_those_who_are_served(bot: SteppedDispatcher) -> None:
    for user_id in (7, 8, 9):
        bot.send(f"{LINK}{user_id}", user_id=user_id)
        bot.post(40 + user_id)
    bot.pass_time(20)
    bot.dispatcher.stop(GRACE_S)
    step_stop(bot)
    bot.pass_time(3)
    assert paused(bot) == [1, 2, 3]


def test_one_chat_is_told_no_faster_than_it_may_be(bot: SteppedDispatcher) -> None:
    for number in range(3):
        bot.send(f"{LINK}{number}")
        bot.post(50 + number)
    bot.pass_time(20)
    bot.dispatcher.stop(GRACE_S)
    told = []
    for _ in range(5):
        step_stop(bot, 1)
        told.append(len(paused(bot)))
    assert (max(told), sum(told)) == (1, 3)


def test_chat_that_telegram_wants_left_alone_is_not_told(bot: SteppedDispatcher) -> None:
    begin(bot)
    move(bot)
    bot.holds_edits = True
    bot.downloads.report(bot.job_id(Download), Progress(Stage.DOWNLOADING, 60, 100))
    bot.pass_time(4)
    bot.fail(EditStatus, TelegramBusy(60.0))
    bot.holds_edits = False
    bot.dispatcher.stop(GRACE_S)
    bot.finish_download()
    assert not step_stop(bot, PAUSE_PATIENCE_S - 1)
    assert step_stop(bot, 2)
    assert paused(bot) == []


def test_stop_waits_for_the_last_word_but_not_for_long(bot: SteppedDispatcher) -> None:
    begin(bot)
    move(bot)
    bot.holds_edits = True
    bot.dispatcher.stop(GRACE_S)
    bot.finish_download()
    assert bot.task(EditStatus).progress.stage is Stage.PAUSED
    assert not step_stop(bot, PAUSE_PATIENCE_S - 1)
    assert step_stop(bot, 2)


def test_second_signal_waits_for_no_word(bot: SteppedDispatcher) -> None:
    begin(bot)
    move(bot)
    bot.holds_edits = True
    bot.dispatcher.stop(GRACE_S)
    bot.finish_download()
    assert not step_stop(bot)
    bot.dispatcher.stop_now()
    assert step_stop(bot, 0.1)


def test_answer_on_its_way_is_not_spoken_over(bot: SteppedDispatcher) -> None:
    begin(bot)
    bot.finish_download()
    bot.pass_time(5)
    upload = bot.job_id(Deliver)
    bot.dispatcher.stop(GRACE_S)
    step_stop(bot, 5)
    assert paused(bot) == []
    bot.deliver()
    assert step_stop(bot)
    assert paused(bot) == []
    assert upload not in bot.telegram.tasks


def test_upload_that_is_put_back_is_paused_as_well(bot: SteppedDispatcher) -> None:
    begin(bot)
    bot.finish_download()
    bot.pass_time(5)
    bot.dispatcher.stop(GRACE_S)
    step_stop(bot, GRACE_S + 1)
    bot.telegram.stop(bot.job_id(Deliver))
    step_stop(bot)
    assert paused(bot) == [1]
    assert step_stop(bot)


def test_cancelled_request_does_not_go_on(bot: SteppedDispatcher) -> None:
    begin(bot)
    move(bot)
    bot.press_cancel(1)
    bot.dispatcher.stop(GRACE_S)
    step_stop(bot, 5)
    assert paused(bot) == []


def test_progress_goes_on_after_the_next_start(make_bot: MakeBot) -> None:
    bot = make_bot()
    begin(bot)
    move(bot)
    bot.dispatcher.stop(0.0)
    step_stop(bot)
    bot.close()
    assert paused(bot) == [1]
    bot = make_bot()
    bot.step()
    move(bot)
