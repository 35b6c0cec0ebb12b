"""Live streams, through the dispatcher: recorded, stopped, and waited for."""

from pathlib import Path

import pytest

from tests.support.stepped_dispatcher import MakeBot, SteppedDispatcher
from worker.dispatch.circuit_breaker import LINKS
from worker.dispatch.outcomes import AWAITED_S, LEAST_AWAITED_S, MOST_AWAITED_S
from worker.effects import CancelRequest, ChooseForm, Press, StopRecording
from worker.errors import Fault, FileIdRefused, JobError, Reason
from worker.form import START, WHOLE, Form, What
from worker.ledger import ledger_path
from worker.ledger.choices import MAX_AWAITED
from worker.ledger.queue import MAX_REFUNDS
from worker.ledger.upkeep import Upkeep
from worker.looks import Live, MediaLook
from worker.notices import Cancelled, Notice, Topic
from worker.pool.events import StopReason
from worker.protocol import (
    AnswerButton,
    Deliver,
    Delivered,
    Download,
    Explain,
    LiveOffer,
    Media,
    Posted,
    PostStatus,
    Progress,
    ShowLook,
    Stage,
)
from worker.settings import Site, Sites

LINK, OTHER_LINK = "https://site.example/live", "https://site.example/other"
ME, OTHER = 7, 8
LIVE = JobError(Reason.LIVE, Fault.PERMANENT)
SOON = JobError(Reason.NOT_STARTED, Fault.PERMANENT)
DOWN = JobError(Reason.NETWORK, Fault.RETRYABLE)
SETTINGS = {"LIVE_MAX_MINUTES": "30", "USER_MAX_RUNNING": "5", "CHAT_MAX_RUNNING": "5"}
TEN = Form(record_minutes=10)
STATUS, NEXT_STATUS = 50, 60


@pytest.fixture
def bot(make_bot: MakeBot) -> SteppedDispatcher:
    return make_bot(**SETTINGS)


def refused(
    bot: SteppedDispatcher, why: JobError = LIVE, link: str = LINK, message_id: int = STATUS
) -> Explain:
    """A link has been answered with why there is no media."""
    bot.send(link)
    bot.post(message_id)
    bot.fail(Download, why)
    said = bot.task(Explain)
    bot.finish(Explain)
    return said


def press(
    bot: SteppedDispatcher,
    form: Form = TEN,
    request_id: int = 1,
    message_id: int = STATUS,
    press_id: str = "press",
) -> Notice | None:
    """Somebody presses a button below an answer; what that says."""
    by = Press(press_id, ME, ME, message_id)
    bot.bring(ChooseForm(request_id, form, by))
    return answered(bot)


def answered(bot: SteppedDispatcher) -> Notice | None:
    notice = bot.task(AnswerButton).notice
    bot.finish(AnswerButton)
    return notice


def recording(bot: SteppedDispatcher, message_id: int = NEXT_STATUS) -> int:
    """A recording has begun; the id of its request."""
    refused(bot)
    assert press(bot) == Notice(Topic.ON_ITS_WAY)
    bot.post(message_id)
    begin(bot)
    return 2


def begin(bot: SteppedDispatcher) -> None:
    """The first pieces of a recording are there."""
    bot.downloads.report(bot.job_id(Download), Progress(Stage.RECORDING, 1000, eta_s=590.0))
    bot.step(4.0)


def stop(bot: SteppedDispatcher, request_id: int = 2, user_id: int = ME) -> Notice | None:
    bot.bring(StopRecording(request_id, Press("stop", user_id, ME, NEXT_STATUS)))
    return answered(bot)


def end_stopped(bot: SteppedDispatcher) -> None:
    """The downloads end that were told to stop."""
    stopped, bot.downloads.stopped = list(bot.downloads.stopped), {}
    assert stopped
    for job_id in stopped:
        bot.downloads.stop(job_id)
    bot.step()


# ----------------------------------------------------------------------------- what is offered


def test_a_stream_can_be_recorded_for_so_many_minutes(bot: SteppedDispatcher) -> None:
    assert refused(bot).offer == LiveOffer("all", (5, 15, 30))


def test_nothing_is_offered_where_nothing_may_be_recorded(make_bot: MakeBot) -> None:
    bot = make_bot()
    assert refused(bot).offer is None
    # A press that somebody has made up.
    press(bot)
    assert bot.task(Download).record_s == 0.0


def test_no_more_is_recorded_than_the_operator_allows(bot: SteppedDispatcher) -> None:
    refused(bot)
    press(bot, Form(record_minutes=600))
    assert bot.task(Download).record_s == 30 * 60


@pytest.mark.parametrize("form", [TEN, START])
def test_what_is_no_live_stream_has_no_such_buttons(bot: SteppedDispatcher, form: Form) -> None:
    refused(bot, JobError(Reason.PRIVATE, Fault.PERMANENT))
    assert press(bot, form) == Notice(Topic.DEAD_BUTTON)
    assert press(bot, form, message_id=STATUS + 1) == Notice(Topic.DEAD_BUTTON)


def test_why_there_is_no_media_has_no_other_buttons(bot: SteppedDispatcher) -> None:
    refused(bot)
    assert press(bot, Form(What.SOUND)) == Notice(Topic.DEAD_BUTTON)


# ------------------------------------------------------------------------------- recordings


def test_a_recording_is_sent_and_said_how_far_it_is(bot: SteppedDispatcher) -> None:
    recording(bot)
    assert bot.shown()[-1] == Progress(Stage.RECORDING, 1000, eta_s=590.0)
    bot.finish_download()
    assert bot.task(Deliver).menu is None, "of what is over there is nothing else"
    bot.deliver()
    assert bot.directories() == []


def test_a_recording_is_nobody_elses(bot: SteppedDispatcher) -> None:
    recording(bot)
    assert press(bot, press_id="again") == Notice(Topic.ON_ITS_WAY)
    assert len(bot.tasks(Download)) == 1, "one at a time below an answer"
    bot.finish_download()
    bot.deliver()
    press(bot, press_id="later")
    assert len(bot.tasks(Download)) == 1, "what was recorded then is another part of it"


def test_what_was_recorded_until_a_stop_is_made_a_file(bot: SteppedDispatcher) -> None:
    recording(bot)
    directory = Path(bot.task(Download).directory)
    directory.mkdir(parents=True)
    assert stop(bot) == Notice(Topic.ON_ITS_WAY)
    assert list(bot.downloads.stopped) == [bot.job_id(Download)]
    end_stopped(bot)
    again = bot.task(Download)
    assert (again.record_s, again.directory) == (0.0, str(directory))
    assert directory.exists(), "with what is there"
    directory.rmdir()
    bot.finish_download()
    bot.deliver()
    assert bot.rows("SELECT verdict FROM requests WHERE id = 2") == [("media",)]


@pytest.mark.parametrize("attempts", ["1", "3"])
def test_what_was_recorded_by_a_last_attempt_is_made_a_file(
    make_bot: MakeBot, attempts: str
) -> None:
    bot = make_bot(**SETTINGS, JOB_MAX_ATTEMPTS=attempts)
    refused(bot)
    press(bot)
    bot.post(NEXT_STATUS)
    for _ in range(int(attempts) - 1):
        bot.fail(Download, DOWN)
        bot.step(bot.settings.queue_retry_after_s)
    begin(bot)
    directory = Path(bot.task(Download).directory)
    directory.mkdir(parents=True)
    for error in (DOWN, JobError(Reason.STALLED, Fault.RETRYABLE)):
        bot.lose(Download)
        bot.step(bot.settings.queue_retry_after_s)
        bot.fail(Download, error)
        bot.step(bot.settings.queue_retry_after_s)
    bot.downloads.stop(bot.job_id(Download), StopReason.TIMED_OUT)
    bot.step()
    bot.step(bot.settings.queue_retry_after_s)
    assert directory.exists()
    directory.rmdir()
    bot.finish_download()
    bot.deliver()
    assert bot.rows("SELECT verdict FROM requests WHERE id = 2") == [("media",)]


def test_what_was_recorded_is_given_up_when_no_file_comes_of_it(bot: SteppedDispatcher) -> None:
    recording(bot)
    deaths = 0
    while bot.tasks(Download):
        bot.lose(Download)
        deaths += 1
        bot.step(bot.settings.queue_retry_after_s)
    bot.step()
    assert deaths == MAX_REFUNDS + bot.settings.job_max_attempts
    assert bot.task(Explain).reason is Reason.CRASHED


def test_a_recording_that_has_recorded_nothing_needs_its_site(bot: SteppedDispatcher) -> None:
    refused(bot)
    press(bot)
    bot.post(NEXT_STATUS)
    directory = Path(bot.task(Download).directory)
    directory.mkdir(parents=True)
    bot.fail(Download, DOWN)
    assert not directory.exists()
    for number in range(LINKS - 1):
        bot.send(f"https://site.example/{number}", user_id=20 + number)
        bot.settle()
        bot.fail(Download, DOWN)
    assert list(bot.dispatcher.sites_down) == ["site.example"]
    assert bot.states("recording") == ["failed"], "refused with the other links"


def test_a_stop_before_anything_was_recorded_needs_no_site(bot: SteppedDispatcher) -> None:
    refused(bot)
    press(bot)
    bot.post(NEXT_STATUS)
    stop(bot)
    bot.dispatcher.use_sites(Sites({"site.example": Site(name="site.example", off=True)}))
    end_stopped(bot)
    assert bot.task(Download).record_s == 0.0, "which ends without asking it"


def test_a_stop_counts_once(bot: SteppedDispatcher) -> None:
    recording(bot)
    stop(bot)
    end_stopped(bot)
    assert stop(bot) == Notice(Topic.ON_ITS_WAY)
    assert bot.downloads.stopped == {}, "the file that is being made goes on"
    bot.finish_download()
    bot.deliver()
    assert stop(bot) == Notice(Topic.DEAD_BUTTON)


def test_only_who_records_stops_it(bot: SteppedDispatcher) -> None:
    recording(bot)
    assert stop(bot, user_id=OTHER) == Notice(Cancelled.NOT_YOURS)
    assert bot.downloads.stopped == {}
    assert stop(bot, request_id=1) == Notice(Topic.DEAD_BUTTON), "which is no recording"


def test_what_is_cancelled_is_not_sent(bot: SteppedDispatcher) -> None:
    recording(bot)
    directory = Path(bot.task(Download).directory)
    directory.mkdir(parents=True)
    bot.press_cancel(2)
    end_stopped(bot)
    assert bot.tasks(Download) == {}
    assert bot.directories() == []


def test_what_was_recorded_until_the_bot_died_is_made_a_file(make_bot: MakeBot) -> None:
    bot = make_bot(**SETTINGS)
    recording(bot)
    task = bot.task(Download)
    Path(task.directory).mkdir(parents=True)
    bot.kill()
    bot = make_bot(**SETTINGS)
    bot.step()
    assert bot.task(Download).directory == task.directory
    assert Path(task.directory).exists()
    assert bot.attempts("recording") == [1], "the bot's end is no fault of its own"


def test_a_bot_that_stops_ends_recordings_at_once(make_bot: MakeBot) -> None:
    bot = make_bot(**SETTINGS)
    recording(bot)
    task = bot.task(Download)
    Path(task.directory).mkdir(parents=True)
    bot.dispatcher.stop(600.0)
    bot.step()
    end_stopped(bot)
    assert bot.states("recording") == ["waiting"]
    bot.close()
    assert Path(task.directory).exists()
    bot = make_bot(**SETTINGS)
    bot.step()
    assert bot.task(Download).directory == task.directory


def test_what_was_recorded_waits_for_no_site(bot: SteppedDispatcher) -> None:
    recording(bot)
    bot.lose(Download)
    for number in range(LINKS):
        bot.send(f"https://site.example/{number}", user_id=20 + number)
        bot.settle()
        bot.fail(Download, DOWN)
    assert list(bot.dispatcher.sites_down) == ["site.example"]
    bot.step(bot.settings.queue_retry_after_s)
    assert bot.task(Download).form == TEN, "a site that is down is not asked for it"


def test_a_recording_that_failed_is_made_anew_where_the_operator_retries_it(
    bot: SteppedDispatcher,
) -> None:
    recording(bot)
    stop(bot)
    end_stopped(bot)
    bot.fail(Download, JobError(Reason.BROKEN_FILE, Fault.PERMANENT))
    bot.finish(Explain)
    with Upkeep(ledger_path(bot.settings.data_dir)) as upkeep:
        upkeep.retry(upkeep.failed(10)[0], bot.wall)
    bot.step(1.0)
    assert bot.task(Download).record_s == 600, "what there was of it is gone"


def test_what_was_recorded_and_is_gone_is_not_recorded_again(bot: SteppedDispatcher) -> None:
    recording(bot)
    bot.finish_download()
    bot.fail(Deliver, FileIdRefused("as if"))
    assert bot.tasks(Download) == {}
    assert bot.task(Explain).reason is Reason.INTERNAL


def test_recordings_leave_a_worker_for_downloads(make_bot: MakeBot) -> None:
    bot = make_bot(**SETTINGS, DOWNLOAD_WORKERS="2")
    recording(bot)
    press(bot, Form(record_minutes=5), press_id="second")
    bot.post(70)
    assert len(bot.tasks(Download)) == 1
    bot.pass_time(5)
    assert Progress(Stage.OTHER_RECORDINGS) in bot.shown()
    bot.send("https://elsewhere.example/v", user_id=OTHER)
    assert sorted(task.form.code for task in bot.tasks(Download).values()) == ["all", TEN.code]
    job_id = next(key for key, task in bot.tasks(Download).items() if task.form == TEN)
    bot.downloads.fail(job_id, LIVE)
    bot.step()
    assert {task.form.code for task in bot.tasks(Download).values()} == {"all", "all.rec-5"}


def test_no_recording_begins_before_one_that_only_has_to_be_made_a_file(make_bot: MakeBot) -> None:
    bot = make_bot(**SETTINGS, DOWNLOAD_WORKERS="2")
    recording(bot)
    press(bot, Form(record_minutes=5), press_id="second")
    bot.post(70)
    bot.lose(Download)
    assert bot.tasks(Download) == {}, "which would be waited for until its end"
    bot.step(bot.settings.queue_retry_after_s)
    assert bot.task(Download).form == TEN
    bot.finish_download()
    bot.step()
    assert bot.task(Download).form == Form(record_minutes=5)


def test_what_was_recorded_is_made_a_file_by_the_one_worker_left(make_bot: MakeBot) -> None:
    bot = make_bot(**SETTINGS)
    recording(bot)
    bot.kill()
    bot = make_bot(DOWNLOAD_WORKERS="1", LIVE_MAX_MINUTES="0")
    bot.step()
    assert bot.task(Download).record_s == 0.0


def test_recording_takes_its_own_time(bot: SteppedDispatcher) -> None:
    recording(bot)
    limit_s = bot.settings.download_job_timeout_s
    assert bot.downloads.timeouts_s[bot.job_id(Download)] == limit_s + 600


# -------------------------------------------------------------------------- until it starts


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
    assert (answer.reply_to, answer.message_id) == (STATUS, NEXT_STATUS)
    assert answer.offer == LiveOffer(WHOLE.code, (5, 15, 30))
    bot.finish(ShowLook, Delivered(None, message_id=99))
    assert press(bot, TEN, request_id=2, message_id=99) == Notice(Topic.ON_ITS_WAY)
    assert bot.task(Download).record_s == 600


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
