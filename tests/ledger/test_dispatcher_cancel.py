"""Cancel at every stage, through the dispatcher."""

from collections.abc import Callable

import pytest

from tests.support.live_streams import SETTINGS, recording
from tests.support.stepped_dispatcher import MakeBot, SteppedDispatcher
from worker.dispatch.status.progress import LATE_EDIT_S
from worker.dispatch.status.showing import Showing
from worker.errors import (
    Fault,
    JobError,
    JudgeLost,
    MessageGone,
    Reason,
    TelegramBusy,
    TelegramUnreachable,
)
from worker.pool.events import StopReason
from worker.protocol import (
    AnswerButton,
    Deliver,
    Download,
    EditStatus,
    Explain,
    PostStatus,
    Progress,
    Reader,
    Reply,
    SendGroup,
    Stage,
)
from worker.protocol.effects import CancelAll
from worker.protocol.notices import Notice, Topic

LINK = "https://site.example/v"
ME, OTHER = 7, 8


def accepted(bot: SteppedDispatcher) -> None:
    """The status message is on its way."""
    bot.send(LINK)


def in_line(bot: SteppedDispatcher) -> None:
    """Other people's downloads go first."""
    for user_id in (1, 2):
        bot.send(f"{LINK}{user_id}", user_id=user_id)
        bot.post(user_id)
    bot.send(LINK)
    bot.post()


def downloading(bot: SteppedDispatcher) -> None:
    bot.send(LINK)
    bot.post()


def retrying(bot: SteppedDispatcher) -> None:
    """The next attempt is far away."""
    downloading(bot)
    bot.fail(Download, JobError(Reason.NETWORK, Fault.RETRYABLE))


def uploading(bot: SteppedDispatcher) -> None:
    downloading(bot)
    bot.finish_download()


def sending_a_group(bot: SteppedDispatcher) -> None:
    downloading(bot)
    bot.finish_download(3)


STAGES = [accepted, in_line, downloading, retrying, uploading, sending_a_group]


def my_request(bot: SteppedDispatcher) -> int:
    ((request_id,),) = bot.rows("SELECT id FROM requests WHERE user_id = ?", ME)
    assert isinstance(request_id, int)
    return request_id


def test_all_of_mine_in_this_chat_are_cancelled_at_once(bot: SteppedDispatcher) -> None:
    bot.send(*(f"{LINK}/{number}" for number in range(3)), user_id=ME)
    bot.settle()
    bot.send(f"{LINK}/elsewhere", user_id=ME, chat_id=-5)
    bot.settle()
    bot.send(f"{LINK}/other", user_id=OTHER)
    bot.settle()
    assert bot.tasks(Download)
    bot.bring(CancelAll(Reader(ME), ME, 1, says_nothing_found=True))
    assert list(bot.downloads.stopped) == list(bot.tasks(Download))[:1], "what runs ends"
    assert bot.task(Reply).notices == (Notice(Topic.CANCELLED_ALL, {"count": 3}),)
    assert [explained.reason for explained in bot.settle()] == [None] * 3
    left = bot.rows("SELECT user_id, chat_id FROM requests WHERE answered_at IS NULL ORDER BY id")
    assert left == [(ME, -5), (OTHER, OTHER)]


@pytest.mark.parametrize("says_nothing_found", [True, False])
def test_where_nothing_waits_nothing_is_cancelled(
    bot: SteppedDispatcher, says_nothing_found: bool
) -> None:
    bot.bring(CancelAll(Reader(-5), ME, 1, says_nothing_found))
    notices = [each.notices for each in bot.tasks(Reply).values()]
    assert notices == [(Notice(Topic.NOTHING_TO_CANCEL),)] * says_nothing_found


@pytest.mark.parametrize("stage", STAGES)
def test_cancel_ends_in_one_sentence_and_stops_what_runs(
    bot: SteppedDispatcher, stage: Callable[[SteppedDispatcher], None]
) -> None:
    stage(bot)
    bot.press_cancel(my_request(bot), ME)
    bot.finish(AnswerButton)
    for pool in (bot.downloads, bot.telegram):
        for job_id, grace_s in list(pool.stopped.items()):
            # A download gets time to end its session, a call is killed.
            assert grace_s == (None if pool is bot.downloads else 0)
            pool.stop(job_id)
    bot.step()
    assert not bot.tasks(Deliver) | bot.tasks(SendGroup)
    if stage is accepted:
        bot.post()
    explain = bot.task(Explain)
    assert explain.reason is None
    bot.finish(Explain)
    mine = bot.rows("SELECT verdict, answered_at IS NOT NULL FROM requests WHERE user_id = ?", ME)
    assert mine == [("cancelled", 1)]
    assert bot.directories() == []
    bot.pass_time(700)
    assert all(task.url != LINK for task in bot.tasks(Download).values())
    assert not bot.telegram.tasks


@pytest.mark.parametrize("stage", STAGES)
def test_cancel_of_somebody_else_does_nothing(
    bot: SteppedDispatcher, stage: Callable[[SteppedDispatcher], None]
) -> None:
    stage(bot)
    running = {*bot.downloads.tasks, *bot.telegram.tasks}
    bot.press_cancel(my_request(bot), OTHER)
    bot.finish(AnswerButton)
    assert not bot.downloads.stopped | bot.telegram.stopped
    assert {*bot.downloads.tasks, *bot.telegram.tasks} == running


def test_cancel_after_the_answer_is_too_late(bot: SteppedDispatcher) -> None:
    uploading(bot)
    bot.deliver()
    bot.press_cancel(my_request(bot), ME)
    bot.finish(AnswerButton)
    assert not bot.telegram.tasks


def test_cancel_of_one_leaves_the_download_to_the_others(bot: SteppedDispatcher) -> None:
    downloading(bot)
    bot.send(LINK, user_id=OTHER)
    bot.post(60)
    bot.press_cancel(my_request(bot), ME)
    bot.finish(AnswerButton)
    bot.finish(Explain)
    assert not bot.downloads.stopped
    bot.finish_download()
    assert bot.task(Deliver).reader.chat_id == OTHER


def test_answer_that_came_before_the_order_to_stop_is_not_explained_away(
    bot: SteppedDispatcher,
) -> None:
    uploading(bot)
    bot.press_cancel(my_request(bot), ME)
    bot.finish(AnswerButton)
    assert bot.telegram.stopped
    bot.deliver()
    bot.pass_time(10)
    assert bot.rows("SELECT count(*) FROM requests WHERE answered_at IS NOT NULL") == [(1,)]


def cancel_during_an_edit(bot: SteppedDispatcher) -> None:
    downloading(bot)
    bot.holds_edits = True
    bot.downloads.report(bot.job_id(Download), Progress(Stage.DOWNLOADING, 1, 2))
    bot.pass_time(5)
    assert bot.tasks(EditStatus)
    bot.press_cancel(my_request(bot), ME)
    bot.finish(AnswerButton)
    bot.downloads.stop(bot.job_id(Download))
    bot.pass_time(5)


def test_answer_waits_for_an_edit_on_its_way(bot: SteppedDispatcher) -> None:
    cancel_during_an_edit(bot)
    assert not bot.tasks(Explain), "the edit could overwrite it"
    bot.telegram.finish(bot.job_id(EditStatus))
    bot.step()
    assert bot.tasks(Explain)


@pytest.mark.negative
def test_edit_on_its_way_would_overwrite_an_answer_that_did_not_wait(
    bot: SteppedDispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Showing, "busy_request_ids", ())
    cancel_during_an_edit(bot)
    assert bot.tasks(EditStatus)
    assert bot.tasks(Explain)


def lose_the_edit(bot: SteppedDispatcher) -> None:
    bot.fail(EditStatus, TelegramUnreachable("editMessageText: ReadTimeout"))


def stop_the_edit(bot: SteppedDispatcher) -> None:
    bot.telegram.stop(bot.job_id(EditStatus), StopReason.TIMED_OUT)


@pytest.mark.parametrize(
    ("end", "waits"),
    [
        pytest.param(lose_the_edit, True, id="no answer"),
        pytest.param(lambda bot: bot.lose(EditStatus), True, id="worker lost"),
        pytest.param(stop_the_edit, True, id="overdue"),
        pytest.param(lambda bot: bot.finish(EditStatus), False, id="taken"),
        pytest.param(lambda bot: bot.fail(EditStatus, MessageGone("gone")), False, id="refused"),
        pytest.param(lambda bot: bot.fail(EditStatus, TelegramBusy(9.0)), False, id="busy"),
    ],
)
def test_sentence_waits_for_an_edit_that_may_come_late(
    bot: SteppedDispatcher, end: Callable[[SteppedDispatcher], object], waits: bool
) -> None:
    cancel_during_an_edit(bot)
    end(bot)
    bot.pass_time(int(LATE_EDIT_S) - 1)
    assert bool(bot.tasks(Explain)) is not waits
    bot.pass_time(2)
    assert bot.tasks(Explain), "not for ever"


@pytest.mark.negative
def test_sentence_that_did_not_wait_would_be_overwritten(
    bot: SteppedDispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Showing, "request_ids_in_doubt", lambda *_: [])
    cancel_during_an_edit(bot)
    lose_the_edit(bot)
    bot.step()
    assert bot.tasks(Explain)


def test_media_need_not_wait_for_an_edit_that_may_come_late(bot: SteppedDispatcher) -> None:
    downloading(bot)
    bot.holds_edits = True
    bot.downloads.report(bot.job_id(Download), Progress(Stage.DOWNLOADING, 1, 2))
    bot.pass_time(5)
    lose_the_edit(bot)
    bot.finish_download()
    assert bot.tasks(Deliver)


def test_link_sent_again_while_its_download_is_being_stopped_is_fetched(
    bot: SteppedDispatcher,
) -> None:
    downloading(bot)
    stopping = bot.job_id(Download)
    bot.press_cancel(my_request(bot), ME)
    bot.finish(AnswerButton)
    bot.send(LINK, user_id=OTHER)
    bot.downloads.stop(stopping)
    bot.step()
    assert bot.job_id(Download) >= stopping
    assert bot.states("download")[-1] == "running"
    assert bot.tasks(PostStatus)


# ---------------------------------------------------------- downloads that nobody waits for


def end_by_error(bot: SteppedDispatcher) -> None:
    bot.fail(Download, JobError(Reason.STALLED, Fault.RETRYABLE))


def end_overdue(bot: SteppedDispatcher) -> None:
    bot.downloads.stop(bot.job_id(Download), StopReason.TIMED_OUT)
    bot.step()


def lose_the_judge(bot: SteppedDispatcher) -> None:
    bot.fail(Download, JudgeLost("its judge has ended"))


ENDS = [end_by_error, end_overdue, lose_the_judge, lambda bot: bot.lose(Download)]


@pytest.mark.parametrize("end", ENDS)
def test_cancelled_download_that_ends_in_another_way_is_not_tried_again(
    bot: SteppedDispatcher, end: Callable[[SteppedDispatcher], None]
) -> None:
    downloading(bot)
    bot.press_cancel(my_request(bot), ME)
    end(bot)
    assert bot.states("download") == ["dropped"]
    assert not bot.downloads.tasks


def test_cancelled_download_that_ends_in_another_way_is_tried_again_for_others(
    bot: SteppedDispatcher,
) -> None:
    downloading(bot)
    bot.press_cancel(my_request(bot), ME)
    bot.send(LINK, user_id=OTHER)
    end_by_error(bot)
    assert bot.states("download")[-1] == "waiting"


@pytest.mark.parametrize("is_killed", [False, True])
def test_download_that_was_cancelled_before_the_end_is_not_begun_after_the_start(
    make_bot: MakeBot, is_killed: bool
) -> None:
    bot = make_bot()
    downloading(bot)
    bot.press_cancel(my_request(bot), ME)
    assert bot.downloads.stopped
    if is_killed:
        bot.kill()
    else:
        bot.dispatcher.stop_now()
        bot.close()
    later = make_bot()
    later.settle()
    assert later.states("download") == ["dropped"]
    assert not later.downloads.tasks


def test_what_was_recorded_for_nobody_is_removed_at_the_start(make_bot: MakeBot) -> None:
    bot = make_bot(**SETTINGS)
    request_id = recording(bot)
    bot.make_media()
    bot.press_cancel(request_id, ME)
    bot.kill()
    later = make_bot(**SETTINGS)
    assert later.directories()
    later.step()
    assert later.states("recording") == ["dropped"]
    assert later.directories() == []


def test_what_a_person_recorded_is_made_a_file_after_the_start(make_bot: MakeBot) -> None:
    bot = make_bot(**SETTINGS)
    recording(bot)
    bot.make_media()
    bot.kill()
    later = make_bot(**SETTINGS)
    later.step()
    assert later.states("recording") == ["running"]
    assert later.directories()
