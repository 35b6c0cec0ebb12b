"""Live streams, through the dispatcher: recorded and stopped."""

from pathlib import Path

import pytest

from tests.support.live_streams import (
    DOWN,
    LINK,
    LIVE,
    NEXT_STATUS,
    OTHER,
    SETTINGS,
    STATUS,
    TEN,
    begin,
    end_stopped,
    press,
    recording,
    refused,
    stop,
)
from tests.support.stepped_dispatcher import MakeBot, SteppedDispatcher
from worker.dispatch.circuit_breaker import FAILURES_TO_OPEN
from worker.errors import Fault, FileIdRefused, JobError, Reason
from worker.form import START, Form, What
from worker.ledger import ledger_path
from worker.ledger.jobs.queue import MAX_REFUNDS
from worker.ledger.upkeep.upkeep import Upkeep
from worker.pool.events import StopReason
from worker.protocol import (
    Deliver,
    Download,
    Explain,
    LiveOffer,
    Progress,
    SentApart,
    Stage,
)
from worker.protocol.notices import Cancelled, Notice, Topic
from worker.settings import Site, Sites

APART = 99
"""The message of an answer that no status message could be turned into."""


@pytest.fixture
def bot(make_bot: MakeBot) -> SteppedDispatcher:
    return make_bot(**SETTINGS)


# ----------------------------------------------------------------------------- what is offered


def test_a_stream_can_be_recorded_for_so_many_minutes(bot: SteppedDispatcher) -> None:
    assert refused(bot).offer == LiveOffer("all", (5, 15, 30))


def test_what_is_offered_in_a_message_of_its_own_can_be_pressed(bot: SteppedDispatcher) -> None:
    bot.send(LINK)
    bot.post(STATUS)
    bot.fail(Download, LIVE)
    bot.finish(Explain, SentApart(APART))
    assert press(bot, message_id=APART) == Notice(Topic.ON_ITS_WAY)
    assert bot.task(Download).record_s == 600


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
    for number in range(FAILURES_TO_OPEN - 1):
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
    for number in range(FAILURES_TO_OPEN):
        bot.send(f"https://site.example/{number}", user_id=20 + number)
        bot.settle()
        bot.fail(Download, DOWN)
    assert list(bot.dispatcher.sites_down) == ["site.example"]
    bot.step(bot.settings.queue_retry_after_s)
    assert bot.task(Download).form == TEN, "a site that is down is not asked for it"
    bot.finish_download()
    assert list(bot.dispatcher.sites_down) == ["site.example"], "nor does its end speak of the site"


def test_a_recording_that_ends_well_says_that_its_site_works(bot: SteppedDispatcher) -> None:
    recording(bot)
    job_id = bot.job_id(Download)
    for number in range(FAILURES_TO_OPEN):
        bot.send(f"https://site.example/{number}", user_id=20 + number)
        bot.settle()
        (other,) = bot.tasks(Download).keys() - {job_id}
        bot.downloads.fail(other, DOWN)
        bot.step()
    assert bot.dispatcher.sites_down
    bot.finish_download()
    assert not bot.dispatcher.sites_down


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
