"""`python -m maintenance top`: what is published for it, and how it is laid out."""

import dataclasses
import os
from pathlib import Path

import pytest

from maintenance import measures, published
from maintenance.commands.live_view import top
from maintenance.commands.live_view.live import LiveView
from maintenance.commands.live_view.top import ShownJob, Snapshot, Style, lay_out
from maintenance.findings import critical, ok, warning
from maintenance.measures import MeasuredWorker
from tests.support.ledger_kit import make_empty_ledger
from tests.support.stepped_dispatcher import MakeBot, SteppedDispatcher
from worker.clocks import Monotonic, Wall
from worker.dispatch.work import Work
from worker.errors import Reason
from worker.ledger import DOWNLOADS, TELEGRAM, ledger_path
from worker.ledger.upkeep.upkeep import Upkeep
from worker.processes import process_table
from worker.protocol import Download, Progress, Stage
from worker.settings import Settings

MIB = 2**20


def job(job_id: int, **known: object) -> ShownJob:
    base = ShownJob(job_id, "download", "site.example", 1, 12.0)
    return dataclasses.replace(base, **known)  # type: ignore[arg-type]


def worker(number: int, pool: str = TELEGRAM) -> MeasuredWorker:
    return MeasuredWorker(
        *(pool, f"{pool}-{number}", 4000 + number, "idle", 60.0, 3, None, 40 * MIB, 256 * MIB)
    )


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    make_empty_ledger(ledger_path(tmp_path))
    with Upkeep(ledger_path(tmp_path)) as ledger:
        taken = measures.take(Settings(bot_token="", data_dir=tmp_path), ledger, 0)
    taken = dataclasses.replace(
        taken,
        bot_pid=4242,
        workers=(*(worker(n) for n in (1, 2, 3, 4)), *(worker(n, DOWNLOADS) for n in (1, 2))),
    )
    findings = [ok("queue downloads", "3 jobs waiting"), ok("disk", "41 GB free, 60 %")]
    half = {"stage": "downloading", "done_bytes": 5 * MIB, "total_bytes": 10 * MIB}
    jobs = (job(812, **half, speed_bps=2.0 * MIB, memory_bytes=64 * MIB), job(813))
    return Snapshot(taken, findings, jobs)


def texts(snapshot: Snapshot, width: int | None = 80, height: int | None = 24) -> list[str]:
    return [line.text for line in lay_out(snapshot, width, height, chosen_id=812)]


def test_a_screen_shows_all_of_a_small_bot(snapshot: Snapshot) -> None:
    lines = texts(snapshot)
    assert len(lines) == 24
    assert max(map(len, lines)) <= 80
    screen = "\n".join(lines)
    assert "bot 4242 for" in lines[0]
    (running,) = [line for line in lines if "812" in line]
    assert running.split() == [
        *(">", "812", "site.example", "1", "12s", "50", "%", "10", "MB"),
        *("2.0", "MB/s", "64", "MB", "downloading"),
    ]
    assert "downloads-2" in screen
    assert lines[-1] == top.KEYS


@pytest.mark.parametrize("height", range(1, 40))
@pytest.mark.parametrize("width", [1, 20, 80, 200])
def test_a_screen_of_any_size_is_filled_and_not_overrun(
    snapshot: Snapshot, width: int, height: int
) -> None:
    bad = [critical("poll", "is not polling" * 20), *(warning(f"w{n}", "x") for n in range(9))]
    busy = dataclasses.replace(snapshot, findings=bad, jobs=[job(n) for n in range(30)])
    lines = texts(busy, width, height)
    assert len(lines) == height
    assert max(map(len, lines)) <= width
    assert lines[-1] == top.KEYS[:width]


def test_what_has_no_room_is_counted(snapshot: Snapshot) -> None:
    busy = dataclasses.replace(snapshot, jobs=[job(n) for n in range(30)])
    assert any(line.startswith("and ") and line.endswith(" more") for line in texts(busy))
    assert not any(line.startswith("and ") for line in texts(busy, height=None))


def test_strangers_words_cannot_reach_the_terminal(snapshot: Snapshot) -> None:
    evil = dataclasses.replace(snapshot, jobs=[job(1, site="a\x1b[2Jb\nc")])
    assert not any("\x1b" in line or "\n" in line for line in texts(evil, height=None))


def test_what_is_not_well_is_marked_and_the_worst_comes_first(snapshot: Snapshot) -> None:
    bad = [warning("sites", "1 down for everybody"), critical("disk", "2 % free")]
    lines = lay_out(dataclasses.replace(snapshot, findings=bad), 80, 24)
    marked = [line for line in lines if line.style in (Style.WARNING, Style.CRITICAL)]
    assert [line.text for line in marked] == [
        "critical disk: 2 % free",
        "warning sites: 1 down for everybody",
    ]


def test_the_dispatcher_shows_what_its_workers_do(make_bot: MakeBot) -> None:
    bot = make_bot()
    bot.send("https://site.example/a")
    bot.post()
    (begun,) = [work for work in bot.dispatcher.work if work.kind == "download"]
    assert (begun.site, begun.attempt) == ("site.example", 1)
    progress = Progress(Stage.DOWNLOADING, 5, 10, 2.0)
    bot.pool_of(Download).report(begun.job_id, progress)
    bot.step()
    assert [work.progress for work in bot.dispatcher.work] == [progress]
    bot.finish_download()
    assert all(work.kind != "download" for work in bot.dispatcher.work)


def test_published_work_comes_back_as_jobs_with_the_downloads_first(snapshot: Snapshot) -> None:
    now, wall = Monotonic(100.0), Wall(snapshot.measures.taken_at)
    work = [
        Work(1, "deliver", "a.example", 1, Monotonic(90.0), None),
        Work(2, "download", "b.example", 2, Monotonic(95.0), Progress(Stage.LOOKING)),
    ]
    said = published.describe_work(work, wall, now)
    second, first = top.jobs_of(snapshot.measures, said)
    assert (first.job_id, first.stage, round(first.age_s)) == (1, None, 10)
    assert (second.job_id, second.stage, second.share) == (2, "looking", None)


@pytest.fixture
def busy(make_bot: MakeBot, monkeypatch: pytest.MonkeyPatch) -> SteppedDispatcher:
    """A bot with a running download that has published what it does, as if from this process."""
    bot = make_bot()
    bot.send("https://site.example/a")
    bot.post()
    bot.pool_of(Download).report(bot.job_id(Download), Progress(Stage.DOWNLOADING, 5, 10, 2.0))
    bot.step()
    monkeypatch.setattr(
        measures, "running_bot", lambda _data_dir: process_table.identify(os.getpid())
    )
    with Upkeep(ledger_path(bot.settings.data_dir)) as ledger:
        work = published.describe_work(bot.dispatcher.work, bot.wall, Monotonic(bot.now))
        ledger.publish(published.WORK, work)
    return bot


def screen(view: LiveView) -> str:
    return "\n".join(line.text for line in view.lines(80, 24))


def test_key_ends_the_chosen_download_once_it_is_confirmed(busy: SteppedDispatcher) -> None:
    view, job_id = LiveView(busy.settings), busy.job_id(Download)
    assert f"> {job_id} " in screen(view)
    for answer, is_ended in (("n", False), ("y", True)):
        assert view.press("c")
        assert f"end job {job_id}, and tell who waits for it? y/n" in screen(view)
        assert view.press(answer)
        busy.step()
        assert (job_id in busy.pool_of(Download).stopped) == is_ended
    assert f"job {job_id} ends" in screen(view)
    busy.pool_of(Download).stop(job_id)
    busy.step()
    assert [explain.reason for explain in busy.settle()] == [Reason.STOPPED]
    view.press("c")
    view.press("y")
    assert f"job {job_id} has ended already" in screen(view)


def test_key_pauses_and_resumes(busy: SteppedDispatcher) -> None:
    view = LiveView(busy.settings)
    view.press("p")
    assert "PAUSED since" in screen(view)
    assert busy.dispatcher._ledger.is_paused()
    view.press("p")
    assert "PAUSED since" not in screen(view)
    assert not busy.dispatcher._ledger.is_paused()
    assert not view.press("q")


def test_key_shows_the_end_of_a_log_without_what_could_do_harm(busy: SteppedDispatcher) -> None:
    view, job_id = LiveView(busy.settings), busy.job_id(Download)
    directory = busy.settings.data_dir / "downloads" / f"{job_id}-1"
    view.press("l")
    assert "no log yet" in screen(view)
    directory.mkdir(parents=True, exist_ok=True)
    lines = [f"line {n}" for n in range(99)]
    (directory / "job.log").write_text("\n".join([*lines, f"\x1b[2J{busy.settings.bot_token}"]))
    said = screen(view)
    assert "line 98" in said
    assert "line 1\n" not in said
    assert "\x1b" not in said
    assert busy.settings.bot_token not in said
    assert len(view.lines(80, 24)) == 24
    view.press("x")
    assert f"> {job_id} " in screen(view)


def test_link_in_the_place_of_a_log_is_not_followed(busy: SteppedDispatcher) -> None:
    view, job_id = LiveView(busy.settings), busy.job_id(Download)
    directory = busy.settings.data_dir / "downloads" / f"{job_id}-1"
    directory.mkdir(parents=True, exist_ok=True)
    secret = busy.settings.data_dir / "secret"
    secret.write_text("of the house")
    (directory / "job.log").symlink_to(secret)
    view.press("l")
    assert "of the house" not in screen(view)


@pytest.mark.parametrize("height", [1, 2, 3, 5])
def test_log_of_any_height(busy: SteppedDispatcher, height: int) -> None:
    view = LiveView(busy.settings)
    view.press("l")
    assert len(view.lines(10, height)) == height
