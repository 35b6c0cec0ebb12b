"""The maintenance thread: what it clears by itself, what it removes in time, and its own end."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from maintenance import ownership
from maintenance.janitor import SAMPLES_KEPT_S, Janitor
from maintenance.sites_watch import SitesWatch
from tests.sandbox.api import BotApi
from tests.sandbox.bot_process import BotProcess
from tests.sandbox.site import MediaSite
from tests.support.ledger_kit import ERROR, QUOTA, a_file, a_link, claim, post, send
from tests.support.operator_kit import FFMPEG, ROOT, namesake, nobody_at_work, orphan
from tests.support.process_kit import wait_until
from tests.support.scene import ONE_WORKER_EACH, Scene
from worker import protocol
from worker.clocks import Monotonic, Wall
from worker.ledger import (
    DeliverJob,
    DownloadJob,
    ExplainJob,
    Ledger,
    StatusJob,
    UpdateJob,
    ledger_path,
)
from worker.ledger.storage.retention import KEPT_S
from worker.ledger.upkeep.upkeep import Sample, Upkeep
from worker.processes import process_table, signals
from worker.processes.process_table import instance_tag
from worker.settings import Settings, SitesFile

DAY_S = 86_400.0


@pytest.fixture
def janitor(tmp_path: Path) -> Janitor:
    Ledger(ledger_path(tmp_path)).close()
    return Janitor(
        Settings(bot_token="", data_dir=tmp_path),
        nobody_at_work(),
        lambda: None,
        SitesWatch(SitesFile(())),
    )


@pytest.mark.usefixtures("needs_ffmpeg")
def test_orphaned_ffmpeg_is_ended_and_a_bystander_is_not(janitor: Janitor, tmp_path: Path) -> None:
    with orphan(instance_tag(tmp_path), *FFMPEG) as ours, orphan(None, *FFMPEG) as bystander:
        janitor.sweep_zombies()
        assert not process_table.is_alive(ours)
        assert process_table.is_alive(bystander)


def is_defunct(pid: int) -> bool:
    process = process_table.look_up(pid)
    return process is not None and process.is_defunct


def test_real_bot_ends_what_is_stuck_lets_what_is_stopped_go_on_and_reaps(
    site: MediaSite, tmp_path: Path
) -> None:
    env = {**ONE_WORKER_EACH, "JOB_MAX_ATTEMPTS": "2", "DOWNLOAD_JOB_TIMEOUT": "120"}
    scene = Scene(site, tmp_path, env)
    scene.bot.script = hurt_bot(tmp_path, FAST_SCHEDULE)
    with scene, namesake(tmp_path, "yt-dlp") as bystander:
        with site.holding("/slow/stopped.mp4"):
            scene.send("/slow/stopped.mp4?seconds=0")
            (ytdlp,) = scene.api.wait_for(lambda: scene.workers("yt-dlp"))
            (worker,) = scene.workers("downloads")
            # A stopped worker reaps nobody: what it started is defunct until it goes on. The bot
            # must not look in between, since it lets a stopped worker go on.
            os.kill(scene.bot.pid, signal.SIGSTOP)
            os.kill(worker, signal.SIGSTOP)
            os.kill(ytdlp, signal.SIGKILL)
            wait_until(lambda: is_defunct(ytdlp))
            os.kill(scene.bot.pid, signal.SIGCONT)
        assert scene.wait_for_answers()[0].media
        assert f"Process {worker} (downloads-1): somebody stopped it" in scene.bot.log
        assert f"Process {ytdlp} (yt-dlp): not reaped by its parent {worker}" in scene.bot.log
        scene.send("/stall.mp4")
        (ytdlp,) = scene.api.wait_for(lambda: scene.workers("yt-dlp"))
        runs_on = re.compile(rf"Process {ytdlp} \(yt-dlp: job [0-9]+ [^)]*\): has run for")
        scene.api.wait_for(lambda: runs_on.search(scene.bot.log))
        scene.api.wait_for(lambda: not process_table.look_up(ytdlp))
        scene.wait_for_answers(2)
        assert process_table.is_alive(bystander)


def test_zombie_that_goes_after_the_sweep_raises_no_alert(janitor: Janitor, tmp_path: Path) -> None:
    def alerts() -> set[str]:
        with Upkeep(ledger_path(tmp_path)) as ledger:
            return set(ledger.published("alerts"))

    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as left:
        identity = process_table.identify(left.pid)
        assert identity is not None
        janitor._left = [identity]
        janitor.sample()
        assert "zombies" in alerts()
    for _ in range(2):
        janitor.sample()
    assert "zombies" not in alerts()


FAST_SCHEDULE = "janitor.ZOMBIES_S = 0.5; ownership.STUCK_GRACE_S = -105.0"
"""Every half a second, and stuck after 15 s of the 120 s that a job may take."""


def hurt_bot(directory: Path, change: str) -> Path:
    """A bot with something in it replaced."""
    script = directory / "hurt.py"
    script.write_text(
        f"import sys, time; sys.path.insert(0, {str(ROOT)!r}); import bot\n"
        "from maintenance import janitor, ownership, thread_watch\n"
        "from worker.dispatch import dispatcher\n"
        f"{change}\n"
        "if __name__ == '__main__': sys.exit(bot.main(sys.argv[1:]))\n"
    )
    return script


def test_dead_fork_server_does_not_stay_defunct(site: MediaSite, tmp_path: Path) -> None:
    with Scene(site, tmp_path, ONE_WORKER_EACH) as scene:
        scene.api.wait_for(lambda: scene.workers("downloads"))
        (server,) = [
            process.pid
            for process in process_table.children(scene.bot.pid)
            if b"fork server" in Path(f"/proc/{process.pid}/cmdline").read_bytes()
        ]
        os.kill(server, signal.SIGKILL)
        scene.api.wait_for(lambda: process_table.look_up(server) is None)
        scene.send("/clip/served.mp4")
        scene.wait_for_answers()


# --------------------------------------------------------------------------------- retention


def answered_link(ledger: Ledger, now: float, *, user_id: int = 7) -> None:
    """A link that came to its media, all at `now`."""
    number = int(now) * 10 + user_id
    ledger.record_updates([{"update_id": number}], Wall(now))
    update = claim(ledger, UpdateJob, now)
    link = a_link(user_id, f"key {number}")
    ledger.finish_update(update, [link], QUOTA, Wall(now))
    ledger.finish_status(claim(ledger, StatusJob, now), 2, Wall(now))
    ledger.finish_download(claim(ledger, DownloadJob, now), a_file(), Wall(now))
    ledger.finish_delivery(claim(ledger, DeliverJob, now), protocol.Delivered("file id"), Wall(now))


def counts(path: Path) -> dict[str, int]:
    connection = sqlite3.connect(path)
    tables = ("jobs", "requests", "media", "runs", "samples")
    found = {
        table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables
    }
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()
    return found


def test_what_ended_a_month_ago_is_removed_and_nothing_else(
    janitor: Janitor, tmp_path: Path
) -> None:
    path = ledger_path(tmp_path)
    now = time.time()
    old, young = now - KEPT_S - 60, now - KEPT_S + 60
    ledger = Ledger(path)
    answered_link(ledger, old, user_id=1)
    answered_link(ledger, young, user_id=2)
    # Old, and not at its end: a link whose download waits to be tried again.
    send(ledger, a_link(3, "waiting"), update_id=1)
    post(ledger)
    ledger.put_back(claim(ledger, DownloadJob), 0.0, Wall(old), refund=False)
    before = counts(path)
    assert (before["jobs"], before["requests"], before["media"]) == (11, 3, 2)
    janitor.forget_old()
    after = counts(path)
    assert (after["jobs"], after["requests"], after["media"]) == (6, 2, 1)
    # What still waits is done as ever.
    ledger.finish_download(claim(ledger, DownloadJob, now), a_file(), Wall(now))
    claim(ledger, DeliverJob, now)


def test_failed_job_goes_with_all_that_was_noted_of_it(janitor: Janitor, tmp_path: Path) -> None:
    ledger = Ledger(ledger_path(tmp_path))
    send(ledger, a_link(), update_id=1)
    post(ledger)
    download = claim(ledger, DownloadJob)
    ledger.remember_usage(download, protocol.DownloadUsage(1.0, 1.0, 1, "words"))
    ledger.fail(download, ERROR, "abc123", "", Wall(1.0))
    ledger.finish_explanation(claim(ledger, ExplainJob, 1.0), Wall(1.0))
    janitor.forget_old()
    assert set(counts(ledger_path(tmp_path)).values()) == {0}


def test_samples_of_another_day_are_removed_and_those_from_the_future(
    janitor: Janitor, tmp_path: Path
) -> None:
    now = time.time()
    with Upkeep(ledger_path(tmp_path)) as upkeep:
        for taken_at in (now - SAMPLES_KEPT_S - 60, now - 60, now + 400 * DAY_S):
            upkeep.record_sample(Sample(Wall(taken_at), 1, 1, 1, 0.5))
    janitor.forget_old()
    assert counts(ledger_path(tmp_path))["samples"] == 1


def test_clock_set_forward_removes_nothing_before_it_has_stood_for_a_day(
    janitor: Janitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    answered_link(Ledger(ledger_path(tmp_path)), now)
    janitor.sample()
    whole = counts(ledger_path(tmp_path))
    assert whole["jobs"] > 0
    for days, is_removed in ((0.0, False), (400.0, False), (400.01, False), (401.1, True)):
        monkeypatch.setattr(time, "time", lambda days=days: now + days * DAY_S)
        janitor.sample()
        janitor.forget_old()
        assert (counts(ledger_path(tmp_path))["jobs"] == 0) is is_removed


@pytest.mark.parametrize("jump_s", [-400 * DAY_S, 400 * DAY_S])
def test_clock_jump_makes_no_bot_look_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump_s: float
) -> None:
    Ledger(ledger_path(tmp_path)).close()
    polled_at = Monotonic(time.monotonic() - 20.0)
    janitor = Janitor(
        Settings(bot_token="", data_dir=tmp_path),
        nobody_at_work(),
        lambda: polled_at,
        SitesWatch(SitesFile(())),
    )
    wall = time.time() + jump_s
    monkeypatch.setattr(time, "time", lambda: wall)
    janitor.publish()
    with Upkeep(ledger_path(tmp_path)) as ledger:
        said = ledger.published("bot")
    assert said["at"] == wall
    assert 20.0 <= wall - said["polled_at"] < 60.0


def test_room_is_given_back_and_writers_wait_for_one_batch_only(
    janitor: Janitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = ledger_path(tmp_path)
    connection = sqlite3.connect(path)
    connection.executemany(
        "INSERT INTO jobs (kind, pool, priority, state, created_at, waits_since, not_before,"
        " finished_at, payload) VALUES ('update', 'telegram', 0, 'done', 0, 0, 0, 1, ?)",
        [("x" * 1000,) for _ in range(3_000)],
    )
    connection.commit()
    connection.close()
    size = path.stat().st_size
    # Between any two batches somebody else writes.
    ledger = Ledger(path)
    written: list[int] = []

    def rest() -> bool:
        written.append(len(written))
        ledger.record_updates([{"update_id": len(written)}], Wall(time.time()))
        return False

    monkeypatch.setattr(janitor, "_rest", rest)
    janitor.forget_old()
    assert len(written) > 15
    assert counts(path)["jobs"] == len(written)
    ledger._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert path.stat().st_size < size / 4


# ----------------------------------------------------------------------------------- its end


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("janitor.Janitor.run = lambda self: None", "Thread maintenance has died"),
        (
            (
                "janitor.Janitor.run = lambda self: time.sleep(600)\n"
                "thread_watch.JANITOR_STALL_S = 1.0"
            ),
            "Thread maintenance is stuck",
        ),
        (
            (
                "dispatcher.Dispatcher.run = lambda self: time.sleep(600)\n"
                "thread_watch.DISPATCHER_STALL_S = 1.0"
            ),
            "Thread dispatcher is stuck",
        ),
    ],
)
def test_bot_ends_when_a_thread_dies_or_stands_still(
    tmp_path: Path, change: str, words: str
) -> None:
    script = hurt_bot(tmp_path, change)
    with BotApi() as api:
        env = BotProcess(api, tmp_path / "data").env
        done = subprocess.run(
            [sys.executable, script],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 70, done.stderr
    assert words in done.stderr
    assert process_table.tagged(instance_tag(tmp_path / "data")) == []


def test_stuck_grace_is_more_than_the_pool_needs() -> None:
    """The thread is the second to look: a worker has TERM, KILL and its own clean-up first."""
    assert ownership.STUCK_GRACE_S > 3 + 3 + signals.KILL_PATIENCE_S
