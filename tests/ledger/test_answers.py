"""What is kept and counted of a request once it is answered."""

import sqlite3

import pytest

from tests.support.stepped_dispatcher import SteppedDispatcher
from worker.clocks import Wall
from worker.errors import ChatClosed, Fault, FileIdRefused, JobError, MessageGone, Reason
from worker.form import WHOLE
from worker.ledger import Ledger, LedgerBusy, Verdict, ledger_path
from worker.ledger.requests import answers
from worker.ledger.requests.answers import MAX_SITES, OTHER_SITES, Answer, AnswerCount
from worker.ledger.storage import retention
from worker.ledger.upkeep.upkeep import Upkeep
from worker.protocol import Deliver, Delivered, Download, MediaKind, PostStatus, Reader, Reply
from worker.protocol.notices import Notice, Topic

LINK = "https://site.example/v"
FACTS = (
    "SELECT is_remembered, media_bytes, waited_s, downloaded_s, uploaded_s, attempts FROM requests"
)


def facts(bot: SteppedDispatcher) -> list[tuple[object, ...]]:
    return bot.rows(FACTS)


def counts(bot: SteppedDispatcher) -> tuple[AnswerCount, ...]:
    return answers.counts(bot.ledger._db)


def times(bot: SteppedDispatcher) -> dict[str, float]:
    return {each.step: each.seconds for each in answers.times(bot.ledger._db)}


def answer(bot: SteppedDispatcher, link: str = LINK) -> None:
    bot.send(link)
    bot.post()
    bot.step(2)
    bot.finish_download()
    bot.step(0.5)
    bot.deliver()


def test_seconds_are_parted_into_steps(bot: SteppedDispatcher) -> None:
    bot.send(LINK)
    bot.step(2)  # before anything is posted the download runs
    bot.finish_download()
    bot.step(4)
    bot.post()
    bot.step(0.5)
    bot.deliver()
    assert facts(bot) == [(0, 5, 4.0, 2.0, 0.5, 1)]
    assert counts(bot) == (AnswerCount("site.example", "media", "", False, 1, 5),)
    assert times(bot) == {"waiting": 4.0, "downloading": 2.0, "uploading": 0.5}


def test_retries_are_waited_for(bot: SteppedDispatcher) -> None:
    bot.send(LINK)
    bot.post()
    bot.step(3)
    bot.fail(Download, JobError(Reason.NETWORK, Fault.RETRYABLE))
    bot.step(bot.settings.queue_retry_after_s + 1)
    bot.step(2)
    bot.finish_download()
    bot.deliver()
    ((_, _, waited_s, downloaded_s, _, attempts),) = facts(bot)
    assert (downloaded_s, attempts) == (2.0, 2)
    assert waited_s == 3 + bot.settings.queue_retry_after_s + 1


def test_who_joins_a_download_has_waited_for_the_rest_of_it(bot: SteppedDispatcher) -> None:
    bot.send(LINK, user_id=1)
    bot.post()
    bot.step(5)
    bot.send(LINK, user_id=2)
    bot.post(51)
    bot.step(2)
    bot.finish_download()
    bot.deliver()
    bot.deliver()
    assert [row[3] for row in facts(bot)] == [7.0, 2.0]


def test_what_telegram_has_already_takes_no_download(bot: SteppedDispatcher) -> None:
    answer(bot)
    bot.send(LINK, user_id=8)
    bot.post()
    bot.step(0.25)
    bot.deliver()
    assert facts(bot)[1] == (1, 5, 0.0, 0.0, 0.25, 0)
    assert AnswerCount("site.example", "media", "", True, 1, 5) in counts(bot)
    assert times(bot)["uploading"] == 0.5, "that of the first alone"


def test_failures_are_counted_by_their_reason_and_the_cancelled_apart(
    bot: SteppedDispatcher,
) -> None:
    bot.send(LINK)
    bot.post()
    bot.fail(Download, JobError(Reason.NOT_FOUND, Fault.PERMANENT))
    bot.settle()
    bot.send(LINK + "2")
    bot.post()
    bot.press_cancel(2)
    bot.settle()
    assert counts(bot) == (
        AnswerCount("site.example", "cancelled", "", False, 1, 0),
        AnswerCount("site.example", "sentence", "not found", False, 1, 0),
    )
    waited = [each.answers for each in answers.times(bot.ledger._db) if each.step == "waiting"]
    assert sum(waited) == 1, "nobody waits for a cancellation"


def test_chat_that_is_closed_ends_its_links_with_a_line_for_each(
    bot: SteppedDispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "worker")
    bot.send(LINK, LINK + "2")
    posted = next(iter(bot.tasks(PostStatus)))
    bot.telegram.fail(posted, ChatClosed())
    bot.step()
    for number in (1, 2):
        assert f"request {number}: given up, for nobody can be reached; user 7" in caplog.text
    assert [each.answers for each in counts(bot)] == [2]


@pytest.mark.parametrize(
    "end",
    [
        Delivered("id", MediaKind.VIDEO),
        JobError(Reason.UPLOAD_REFUSED, Fault.PERMANENT),
        ChatClosed(),
        MessageGone(),
        FileIdRefused(),
    ],
)
def test_what_becomes_of_an_upload_that_was_given_up_changes_nothing(
    bot: SteppedDispatcher, end: Delivered | Exception
) -> None:
    bot.send(LINK, chat_id=-5)
    bot.post()
    bot.finish_download()
    bot.bring(Reply(Reader(-5), 1, (Notice(Topic.HINT),)))
    bot.fail(Reply, ChatClosed())
    given_up = bot.rows("SELECT verdict, reason, answered_at FROM requests")
    bot.step(5)
    if isinstance(end, Delivered):
        bot.finish(Deliver, end)
    else:
        bot.fail(Deliver, end)
    assert bot.rows("SELECT verdict, reason, answered_at FROM requests") == given_up
    assert counts(bot) == (AnswerCount("site.example", "unreachable", "", False, 1, 0),)
    assert not bot.tasks(PostStatus)
    assert not bot.tasks(Download)


def test_another_run_counts_from_its_own_beginning(bot: SteppedDispatcher) -> None:
    bot.send(LINK)
    bot.post()
    bot.fail(Download, JobError(Reason.NOT_FOUND, Fault.PERMANENT))
    bot.settle()
    bot.step(86_400)
    with Upkeep(ledger_path(bot.settings.data_dir)) as upkeep:
        failed = upkeep.failed_job("2")
        failed = failed or upkeep.failed(1)[0]
        upkeep.retry(failed, bot.wall)
    bot.step()
    bot.post()
    bot.step(2)
    bot.finish_download()
    bot.deliver()
    ((_, _, waited_s, downloaded_s, _, _),) = facts(bot)
    assert (waited_s, downloaded_s) == (0.0, 2.0)


def test_a_clock_that_was_set_back_takes_no_negative_time(bot: SteppedDispatcher) -> None:
    bot.send(LINK)
    bot.post()
    bot.wall = Wall(bot.wall - 3600)
    bot.finish_download()
    bot.deliver()
    assert [row[2:5] for row in facts(bot)] == [(0.0, 0.0, 0.0)]


def test_counts_do_not_fall_when_requests_are_deleted(bot: SteppedDispatcher) -> None:
    answer(bot)
    before = (counts(bot), answers.times(bot.ledger._db))
    with bot.ledger._db.transaction():
        while retention.remove_batch(bot.ledger._db, Wall(bot.wall + 1)):
            pass
    assert facts(bot) == []
    assert (counts(bot), answers.times(bot.ledger._db)) == before


def an_answer() -> Answer:
    return Answer(
        request_id=1,
        user_id=7,
        chat_id=7,
        site="",
        form=WHOLE,
        verdict=Verdict.MEDIA,
        reason=None,
        error_id=None,
        download_id=1,
        is_remembered=False,
        media_bytes=1,
        waited_s=0.0,
        downloaded_s=1.0,
        uploaded_s=1.0,
        attempts=1,
    )


def test_sites_that_are_counted_apart_are_limited(ledger: Ledger) -> None:
    db = ledger._db
    hosts = [f"site{number}.example" for number in range(MAX_SITES + 50)]
    with db.transaction():
        for host in [*hosts, "youtu.be", hosts[0]]:
            answers.add_to_counts(db, an_answer(), f"https://{host}/v")
    found = {each.site: each.answers for each in answers.counts(db)}
    assert len(found) == MAX_SITES + 2
    assert (found[OTHER_SITES], found["youtube.com"], found[hosts[0]]) == (50, 1, 2)


def test_what_is_rolled_back_is_not_told(ledger: Ledger) -> None:
    def fail() -> None:
        with ledger._db.transaction():
            ledger._db.news.append(an_answer())
            raise sqlite3.OperationalError("disk is full")

    with pytest.raises(LedgerBusy):
        fail()
    with ledger._db.transaction():
        ledger._db.news.append(kept := an_answer())
    assert ledger.take_answers() == [kept]
    assert ledger.take_answers() == []
