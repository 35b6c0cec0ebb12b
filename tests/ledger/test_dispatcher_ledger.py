"""The dispatcher beside its ledger and its disk: restarts, locks, and no room."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.stepped_dispatcher import MakeBot, SteppedDispatcher
from worker import clocks
from worker.clocks import Wall
from worker.dispatch import ytdlp_takeover
from worker.errors import Fault, JobError, Reason
from worker.ledger import DownloadJob, Job, LedgerBusy, ledger_path
from worker.ledger.jobs.queue import MAX_REFUNDS
from worker.ledger.upkeep.upkeep import Upkeep
from worker.pool.worker import WorkerState
from worker.protocol import (
    Deliver,
    Download,
    DownloadUsage,
    HandleUpdate,
    PostStatus,
    Progress,
    Stage,
    YtDlpStarted,
)
from worker.settings import Site, Sites

LINK = "https://site.example/v"
HOUR_S = 3600.0


@contextmanager
def locked(bot: SteppedDispatcher) -> Iterator[None]:
    """Somebody else holds the ledger's lock."""
    bot.lose_patience()
    lock = sqlite3.connect(ledger_path(bot.settings.data_dir), isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    yield
    lock.execute("ROLLBACK")
    lock.close()


def upkeep(bot: SteppedDispatcher) -> Upkeep:
    """The ledger as the operator's commands open it."""
    return Upkeep(ledger_path(bot.settings.data_dir))


def test_jobs_of_a_killed_bot_wait_again_and_its_directories_go(make_bot: MakeBot) -> None:
    bot = make_bot()
    bot.send(LINK)
    bot.post()
    bot.make_media()
    (bot.settings.data_dir / "downloads" / "999-1").mkdir()
    bot.kill()
    bot = make_bot()
    assert bot.states("download") == ["running"]
    bot.step()
    assert bot.directories() == []
    assert len(bot.tasks(Download)) == 1
    # The attempt ended with its bot, so it does not count.
    assert bot.attempt() == 1
    bot.finish_download()
    bot.deliver()


def test_update_of_a_killed_bot_is_handled(make_bot: MakeBot) -> None:
    bot = make_bot()
    bot.ledger.record_updates([{"update_id": 5}], bot.wall)
    bot.step()
    assert bot.tasks(HandleUpdate)
    bot.kill()
    bot = make_bot()
    bot.step()
    assert bot.task(HandleUpdate).update == {"update_id": 5}


def test_download_that_was_done_is_not_done_again_after_a_restart(make_bot: MakeBot) -> None:
    bot = make_bot()
    bot.send(LINK)
    bot.finish_download()
    bot.kill()
    bot = make_bot()
    bot.step()
    assert not bot.tasks(Download)
    assert len(bot.directories()) == 1
    bot.post()
    bot.deliver()


def test_download_that_ends_each_bot_is_given_up(
    make_bot: MakeBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it is: somebody else's link must not be waited for until an operator comes."""
    placed: list[int] = []

    def fail(job: Job, *_: object) -> None:
        if isinstance(job, DownloadJob):
            placed.append(job.attempts)
        raise RuntimeError("a bug, or a disk that fails")

    bot = make_bot()
    bot.send(LINK)
    bot.post()
    bot.kill()
    begun = bot.wall
    with monkeypatch.context() as patch:
        patch.setattr("worker.dispatch.dispatcher.task_of", fail)
        for number in range(MAX_REFUNDS + bot.settings.job_max_attempts - 1):
            wall = Wall(begun + HOUR_S * number)
            patch.setattr(clocks, "wall_clock", lambda wall=wall: wall)
            bot = make_bot()
            with pytest.raises(RuntimeError):
                bot.dispatcher.run()
            bot.kill()
    assert placed == [*[1] * MAX_REFUNDS, 2, 3]
    bot = make_bot()
    bot.step(HOUR_S * len(placed))
    bot.step()
    assert bot.states("download") == ["failed"]


def test_result_waits_for_a_ledger_that_is_locked(
    bot: SteppedDispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    bot.send(LINK)
    bot.post()
    with locked(bot):
        bot.finish_download()
        assert not bot.tasks(Deliver)
        assert "cannot be written" in caplog.text
        bot.pass_time(5)
        bot.dispatcher.stop(60)
        assert not bot.dispatcher.step_stop(bot.now), "what is not recorded is not over"
    bot.step(2)
    assert bot.states("download") == ["done"]
    assert bot.states("deliver") == ["waiting"]
    assert bot.dispatcher.step_stop(bot.now)


@pytest.mark.parametrize("question", ["forget_sessions", "live_directories"])
def test_what_a_download_leaves_is_removed_once_the_ledger_allows_it(
    bot: SteppedDispatcher, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    bot.send(LINK)
    bot.post()
    bot.downloads.report(bot.job_id(Download), YtDlpStarted(4242, 1))
    bot.step()
    bot.make_media()

    def refuse(*_: object) -> None:
        raise LedgerBusy("database is locked")

    with monkeypatch.context() as patch:
        patch.setattr(bot.dispatcher._ledger, question, refuse)
        bot.fail(Download, JobError(Reason.NOT_FOUND, Fault.PERMANENT))
        assert bot.states("download") == ["failed"]
        assert len(bot.directories()) == 1
    bot.pass_time(2)
    assert bot.rows("SELECT * FROM processes") == []
    assert bot.directories() == []


def test_start_waits_for_a_ledger_that_is_locked(make_bot: MakeBot) -> None:
    bot = make_bot()
    bot.send(LINK)
    bot.kill()
    bot = make_bot()
    with locked(bot):
        bot.pass_time(3)
        assert not bot.telegram.tasks | bot.downloads.tasks
    bot.pass_time(2)
    assert bot.tasks(PostStatus)
    assert bot.tasks(Download)


@pytest.mark.negative
def test_event_that_is_not_kept_would_be_lost(
    bot: SteppedDispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot.send(LINK)
    bot.post()
    with locked(bot):
        bot.finish_download()
        bot.dispatcher._events.clear()
    bot.step(2)
    assert bot.states("download") == ["running"]


def test_usage_of_a_failed_download_is_kept_without_secrets(bot: SteppedDispatcher) -> None:
    bot.send(LINK)
    bot.downloads.report(
        bot.job_id(Download), DownloadUsage(1.0, 0.5, 100, f"log {bot.settings.bot_token} end")
    )
    bot.step()
    ((log,),) = bot.rows("SELECT log FROM runs")
    assert (log[:4], log[-4:]) == ("log ", " end")
    assert bot.settings.bot_token not in log


def with_header(value: str) -> Sites:
    return Sites({"a.example": Site(name="a.example", headers={"X-Key": value})})


def test_a_download_that_outlasts_its_settings_tells_no_secret_of_them(
    bot: SteppedDispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    secrets = ["secret-one", "secret-two", "secret-three"]
    sites = Sites()
    for sites_now in (*map(with_header, secrets), Sites()):
        sites = sites_now.after(sites)
        bot.dispatcher.use_sites(sites)
        bot.step()
    bot.send(LINK)
    said = f"site said: {' '.join(secrets)}"
    bot.downloads.report(bot.job_id(Download), DownloadUsage(1.0, 0.5, 100, said))
    bot.fail(Download, JobError(Reason.LOGIN_NEEDED, Fault.PERMANENT, said))
    kept = [*bot.rows("SELECT log FROM runs"), *bot.rows("SELECT detail FROM jobs")]
    assert str(kept).count("site said") == 2
    assert not [secret for secret in secrets if secret in str(kept) + caplog.text]


# --------------------------------------------------------------------------- the disk


def test_disk_without_room_lets_downloads_wait_and_says_so(
    bot: SteppedDispatcher, free_bytes: list[int]
) -> None:
    whole, free_bytes[0] = free_bytes[0], 10**9
    bot.send(LINK)
    bot.post()
    bot.pass_time(5)
    assert not bot.tasks(Download)
    assert {progress.stage for progress in bot.shown()} == {Stage.NO_ROOM}
    free_bytes[0] = whole
    bot.step(1)
    assert bot.tasks(Download)


def test_pause_lets_links_wait_across_restarts(make_bot: MakeBot) -> None:
    bot = make_bot()
    bot.send(LINK)
    bot.post(50)
    with upkeep(bot) as ledger:
        assert [ledger.pause(bot.wall), ledger.pause(bot.wall)] == [True, False]
        assert ledger.statistics_at(bot.wall).paused_since == bot.wall
    bot.finish_download()
    bot.deliver()
    for user_id in (8, 9):
        bot.send(f"{LINK}/{user_id}", user_id=user_id)
        bot.post(50 + user_id)
    bot.pass_time(5)
    assert not bot.tasks(Download), "what ran came to its end, and nothing begins"
    paused = [Progress(Stage.MAINTENANCE), Progress(Stage.MAINTENANCE, ahead=1)]
    assert [each for each in bot.shown() if each.stage is Stage.MAINTENANCE] == paused
    bot.kill()
    bot = make_bot()
    bot.pass_time(5)
    assert not bot.tasks(Download)
    with upkeep(bot) as ledger:
        assert [ledger.resume(), ledger.resume()] == [True, False]
    bot.step(1)
    assert len(bot.tasks(Download)) == 2


def test_downloads_that_cannot_be_made_wait_and_people_are_told(bot: SteppedDispatcher) -> None:
    bot.downloads.trouble = "SyntaxError: unterminated triple-quoted string literal"
    bot.send(LINK)
    bot.post()
    bot.pass_time(5)
    assert {progress.stage for progress in bot.shown()} == {Stage.OUT_OF_ORDER}
    assert bot.dispatcher.ytdlp.in_use is None
    bot.downloads.trouble = None
    bot.step(1)
    assert bot.tasks(Download)
    assert bot.dispatcher.ytdlp.in_use


class ANewYtDlp:
    """Stands for an `UpgradeWatch` that finds a new yt-dlp at its first look."""

    def __init__(self) -> None:
        self.in_use = "2098.1.1"

    def step(self, _now: float, *, is_broken: bool) -> bool:
        assert not is_broken
        is_new, self.in_use = self.in_use == "2098.1.1", "2099.1.1"
        return is_new

    def close(self) -> None:
        """Nothing was started."""


def test_a_new_ytdlp_is_in_use_once_a_worker_has_it(
    bot: SteppedDispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def working(*names: str) -> tuple[WorkerState, ...]:
        return tuple(WorkerState(name, None, 1, "idle", 0, None) for name in names)

    monkeypatch.setattr(ytdlp_takeover, "replace_fork_server", lambda: True)
    monkeypatch.setattr(bot.dispatcher.ytdlp, "_watch", ANewYtDlp())
    starting = WorkerState("downloads-3", None, 1, "starting", 0, None)
    bot.downloads.workers = (*working("downloads-1", "downloads-2"), starting)
    bot.step(1)
    assert bot.downloads.renewals == 1
    assert bot.dispatcher.ytdlp.in_use == "2098.1.1"
    starting = WorkerState("downloads-4", None, 1, "starting", 0, None)
    bot.downloads.workers = (*working("downloads-1", "downloads-3"), starting)
    bot.downloads.trouble = "downloads-4: MemoryError"
    assert bot.dispatcher.ytdlp.in_use == "2098.1.1", "the earlier ones still work"
    bot.downloads.workers = working("downloads-1", "downloads-5")
    assert bot.dispatcher.ytdlp.in_use == "2099.1.1"
    bot.downloads.workers = ()
    assert bot.dispatcher.ytdlp.in_use is None


def test_each_download_reserves_its_room(bot: SteppedDispatcher, free_bytes: list[int]) -> None:
    each = 2 * bot.settings.max_file_bytes * bot.settings.max_parts
    free_bytes[0] = free_bytes[0] // 10 + each + each // 2
    for user_id in (1, 2):
        bot.send(f"{LINK}{user_id}", user_id=user_id)
        bot.post(50 + user_id)
    assert len(bot.tasks(Download)) == 1
    bot.finish_download()
    bot.step(1)
    assert len(bot.tasks(Download)) == 1


def test_quiet_bot_waits_for_nobodys_lock(
    bot: SteppedDispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    bot.step()
    with locked(bot):
        bot.step(1.0)
        assert caplog.messages == []
    bot.send(LINK)
    assert bot.tasks(PostStatus)
