"""A site that fails for everybody, through the dispatcher."""

from collections.abc import Callable

import pytest

from tests.support.stepped_dispatcher import SteppedDispatcher
from worker.dispatch import circuit_breaker
from worker.dispatch.circuit_breaker import COOL_DOWN_S, FAILURES_TO_OPEN
from worker.errors import Fault, JobError, Reason, Remedy
from worker.ledger import DownloadJob, ledger_path
from worker.ledger.upkeep.upkeep import Upkeep
from worker.protocol import Deliver, Download, Reader, Reply
from worker.protocol.notices import Notice, Topic
from worker.protocol.site_cookies import CookiesKept, KeepCookies
from worker.settings import Site, Sites

SITE = "https://site.example"
DOWN = JobError(Reason.SITE_ERROR, Fault.RETRYABLE)


def fail_for_two(bot: SteppedDispatcher) -> None:
    """As many links of two people fail as it takes; all wait for their second attempt."""
    for number in range(FAILURES_TO_OPEN):
        user_id = 1 + number % 2
        bot.send(f"{SITE}/{number}", user_id=user_id)
        bot.post(50 + number)
        bot.fail(Download, DOWN)


def test_those_who_wait_are_told_at_once(bot: SteppedDispatcher) -> None:
    fail_for_two(bot)
    bot.step(2.0)
    told = bot.settle()
    assert len(told) == FAILURES_TO_OPEN
    assert {explain.reason for explain in told} == {Reason.SITE_DOWN}
    assert all(0 < explain.wait_s <= COOL_DOWN_S for explain in told if explain.wait_s)
    assert list(bot.dispatcher.sites_down) == ["site.example"]


def test_those_who_wait_are_looked_through_every_second_while_some_site_is_down(
    bot: SteppedDispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[float] = []
    ledger = bot.dispatcher._ledger
    waiting_downloads = ledger.waiting_downloads

    def look() -> list[DownloadJob]:
        looks.append(bot.now)
        return waiting_downloads()

    monkeypatch.setattr(ledger, "waiting_downloads", look)
    bot.step()
    assert looks == []
    fail_for_two(bot)
    began = bot.now
    for _ in range(8):
        bot.step(0.25)
    assert looks == [began, began + 1, began + 2]


def test_site_that_turns_this_machine_away_is_left_alone(bot: SteppedDispatcher) -> None:
    blocked = JobError(Reason.BLOCKED_HERE, Fault.OPERATOR, "x", remedy=Remedy.ADDRESS)
    for number in range(FAILURES_TO_OPEN):
        bot.send(f"{SITE}/{number}", user_id=1 + number % 2)
        bot.settle()
        bot.fail(Download, blocked)
        bot.settle()
    bot.send(f"{SITE}/new", user_id=3)
    bot.post(70)
    assert not bot.tasks(Download)
    (explain,) = bot.settle()
    assert explain.reason is Reason.BLOCKED_HERE, "it is not down"
    assert explain.wait_s
    with Upkeep(ledger_path(bot.settings.data_dir)) as upkeep:
        figures = upkeep.statistics_at(bot.wall)
    assert figures.blocked == {"site.example": FAILURES_TO_OPEN + 1}
    assert figures.remedies == {"site.example": Remedy.ADDRESS}
    # What was not tried is no news of the site.
    assert bot.dispatcher.sites_down["site.example"] <= bot.now + COOL_DOWN_S


def test_site_that_is_down_is_not_asked(bot: SteppedDispatcher) -> None:
    fail_for_two(bot)
    bot.step(2.0)
    bot.settle()
    bot.send(f"{SITE}/new", user_id=3)
    bot.post(70)
    bot.send("https://other.example/v", user_id=4)
    assert bot.task(Download).url == "https://other.example/v"
    (explain,) = [e for e in bot.settle() if e.reader.chat_id == 3]
    assert explain.reason is Reason.SITE_DOWN


@pytest.mark.parametrize("works", [True, False])
def test_one_download_finds_out_whether_the_site_works_again(
    bot: SteppedDispatcher, works: bool
) -> None:
    fail_for_two(bot)
    bot.step(2.0)
    bot.settle()
    bot.step(COOL_DOWN_S)
    for user_id in (3, 4):
        bot.send(f"{SITE}/{user_id}", user_id=user_id)
        bot.post(70 + user_id)
    assert bot.task(Download).url == f"{SITE}/3", "one, and no other beside it"
    assert [e.reader.chat_id for e in bot.settle()] == [4]
    if works:
        bot.finish_download()
        assert bot.dispatcher.sites_down == {}
        bot.send(f"{SITE}/5", user_id=5)
        assert bot.task(Download).url == f"{SITE}/5"
        return
    bot.fail(Download, DOWN)
    tried_at = bot.dispatcher.sites_down["site.example"]
    assert tried_at == pytest.approx(bot.now + 2 * COOL_DOWN_S, abs=5)
    bot.send(f"{SITE}/5", user_id=5)
    assert not bot.tasks(Download)


def test_what_is_remembered_needs_no_site(bot: SteppedDispatcher) -> None:
    bot.send(f"{SITE}/known", user_id=9)
    bot.post(90)
    bot.finish_download()
    bot.deliver()
    fail_for_two(bot)
    bot.step(2.0)
    bot.settle()
    bot.send(f"{SITE}/known", user_id=8)
    bot.post(91)
    assert bot.task(Deliver).reader.chat_id == 8


@pytest.mark.negative
def test_without_a_circuit_a_site_that_is_down_is_asked_again(
    bot: SteppedDispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(circuit_breaker, "FAILURES_TO_OPEN", 1000)
    fail_for_two(bot)
    bot.send(f"{SITE}/new", user_id=3)
    assert bot.task(Download).url == f"{SITE}/new"


@pytest.mark.parametrize("reason", [Reason.NOT_FOUND, Reason.TIMED_OUT])
def test_failures_of_links_do_not_close_a_site(bot: SteppedDispatcher, reason: Reason) -> None:
    for number in range(2 * FAILURES_TO_OPEN):
        bot.send(f"{SITE}/{number}", user_id=1 + number % 3)
        bot.settle()
        bot.fail(Download, JobError(reason, Fault.PERMANENT))
    assert bot.dispatcher.sites_down == {}


def new_settings(bot: SteppedDispatcher) -> None:
    proxied = Site(name="site.example", proxy="http://proxy.example:80")
    bot.dispatcher.use_sites(Sites({"site.example": proxied}))
    bot.step()


def new_cookies(bot: SteppedDispatcher) -> None:
    bot.bring(KeepCookies(Reader(7), 5, "the file"))
    bot.finish(KeepCookies, CookiesKept(Reply(Reader(7), None, (Notice(Topic.COOKIES_KEPT),))))
    bot.step()


def new_ytdlp(bot: SteppedDispatcher) -> None:
    bot.dispatcher.ytdlp.is_new = True
    bot.step()


@pytest.mark.parametrize("mend", [new_settings, new_cookies, new_ytdlp])
@pytest.mark.parametrize("probe_runs", [False, True])
@pytest.mark.parametrize("works", [False, True])
def test_what_the_operator_does_against_it_is_tried_at_once(
    bot: SteppedDispatcher,
    mend: Callable[[SteppedDispatcher], None],
    probe_runs: bool,
    works: bool,
) -> None:
    fail_for_two(bot)
    bot.step(2.0)
    bot.settle()
    if probe_runs:
        bot.step(COOL_DOWN_S)
        bot.send(f"{SITE}/probe", user_id=3)
        bot.post(70)
        old_probe = bot.job_id(Download)
    mend(bot)
    if probe_runs:
        bot.downloads.fail(old_probe, DOWN)
        bot.step()
    bot.settle()
    bot.send(f"{SITE}/4", user_id=4)
    bot.post(80)
    bot.send(f"{SITE}/5", user_id=5)
    bot.post(81)
    assert bot.task(Download).url == f"{SITE}/4", "one, and no other beside it"
    if works:
        bot.finish_download()
        assert not bot.dispatcher.sites_down
    else:
        bot.fail(Download, DOWN)
        assert bot.dispatcher.sites_down["site.example"] > bot.now + COOL_DOWN_S
