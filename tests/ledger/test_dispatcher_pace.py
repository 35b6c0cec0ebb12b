"""The pace of a site and a site that is off, through the dispatcher."""

import itertools

import pytest

from tests.support.stepped_dispatcher import MakeBot, SteppedDispatcher
from worker.clocks import Monotonic, Wall
from worker.dispatch.pace import Pace
from worker.errors import Fault, JobError, Reason
from worker.ledger import ledger_path
from worker.ledger.upkeep.upkeep import Upkeep
from worker.protocol import Deliver, Download, Explain, Posted, PostStatus, Progress, Stage
from worker.settings import Site, Sites

SITE = "https://site.example"
OTHER = "https://other.example"
FREE = {
    "USER_MAX_WAITING": "1000",
    "USER_LINKS_PER_MINUTE": "1000",
    "USER_LINKS_PER_HOUR": "1000",
    "USER_MAX_RUNNING": "2",
}
GONE = JobError(Reason.NOT_FOUND, Fault.PERMANENT)
BUSY = JobError(Reason.CRASHED, Fault.RETRYABLE)


def only(**given: object) -> Sites:
    return Sites({"site.example": Site(name="site.example", **given)})  # type: ignore[arg-type]


def links(count: int, start: int = 0) -> list[str]:
    return [f"{SITE}/{number}" for number in range(start, start + count)]


def send(bot: SteppedDispatcher, *urls: str, user_id: int = 7) -> None:
    """A person sends links while Telegram takes what it may be sent."""
    take_messages(bot)
    bot.send(*urls, user_id=user_id)


def take_messages(bot: SteppedDispatcher) -> None:
    """Telegram takes the messages that may be sent now."""
    while messages := bot.tasks(PostStatus) | bot.tasks(Explain):
        for job_id, message in messages.items():
            posted = Posted(1000 + job_id) if isinstance(message, PostStatus) else None
            bot.telegram.finish(job_id, posted)
        bot.step()


def under_way(bot: SteppedDispatcher) -> list[str]:
    """The links that are being downloaded."""
    return [task.url for task in bot.tasks(Download).values()]


def end_all(bot: SteppedDispatcher) -> list[str]:
    """End what is being downloaded; returns the links."""
    ended = under_way(bot)
    for job_id in list(bot.tasks(Download)):
        bot.downloads.fail(job_id, GONE)
    bot.step()
    return ended


def run(bot: SteppedDispatcher, steps: int, step_s: float = 60.0) -> list[tuple[float, str]]:
    """Let time pass, and all downloads end that can begin; returns when which began."""
    begun: list[tuple[float, str]] = []
    for _ in range(steps):
        while ended := end_all(bot):
            begun += [(bot.now, url) for url in ended]
        take_messages(bot)
        bot.step(step_s)
    return begun


def test_a_burst_keeps_to_its_rate_and_others_pass(make_bot: MakeBot) -> None:
    bot = make_bot(only(links_per_hour=100), **FREE)
    send(bot, *links(300))
    begun = []
    for number in range(13):
        send(bot, f"{OTHER}/{number}", user_id=8)
        begun += run(bot, 1, 600.0)
    passed = [at for at, url in begun if url.startswith(OTHER)]
    assert len(passed) == 13
    assert all(later - first < 601.0 for first, later in itertools.pairwise(passed))
    kept = [at for at, url in begun if url.startswith(SITE)]
    assert len(kept) == 300
    assert all(later - first > 3599.9 for first, later in zip(kept, kept[100:], strict=False))
    assert kept[-1] - kept[0] < 2 * 3600 + 601, "and no slower than that"


@pytest.mark.parametrize("limit", ["links_per_hour", "downloads"])
def test_what_waits_for_a_site_is_counted(make_bot: MakeBot, limit: str) -> None:
    bot = make_bot(only(**{limit: 1}), **FREE)
    assert bot.dispatcher.sites_full == {}
    send(bot, *links(5), f"{OTHER}/1", f"{OTHER}/2", f"{OTHER}/3")
    assert bot.dispatcher.sites_full == {"site.example": limit}
    with Upkeep(ledger_path(bot.settings.data_dir)) as upkeep:
        figures = upkeep.statistics_at(bot.wall, bot.dispatcher.sites_full)
        assert figures.paced == {"site.example": 4}
        assert upkeep.statistics_at(bot.wall).paced == {}
    assert figures.queues["downloads"].waiting == 6


@pytest.mark.negative
def test_without_the_pace_all_begin_at_once(
    make_bot: MakeBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pace, "full", lambda *_: frozenset())
    bot = make_bot(only(links_per_hour=1, downloads=1), **FREE)
    send(bot, *links(4))
    assert len(run(bot, 1)) == 4


def test_downloads_at_a_time(make_bot: MakeBot) -> None:
    bot = make_bot(only(downloads=1), **FREE)
    send(bot, *links(3))
    assert under_way(bot) == links(1)
    send(bot, f"{OTHER}/1", user_id=8)
    assert under_way(bot) == [*links(1), f"{OTHER}/1"]
    bot.downloads.fail(min(bot.tasks(Download)), GONE)
    bot.step()
    assert sorted(under_way(bot)) == [f"{OTHER}/1", f"{SITE}/1"]


@pytest.mark.parametrize("is_killed", [True, False])
def test_a_restart_forgets_nothing(make_bot: MakeBot, is_killed: bool) -> None:
    sites = only(links_per_hour=3)
    bot = make_bot(sites, **FREE)
    send(bot, *links(5))
    assert len(run(bot, 10)) == 3
    bot.kill() if is_killed else bot.close()
    again = make_bot(sites, **FREE)
    again.now, again.wall = Monotonic(5.0), Wall(bot.wall + 60.0)
    assert run(again, 48) == []
    assert len(run(again, 2)) == 2


@pytest.mark.parametrize("seconds", [-86_400.0, 86_400.0])
def test_a_clock_that_was_set_holds_nobody_up(make_bot: MakeBot, seconds: float) -> None:
    bot = make_bot(only(links_per_hour=1), **FREE)
    send(bot, *links(2))
    assert len(run(bot, 1)) == 1
    bot.close()
    again = make_bot(only(links_per_hour=1), **FREE)
    again.wall = Wall(bot.wall + seconds)
    assert len(run(again, 2)) == 1


def test_each_attempt_counts_and_an_interrupted_one_once(make_bot: MakeBot) -> None:
    bot = make_bot(only(links_per_hour=3), QUEUE_RETRY_AFTER="60", **FREE)
    send(bot, *links(1))
    for _ in range(2):
        bot.fail(Download, BUSY)
        bot.step(60.0)
    assert bot.attempt() == 3
    bot.fail(Download, BUSY)
    send(bot, f"{SITE}/next")
    bot.step(600.0)
    assert under_way(bot) == []


def test_what_asks_no_site_does_not_count(make_bot: MakeBot) -> None:
    bot = make_bot(only(links_per_hour=2), **FREE)
    for user_id in (7, 8, 9):
        send(bot, f"{SITE}/shared", user_id=user_id)
        bot.post(50 + user_id)
    bot.finish_download()
    for job_id in list(bot.tasks(Deliver)):
        bot.telegram.fail(job_id, JobError(Reason.UPLOAD_REFUSED, Fault.PERMANENT))
    bot.settle()
    send(bot, f"{SITE}/second")
    assert under_way(bot) == [f"{SITE}/second"], "many shared one download"


def test_what_telegram_has_is_answered_while_the_site_is_full(make_bot: MakeBot) -> None:
    bot = make_bot(only(links_per_hour=1), **FREE)
    send(bot, f"{SITE}/known")
    bot.post()
    bot.finish_download()
    bot.deliver()
    send(bot, f"{SITE}/known", f"{SITE}/new", user_id=8)
    bot.settle()
    assert under_way(bot) == []
    assert bot.task(Deliver).file.file_id == "file id"


def test_people_are_told_about_when(make_bot: MakeBot) -> None:
    bot = make_bot(only(links_per_hour=2), **FREE)
    send(bot, *links(5))
    send(bot, f"{OTHER}/1", f"{OTHER}/2", f"{OTHER}/3", user_id=8)
    bot.settle()
    for job_id, task in bot.tasks(Download).items():
        if task.url.startswith(SITE):
            bot.downloads.fail(job_id, GONE)
    bot.settle()
    assert all(url.startswith(OTHER) for url in under_way(bot))
    bot.shown()
    bot.pass_time(40)
    shown = bot.shown()
    hour = Progress(Stage.PACED, eta_s=3600.0)
    assert shown.count(hour) == 2, "the next two"
    assert Progress(Stage.PACED, eta_s=7200.0) in shown, "and the one after them"
    assert Progress(Stage.IN_LINE, ahead=0) in shown, "the others' line has none of them in it"
    bot.pass_time(600)
    assert Progress(Stage.PACED, eta_s=3000.0) in bot.shown()


def test_person_who_comes_to_a_full_site_later_is_served_in_turn(make_bot: MakeBot) -> None:
    bot = make_bot(only(links_per_hour=1), **FREE)
    send(bot, *links(6))
    run(bot, 2)
    # The turns of others go on meanwhile.
    send(bot, *(f"{OTHER}/{number}" for number in range(30)), user_id=8)
    assert len(run(bot, 3)) == 30
    send(bot, f"{SITE}/late", user_id=9)
    begun = [url for _, url in run(bot, 180)]
    assert begun.index(f"{SITE}/late") == 1, "after one of those who were there already"


def test_new_settings_count_at_once_and_lose_nothing(make_bot: MakeBot) -> None:
    bot = make_bot(only(links_per_hour=2), **FREE)
    send(bot, *links(8))
    assert len(run(bot, 2)) == 2
    bot.dispatcher.use_sites(only(links_per_hour=5))
    assert len(run(bot, 2)) == 3, "what was begun before counts on"
    bot.dispatcher.use_sites(only(links_per_hour=1))
    assert run(bot, 50) == []
    bot.dispatcher.use_sites(Sites())
    assert [url for _, url in run(bot, 2)] == links(3, start=5)


def test_a_site_that_is_switched_off(make_bot: MakeBot) -> None:
    bot = make_bot(only(links_per_hour=1), **FREE)
    send(bot, *links(4))
    bot.settle()
    bot.dispatcher.use_sites(only(off=True))
    told = bot.settle()
    assert [explain.reason for explain in told] == [Reason.SITE_OFF] * 3
    assert under_way(bot) == links(1), "what runs may end"
    send(bot, f"{SITE}/new", f"{OTHER}/1", user_id=8)
    assert [explain.reason for explain in bot.settle()] == [Reason.SITE_OFF]
    assert under_way(bot) == [*links(1), f"{OTHER}/1"]
    bot.dispatcher.use_sites(Sites())
    bot.finish_downloads()
    send(bot, f"{SITE}/new", user_id=8)
    bot.step(1.0)
    assert f"{SITE}/new" in under_way(bot), "it is not remembered as failed"


def test_a_download_is_told_of_its_site(make_bot: MakeBot) -> None:
    sites = only(proxy="http://proxy.example:1", headers={"X-A": "b"}, options={"retries": 1})
    bot = make_bot(sites, **FREE)
    send(bot, f"{SITE}/1", f"{OTHER}/1")
    told = {task.url: task.access for task in bot.tasks(Download).values()}
    assert told[f"{SITE}/1"].proxy == "http://proxy.example:1"
    assert told[f"{SITE}/1"].headers == {"X-A": "b"}
    assert told[f"{SITE}/1"].options == {"retries": 1}
    assert told[f"{OTHER}/1"].proxy is None
    assert told[f"{OTHER}/1"].headers == {}
