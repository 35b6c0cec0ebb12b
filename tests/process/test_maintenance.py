"""The maintenance thread's steps: strays, orphaned directories, and the schedule itself."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from maintenance.cpu import CpuUse
from maintenance.findings import Finding
from maintenance.janitor import Janitor, Step
from maintenance.orphans import find_orphans
from maintenance.sites_watch import SitesWatch
from maintenance.strays import StrayReaper
from tests.sandbox.patience import PATIENCE_S
from tests.support.operator_kit import nobody_at_work
from tests.support.pool_driver import driven
from tests.support.process_kit import wait_until
from worker.clocks import Monotonic
from worker.ledger import Ledger, LedgerBusy, ledger_path
from worker.ledger.storage.database import Database
from worker.ledger.upkeep.upkeep import Upkeep
from worker.pool import watched_process
from worker.pool.watched_process import fork_server_pid, prepare_start, replace_fork_server
from worker.processes import process_table, signals
from worker.settings import Settings, SitesFile

HUNT = """
import os, subprocess, sys
from maintenance.strays import StrayReaper
from worker.processes import process_setup, process_table

process_setup.become_subreaper()
known = subprocess.Popen(["sleep", "60"])
# The shell ends, and its child, which reads until the pipe is closed, loses its parent.
reader, writer = os.pipe()
command = f"cat <&{reader} >/dev/null & echo $!"
shell = subprocess.Popen(
    ["sh", "-c", command], stdout=subprocess.PIPE, text=True, pass_fds=[reader]
)
stray = int(shell.stdout.readline())
shell.wait()
if sys.argv[1] == "defunct":
    os.close(writer)
    while not process_table.look_up(stray).is_defunct:
        pass
reaper = StrayReaper()
first = reaper.sweep([known.pid])
assert process_table.look_up(stray), "what was seen once may just have been started"
while reaper.sweep([known.pid]):
    pass
print(first, process_table.look_up(stray), known.poll())
known.kill()
"""


@pytest.mark.parametrize("state", ["live", "defunct"])
def test_stray_is_ended_and_reaped_and_what_is_known_is_not(state: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HUNT, state], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1", "None", "None"]


def test_fork_server_stopped_in_the_middle_of_a_start_is_waited_for_no_longer_than_a_sweep(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with driven("forkserver") as driver, monkeypatch.context() as patch:
        # One of an earlier test may have been started without what is to be preloaded.
        replace_fork_server()
        wait_until(lambda: prepare_start(driver.pool.context))
        # Whoever starts a process wakes the fork server first; this stop comes just after.
        patch.setattr(watched_process, "_continue_fork_server", lambda: None)
        os.kill(fork_server_pid(), signal.SIGSTOP)
        starting = threading.Thread(target=driver.step)
        starting.start()
        starting.join(0.3)
        assert starting.is_alive()
        StrayReaper().sweep([])
        starting.join(PATIENCE_S)
        assert not starting.is_alive()


@pytest.fixture
def downloads(tmp_path: Path) -> Path:
    downloads = tmp_path / "downloads"
    for name in ("1-1", "2-1", "3-1", "notes"):
        (downloads / name).mkdir(parents=True)
        (downloads / name / "media.mp4").write_bytes(b"x" * 1000)
        os.utime(downloads / name, (0, 0))
    return downloads


def test_orphans_are_old_and_of_no_live_job(downloads: Path) -> None:
    os.utime(downloads / "3-1")
    (orphan,) = find_orphans(downloads, lambda: {"2-1"}, older_than_s=7200)
    assert orphan.path == downloads / "1-1"
    assert orphan.size_bytes == 1000
    assert orphan.age_s > 7200


def test_where_a_player_was_solved_goes_with_its_download(downloads: Path) -> None:
    for name in ("1-1-player", "2-1-player", "2-1-notes"):
        (downloads / name).mkdir()
    found = find_orphans(downloads, lambda: {"2-1"}, older_than_s=0)
    assert sorted(orphan.path.name for orphan in found) == ["1-1", "1-1-player", "3-1"]


def test_link_to_a_directory_is_no_orphan(downloads: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (downloads / "9-9").symlink_to(elsewhere)
    found = [orphan.path.name for orphan in find_orphans(downloads, set, older_than_s=0)]
    assert sorted(found) == ["1-1", "2-1", "3-1"]


def test_no_directory_has_no_orphans(tmp_path: Path) -> None:
    assert find_orphans(tmp_path / "nowhere", set, 0) == []


@pytest.fixture
def janitor(downloads: Path) -> Janitor:
    settings = Settings(bot_token="123456:" + "a" * 35, data_dir=downloads.parent)
    path = ledger_path(downloads.parent)
    Ledger(path).close()
    return Janitor(settings, nobody_at_work(), lambda: None, SitesWatch(SitesFile(())))


def test_sample_is_noted_even_if_the_ledger_cannot_be_written(
    downloads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(bot_token="123456:" + "a" * 35, data_dir=downloads.parent)
    Ledger(ledger_path(downloads.parent)).close()
    noted: list[Sequence[Finding]] = []
    janitor = Janitor(
        settings,
        nobody_at_work(),
        lambda: None,
        SitesWatch(SitesFile(())),
        lambda _taken, findings, _now: noted.append(findings),
    )
    monkeypatch.setattr(janitor._cpu, "sample", lambda *_: CpuUse(0.5, {}))

    def fill(_database: Database) -> None:
        raise LedgerBusy("database or disk is full")

    monkeypatch.setattr(Database, "transaction", fill)
    with pytest.raises(LedgerBusy):
        janitor.sample()
    assert len(noted) == 1


def test_commands_learn_which_sites_have_settings(tmp_path: Path) -> None:
    Ledger(ledger_path(tmp_path)).close()
    (tmp_path / "sites.toml").write_text('["b.example"]\n["a.example"]\n')
    watch = SitesWatch(SitesFile((tmp_path / "sites.toml",)))
    Janitor(
        Settings(bot_token="", data_dir=tmp_path), nobody_at_work(), lambda: None, watch
    ).publish()
    with Upkeep(ledger_path(tmp_path)) as ledger:
        assert ledger.published("bot")["sites_named"] == ["a.example", "b.example"]


def test_sweep_removes_what_no_job_needs(janitor: Janitor, downloads: Path) -> None:
    janitor.sweep_orphans()
    assert sorted(path.name for path in downloads.iterdir()) == ["notes"]


def test_step_that_fails_stops_neither_the_others_nor_the_next_round(janitor: Janitor) -> None:
    ran: list[str] = []

    def fail() -> None:
        ran.append("bad")
        raise RuntimeError("broken on purpose")

    janitor._steps = [Step("bad", fail, 60.0), Step("good", lambda: ran.append("good"), 10.0)]
    for now in (0.0, 5.0, 10.0, 60.0):
        janitor.step(Monotonic(now))
    assert ran == ["bad", "good", "good", "bad", "good"]


def test_leftovers_of_a_killed_bot_are_found_by_their_tag(tmp_path: Path) -> None:
    tag = process_table.instance_tag(tmp_path)
    command = [sys.executable, "-c", "import signal; print('up', flush=True); signal.pause()"]
    environments = [
        {process_table.INSTANCE_VARIABLE: tag},
        {process_table.INSTANCE_VARIABLE: "other"},
    ]
    ours, others = [
        subprocess.Popen(command, env={**os.environ, **env}, stdout=subprocess.PIPE)
        for env in environments
    ]
    try:
        for process in (ours, others):
            assert process.stdout is not None
            assert process.stdout.readline() == b"up\n"
        assert signals.kill_tagged(tag) == 1
        assert ours.wait(10) == -signal.SIGKILL
        assert others.poll() is None
    finally:
        for process in (ours, others):
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
