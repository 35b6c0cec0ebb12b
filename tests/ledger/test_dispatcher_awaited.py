"""Live streams that have not started, through the dispatcher: waited for, and announced."""

import pytest

from tests.support.live_streams import (
    DOWN,
    LINK,
    ME,
    NEXT_STATUS,
    OTHER,
    SETTINGS,
    SOON,
    STATUS,
    TEN,
    answered,
    end_stopped,
    press,
    refused,
)
from tests.support.stepped_dispatcher import MakeBot, SteppedDispatcher
from worker.dispatch.outcomes import AWAITED_S, LEAST_AWAITED_S, MOST_AWAITED_S
from worker.errors import Fault, JobError, Reason
from worker.form import START, WHOLE
from worker.ledger.choices.choices import MAX_AWAITED
from worker.ledger.jobs.queue import MAX_REFUNDS
from worker.pool.events import StopReason
from worker.protocol import (
    Delivered,
    Download,
    Explain,
    LiveOffer,
    Media,
    Posted,
    PostStatus,
    ShowLook,
    Stage,
)
from worker.protocol.effects import CancelRequest, ChooseForm, Press
from worker.protocol.looks import Live, MediaLook
from worker.protocol.notices import Notice, Topic


@pytest.fixture
def bot(make_bot: MakeBot) -> SteppedDispatcher:
    return make_bot(**SETTINGS)


def awaiting(bot: SteppedDispatcher) -> None:
    """Somebody waits for a stream to start."""
    refused(bot, SOON)
    assert press(bot, START) == Notice(Topic.ON_ITS_WAY)
    assert bot.task(PostStatus).stage is Stage.AWAITING_START
    bot.post(NEXT_STATUS)


def look_times(bot: SteppedDispatcher, error: JobError, count: int) -> list[float]:
    """When each of the next looks is, after the one before, all of which fail so."""
    waits = []
    for _ in range(count):
        bot.fail(Download, error)
        assert bot.tasks(Download) == {}, "no worker is held meanwhile"
        due, now = bot.rows("SELECT not_before FROM jobs WHERE kind = 'look'")[0][0], bot.wall
        waits.append(due - now)
        bot.step(due - now)
    return waits


def test_who_waits_for_a_start_is_told_by_a_new_message(bot: SteppedDispatcher) -> None:
    awaiting(bot)
    look_times(bot, SOON, 3)
    assert {shown.stage for shown in bot.shown()} <= {Stage.AWAITING_START}
    bot.finish(Download, Media((), look=MediaLook("A stream", live=Live.NOW)))
    answer = bot.task(ShowLook)
    assert (answer.reply_to_id, answer.message_id) == (STATUS, NEXT_STATUS)
    assert answer.offer == LiveOffer(WHOLE.code, (5, 15, 30))
    bot.finish(ShowLook, Delivered(None, message_id=99))
    assert press(bot, TEN, request_id=2, message_id=99) == Notice(Topic.ON_ITS_WAY)
    assert bot.task(Download).record_s == 600


def test_a_wait_that_was_cancelled_is_on_show_no_more(bot: SteppedDispatcher) -> None:
    awaiting(bot)
    look_id = bot.job_id(Download)
    bot.fail(Download, SOON)
    bot.step(2.0)
    assert bot.dispatcher._showing.downloads.keys() == {look_id}
    bot.bring(CancelRequest(2, ME, "press"))
    bot.finish(Explain)
    bot.step(2.0)
    assert bot.states("look") == ["dropped"]
    assert not bot.dispatcher._showing.downloads


def test_the_longer_it_is_waited_for_the_longer_until_the_next_look(
    bot: SteppedDispatcher,
) -> None:
    awaiting(bot)
    waits = look_times(bot, SOON, 60)
    assert waits[0] == LEAST_AWAITED_S
    assert waits == sorted(waits)
    assert waits[-1] <= MOST_AWAITED_S


@pytest.mark.parametrize(
    ("tells_s", "waits_s"), [(0.0, LEAST_AWAITED_S), (300.0, 300.0), (9000.0, MOST_AWAITED_S)]
)
def test_a_site_that_tells_when_it_starts_is_asked_then(
    bot: SteppedDispatcher, tells_s: float, waits_s: float
) -> None:
    awaiting(bot)
    error = JobError(Reason.NOT_STARTED, Fault.PERMANENT, retry_after_s=tells_s)
    assert look_times(bot, error, 1) == [pytest.approx(waits_s, abs=0.1)]


def test_a_start_is_waited_for_a_day(bot: SteppedDispatcher) -> None:
    awaiting(bot)
    began = bot.wall
    while bot.tasks(Download):
        bot.fail(Download, SOON)
        waiting = bot.rows("SELECT not_before FROM jobs WHERE kind = 'look' AND state = 'waiting'")
        if waiting:
            bot.step(waiting[0][0] - bot.wall)
    assert bot.wall - began == pytest.approx(AWAITED_S, abs=1)
    assert bot.task(Explain).reason is Reason.NOT_STARTED


def test_who_comes_to_wait_later_waits_a_day_of_their_own(bot: SteppedDispatcher) -> None:
    awaiting(bot)
    began = bot.wall
    while bot.wall - began < AWAITED_S - 2 * MOST_AWAITED_S:
        look_times(bot, SOON, 1)
    bot.fail(Download, SOON)
    bot.send(LINK, user_id=OTHER)
    bot.post(70)
    bot.fail(Download, SOON)
    bot.finish(Explain)
    bot.bring(ChooseForm(3, START, Press("other press", OTHER, OTHER, 70)))
    assert answered(bot) == Notice(Topic.ON_ITS_WAY)
    bot.finish(PostStatus, Posted(80))
    assert bot.states("look") == ["running"], "one look for both, and at once"
    began = bot.wall
    assert look_times(bot, SOON, 1) == [LEAST_AWAITED_S]
    while bot.tasks(Download):
        look_times(bot, SOON, 1)
    assert bot.wall - began == pytest.approx(AWAITED_S, abs=1)
    assert [said.reason for said in bot.tasks(Explain).values()] == [Reason.NOT_STARTED] * 2


def test_a_site_that_fails_meanwhile_is_asked_again(bot: SteppedDispatcher) -> None:
    awaiting(bot)
    assert len(look_times(bot, DOWN, 6)) == 6


@pytest.mark.parametrize("attempts", ["1", "3"])
def test_workers_that_die_meanwhile_do_not_end_the_wait(make_bot: MakeBot, attempts: str) -> None:
    bot = make_bot(**SETTINGS, JOB_MAX_ATTEMPTS=attempts)
    awaiting(bot)
    for _ in range(3):
        look_times(bot, SOON, 1)
        bot.lose(Download)
        assert bot.shown()[-1].stage is Stage.AWAITING_START
        bot.step(MOST_AWAITED_S)
        bot.downloads.stop(bot.job_id(Download), StopReason.TIMED_OUT)
        bot.step()
        bot.step(MOST_AWAITED_S)
    assert bot.task(Download).form == START


def test_a_look_that_kills_each_worker_ends_the_wait(make_bot: MakeBot) -> None:
    bot = make_bot(**SETTINGS, JOB_MAX_ATTEMPTS="2")
    awaiting(bot)
    deaths = 0
    while bot.tasks(Download):
        bot.lose(Download)
        deaths += 1
        bot.step(MOST_AWAITED_S)
    bot.step()
    assert deaths == MAX_REFUNDS + 2
    assert bot.task(Explain).reason is Reason.CRASHED


def test_a_stream_that_is_gone_is_not_waited_for(bot: SteppedDispatcher) -> None:
    awaiting(bot)
    bot.fail(Download, JobError(Reason.NOT_FOUND, Fault.PERMANENT))
    assert bot.task(Explain).reason is Reason.NOT_FOUND


def test_waiting_for_a_start_survives_the_bot_and_can_be_cancelled(make_bot: MakeBot) -> None:
    bot = make_bot(**SETTINGS)
    awaiting(bot)
    look_times(bot, SOON, 1)
    bot.fail(Download, SOON)
    bot.kill()
    bot = make_bot(**SETTINGS)
    bot.step(3600.0)
    assert bot.task(Download).form == START
    bot.bring(CancelRequest(2, ME, "press"))
    end_stopped(bot)
    assert bot.states("look") == ["dropped"]


def test_so_many_streams_are_waited_for_in_a_chat(bot: SteppedDispatcher) -> None:
    for number in range(MAX_AWAITED + 1):
        bot.step(8.0)
        link = f"https://site{number}.example/live"
        refused(bot, SOON, link, message_id=100 + number)
        request_id = bot.rows("SELECT max(id) FROM requests")[0][0]
        said = press(bot, START, request_id, 100 + number, f"press {number}")
        is_last = number == MAX_AWAITED
        assert said == Notice(Topic.ENOUGH_AWAITED if is_last else Topic.ON_ITS_WAY)
        if not is_last:
            bot.finish(PostStatus, Posted(200 + number))
            bot.fail(Download, SOON)
