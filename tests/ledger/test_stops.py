"""A download that the operator ends: everybody who waits for it is told, once."""

from tests.support.stepped_dispatcher import MakeBot, SteppedDispatcher
from worker.errors import Reason
from worker.ledger import ledger_path
from worker.ledger.upkeep.upkeep import Upkeep
from worker.protocol import Deliver, Download

LINK = "https://site.example/a"


def order(bot: SteppedDispatcher, job_id: int) -> bool:
    with Upkeep(ledger_path(bot.settings.data_dir)) as ledger:
        return ledger.order_stop(job_id)


def reasons(bot: SteppedDispatcher) -> list[Reason | None]:
    return [explain.reason for explain in bot.settle()]


def test_everybody_who_waits_is_told_and_the_worker_is_stopped(make_bot: MakeBot) -> None:
    bot = make_bot()
    for user_id in (7, 8):
        bot.send(LINK, user_id=user_id)
        bot.post(50 + user_id)
    job_id = bot.job_id(Download)
    assert order(bot, job_id)
    bot.step()
    assert job_id in bot.pool_of(Download).stopped
    bot.pool_of(Download).stop(job_id)
    bot.step()
    assert reasons(bot) == [Reason.STOPPED] * 2
    assert bot.states("download") == ["dropped"]
    assert not order(bot, job_id), "it has ended"
    bot.pass_time(600)
    assert reasons(bot) == []


def test_download_that_waits_ends_without_a_worker(make_bot: MakeBot) -> None:
    bot = make_bot(DOWNLOAD_WORKERS="1")
    bot.send("https://other.example/first", user_id=9)
    bot.post(60)
    bot.send(LINK)
    bot.post(61)
    (waiting,) = bot.rows("SELECT id FROM jobs WHERE kind = 'download' AND state = 'waiting'")
    assert order(bot, *waiting)
    bot.step()
    assert reasons(bot) == [Reason.STOPPED]
    assert sorted(bot.states("download")) == ["dropped", "running"]


def test_order_outlasts_a_kill(make_bot: MakeBot) -> None:
    bot = make_bot()
    bot.send(LINK)
    bot.post()
    assert order(bot, bot.job_id(Download))
    bot.kill()
    bot = make_bot()
    bot.step()
    assert reasons(bot) == [Reason.STOPPED]
    assert bot.states("download") == ["dropped"]


def test_download_that_ends_well_meanwhile_is_no_second_answer(make_bot: MakeBot) -> None:
    bot = make_bot()
    bot.send(LINK)
    bot.post()
    order(bot, bot.job_id(Download))
    bot.step()
    bot.finish_download()
    assert reasons(bot) == [Reason.STOPPED]
    assert not bot.tasks(Deliver)


def test_who_asks_while_it_stops_gets_it(make_bot: MakeBot) -> None:
    bot = make_bot()
    bot.send(LINK)
    bot.post()
    job_id = bot.job_id(Download)
    order(bot, job_id)
    bot.step()
    bot.send(LINK, user_id=8)
    bot.post(70)
    bot.pool_of(Download).stop(job_id)
    bot.step(1)
    assert reasons(bot) == [Reason.STOPPED]
    bot.finish_download()
    bot.deliver()


def test_only_downloads_can_be_ended(make_bot: MakeBot) -> None:
    bot = make_bot()
    bot.send(LINK)
    ids = bot.rows("SELECT id FROM jobs WHERE pool = 'telegram'")
    assert ids
    assert not any(order(bot, job_id) for (job_id,) in ids)
    assert not order(bot, 10**9)
