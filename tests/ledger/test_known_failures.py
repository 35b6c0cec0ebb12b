"""A failure that no repeating helps is the answer to others too, for a while."""

import pytest

from tests.support.stepped_dispatcher import MakeBot, SteppedDispatcher
from worker import media_keys
from worker.clocks import Wall
from worker.dispatch import ytdlp_takeover
from worker.dispatch.outcomes import known_s
from worker.errors import Fault, JobError, Reason
from worker.form import SOUND
from worker.ledger.ledger import ledger_path
from worker.ledger.storage.database import Database
from worker.ledger.upkeep import failures, statistics
from worker.ledger.upkeep.upkeep import Upkeep
from worker.protocol import Download, Explain, Identified
from worker.protocol.effects import OpenRequest

LINK = "https://site.example/v"
GONE = JobError(Reason.NOT_FOUND, Fault.PERMANENT)
KEPT_S = known_s(GONE)


def fail(bot: SteppedDispatcher, error: JobError = GONE) -> Explain:
    """The only link fails; what its person is told."""
    bot.fail(Download, error)
    (explained,) = bot.settle()
    return explained


def failed(bot: SteppedDispatcher, error: JobError = GONE) -> Explain:
    bot.send(LINK)
    bot.settle()
    return fail(bot, error)


def asked(bot: SteppedDispatcher, user_id: int = 8) -> list[Explain]:
    """Somebody else sends the link; what they are told without a download."""
    bot.send(LINK, user_id=user_id)
    return bot.settle()


# ------------------------------------------------------------------------------- how long


@pytest.mark.parametrize("reason", Reason)
def test_only_what_lies_in_a_link_is_known(reason: Reason) -> None:
    seconds = known_s(JobError(reason, Fault.PERMANENT))
    assert seconds == 0 or (reason.lies_in_link and 300 <= seconds <= 3600)
    assert known_s(JobError(reason, Fault.RETRYABLE)) == 0
    assert known_s(JobError(reason, Fault.OPERATOR)) == 0


@pytest.mark.parametrize(
    ("reason", "is_known"),
    [
        (Reason.NOT_FOUND, True),
        (Reason.PRIVATE, True),
        (Reason.DRM, True),
        (Reason.TOO_LARGE, True),
        (Reason.NO_SOUND, True),
        # What the person is told to send again.
        (Reason.LIVE, False),
        (Reason.NOT_STARTED, False),
        (Reason.JUST_ENDED, False),
        # What is ours or the site's.
        (Reason.NETWORK, False),
        (Reason.SITE_BUSY, False),
        (Reason.SITE_DOWN, False),
        (Reason.BLOCKED_HERE, False),
        (Reason.OUTDATED, False),
        (Reason.NO_FORMAT, False),
        (Reason.OUT_OF_MEMORY, False),
        (Reason.INTERNAL, False),
    ],
)
def test_the_same_link_is_fetched_again_unless_its_failure_is_known(
    bot: SteppedDispatcher, reason: Reason, is_known: bool
) -> None:
    failed(bot, JobError(reason, Fault.PERMANENT))
    told = asked(bot)
    assert [explain.reason for explain in told] == ([reason] if is_known else [])
    assert bool(bot.tasks(Download)) is not is_known


@pytest.mark.parametrize("fault", [Fault.RETRYABLE, Fault.OPERATOR])
def test_failure_that_may_pass_is_not_known(bot: SteppedDispatcher, fault: Fault) -> None:
    bot.send(LINK)
    bot.settle()
    bot.fail(Download, JobError(Reason.NOT_FOUND, fault))
    bot.send(LINK, user_id=8)
    assert not any(explain.request_id == 2 for explain in bot.settle())


def test_surer_reasons_are_known_for_longer() -> None:
    def seconds(reason: Reason) -> float:
        return known_s(JobError(reason, Fault.PERMANENT))

    assert seconds(Reason.DRM) > seconds(Reason.PRIVATE) > seconds(Reason.FORBIDDEN)


# ------------------------------------------------------------------------------- for whom


def test_others_are_told_the_same_with_the_same_error(bot: SteppedDispatcher) -> None:
    first = failed(bot)
    (second,) = asked(bot)
    assert (second.reason, second.error_id) == (first.reason, first.error_id)
    assert bot.states("download") == ["failed"]


def test_all_are_told_which_languages_there_are(bot: SteppedDispatcher) -> None:
    there = ("en-gb", "fr")
    error = JobError(Reason.NO_SUCH_SUBTITLES, Fault.PERMANENT, languages=there)
    assert failed(bot, error).languages == there
    assert [explained.languages for explained in asked(bot)] == [there]
    assert bot.states("download") == ["failed"]


def test_it_is_fetched_again_when_its_time_is_over(bot: SteppedDispatcher) -> None:
    failed(bot)
    bot.step(KEPT_S - 60)
    assert asked(bot)
    bot.step(120)
    assert not asked(bot, user_id=9)
    assert fail(bot, JobError(Reason.PRIVATE, Fault.PERMANENT)).reason is Reason.PRIVATE
    (told,) = asked(bot)
    assert told.reason is Reason.PRIVATE


def test_clock_that_was_set_back_makes_nothing_known(bot: SteppedDispatcher) -> None:
    failed(bot)
    bot.wall = Wall(bot.wall - 86_400)
    assert not asked(bot)


def test_fresh_asks_anew_for_all(bot: SteppedDispatcher) -> None:
    failed(bot)
    fresh = OpenRequest(8, 8, 1, LINK, media_keys.of_link(LINK), fresh=True)
    bot.bring(fresh)
    assert not bot.settle()
    assert not asked(bot, user_id=9)
    assert len(bot.tasks(Download)) == 1
    bot.finish_download()
    bot.deliver()
    bot.send(LINK, user_id=10)
    assert not bot.settle()


def test_another_form_is_another_thing(bot: SteppedDispatcher) -> None:
    failed(bot, JobError(Reason.TOO_LARGE, Fault.PERMANENT))
    bot.bring(OpenRequest(8, 8, 1, LINK, media_keys.of_link(LINK, SOUND), form=SOUND))
    assert not bot.settle()
    assert bot.task(Download).form == SOUND


def test_other_links_to_the_same_media_share_its_failure(bot: SteppedDispatcher) -> None:
    short = "https://sh.example/v"
    for number, link in enumerate((LINK, short)):
        bot.send(link, user_id=20 + number)
        bot.settle()
        bot.downloads.report(bot.job_id(Download), Identified("media"))
        bot.step()
        fail(bot)
    for number, link in enumerate((LINK, short)):
        bot.send(link, user_id=30 + number)
        assert [explain.reason for explain in bot.settle()] == [Reason.NOT_FOUND]
    assert bot.states("download") == ["failed", "failed"]


def test_it_can_be_cancelled_before_it_is_told(bot: SteppedDispatcher) -> None:
    failed(bot)
    bot.send(LINK, user_id=8)
    bot.press_cancel(2, user_id=8)
    (told,) = bot.settle()
    assert told.reason is Reason.NOT_FOUND


# -------------------------------------------------------------------------- and afterwards


def test_next_run_of_the_bot_asks_anew(make_bot: MakeBot) -> None:
    """Its settings or its cookies may be others."""
    bot = make_bot()
    failed(bot)
    bot.close()
    wall, bot = bot.wall, make_bot()
    bot.wall = wall
    asked(bot)
    assert bot.tasks(Download)


def test_new_ytdlp_asks_anew(bot: SteppedDispatcher, monkeypatch: pytest.MonkeyPatch) -> None:
    failed(bot)
    monkeypatch.setattr(ytdlp_takeover, "replace_fork_server", lambda: True)
    monkeypatch.setattr(bot.downloads, "renew", lambda: None, raising=False)
    monkeypatch.setattr(bot.dispatcher.ytdlp._watch, "step", lambda *_args, **_options: True)
    bot.step()
    asked(bot)
    assert bot.tasks(Download)


def test_operators_retry_is_a_download(bot: SteppedDispatcher) -> None:
    failed(bot)
    db = Database(ledger_path(bot.settings.data_dir))
    with db.transaction():
        failures.retry(db, failures.newest(db, 1)[0], bot.wall)
    bot.settle()
    bot.finish_download()
    assert bot.states("download") == ["done"]
    bot.deliver()
    assert not asked(bot)
    db.close()


@pytest.mark.parametrize("media_key", [None, "media"])
def test_what_the_operator_forgets_is_fetched_again(
    bot: SteppedDispatcher, media_key: str | None
) -> None:
    bot.send(LINK)
    bot.settle()
    if media_key:
        bot.downloads.report(bot.job_id(Download), Identified(media_key))
        bot.step()
    fail(bot)
    with Upkeep(ledger_path(bot.settings.data_dir)) as upkeep:
        upkeep.forget(upkeep.failed(1)[0])
    assert not asked(bot)
    assert bot.tasks(Download)


def test_rows_go_with_their_time(bot: SteppedDispatcher) -> None:
    for number in range(3):
        bot.send(f"{LINK}{number}")
        bot.settle()
        fail(bot)
        bot.step(KEPT_S + 1)
    assert bot.rows("SELECT count(*) FROM known_failures") == [(1,)]


def test_each_is_an_answer_and_none_a_failure_of_the_bot(bot: SteppedDispatcher) -> None:
    failed(bot)
    asked(bot)
    figures = statistics.read(bot.ledger._db, bot.wall)
    assert (figures.answers, figures.failed) == (2, {})
