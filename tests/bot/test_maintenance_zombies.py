"""`python -m maintenance zombies`: real processes gone astray are found and ended, others not."""

import fcntl
import os
import re
import signal
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from maintenance import ownership, zombies
from maintenance.__main__ import main
from maintenance.ownership import Instance, ProcessTable, running_bot
from maintenance.zombies import Problem, Zombie
from tests.sandbox.site import MediaSite
from tests.support.operator_kit import FFMPEG, lock_holder, maintenance, namesake, orphan
from tests.support.process_kit import wait_until, with_hidden_proc
from tests.support.scene import ONE_WORKER_EACH, Scene
from worker import data_directory
from worker.ledger import Ledger, ledger_path
from worker.processes import process_table
from worker.processes.process_table import instance_tag


def is_there(identity: process_table.Identity) -> bool:
    return process_table.is_alive(identity)


def no_other(zombie: Zombie) -> None:
    pytest.fail(f"found as well: {zombie}")


@pytest.mark.usefixtures("needs_ffmpeg")
@pytest.mark.parametrize("is_running", [True, False])
def test_orphaned_ffmpeg_is_found_and_ended_and_a_bystander_is_not(
    tmp_path: Path, is_running: bool
) -> None:
    tag = instance_tag(tmp_path)
    with (
        lock_holder(tmp_path) if is_running else nullcontext(),
        orphan(tag, *FFMPEG) as ours,
        orphan(None, *FFMPEG) as bystander,
        orphan(instance_tag(tmp_path / "other"), *FFMPEG) as of_another_bot,
    ):
        answer = maintenance(tmp_path, "zombies", "--json")
        assert answer.code == 1
        (zombie,) = answer.json["zombies"]
        assert (zombie["pid"], zombie["what"], zombie["job"]) == (ours.pid, "orphan", 42)
        assert zombie["command"].startswith("ffmpeg -v quiet")
        assert zombie["memory_bytes"] > 0
        assert is_there(ours), "without --kill nothing is changed"
        answer = maintenance(tmp_path, "zombies", "--kill")
        assert (answer.code, is_there(ours)) == (0, False), answer
        assert f"{ours.pid} is gone" in answer.text
        assert is_there(bystander)
        assert is_there(of_another_bot)
        assert maintenance(tmp_path, "zombies").code == 0


@pytest.mark.usefixtures("needs_ffmpeg")
def test_kind_that_is_spared_is_spared_in_the_second_look_as_well(tmp_path: Path) -> None:
    with orphan(instance_tag(tmp_path), *FFMPEG) as ours:
        mine = Instance(tmp_path, 60.0)
        found = zombies.find(mine)
        assert [zombie.problem for zombie in found] == [Problem.ORPHAN]
        assert zombies.end(mine, found, spared={Problem.ORPHAN}, on_another=found.append) == []
        assert is_there(ours)
        assert len(found) == 1


def test_one_that_appears_while_another_is_ended_is_told_of_and_ended(tmp_path: Path) -> None:
    tag, mine = instance_tag(tmp_path), Instance(tmp_path, 60.0)
    with orphan(tag, "sleep", "60") as first:
        found = zombies.find(mine)
        with orphan(tag, "sleep", "61") as another:
            told: list[Zombie] = []
            assert zombies.end(mine, [], told.append) == []
            assert is_there(another), "nothing was to be ended"
            assert zombies.end(mine, found, told.append) == []
            assert [zombie.process.identity for zombie in told] == [another]
            assert not is_there(first)
            assert not is_there(another)


def test_whole_session_of_one_that_ignores_term_is_ended(tmp_path: Path) -> None:
    code = (
        "import signal, subprocess, sys; signal.signal(15, signal.SIG_IGN);"
        "subprocess.Popen([sys.executable, '-c', 'import signal; signal.signal(15, 1);"
        " signal.pause()']); signal.pause()"
    )
    tag = instance_tag(tmp_path)
    with orphan(tag, sys.executable, "-c", code) as leader:
        while len(process_table.descendants(leader.pid)) < 1:
            pass
        (child,) = process_table.descendants(leader.pid)
        answer = maintenance(tmp_path, "zombies", "--kill")
        assert answer.code == 0, answer
        assert not is_there(leader)
        assert not is_there(child.identity)


DEFUNCT = """
child = os.fork()
if not child:
    os._exit(0)
while not process_table.look_up(child).is_defunct:
    pass
"""
REAPS = "signal.signal(signal.SIGCHLD, lambda *_: os.waitpid(-1, os.WNOHANG))"


@pytest.mark.parametrize("does_reap", [True, False])
def test_defunct_child_of_the_bot_is_reaped_by_the_bot(tmp_path: Path, does_reap: bool) -> None:
    with lock_holder(tmp_path, DEFUNCT + (REAPS if does_reap else "")) as bot:
        answer = maintenance(tmp_path, "zombies", "--json")
        (zombie,) = answer.json["zombies"]
        assert (zombie["what"], zombie["state"], zombie["parent"]) == ("defunct", "Z", bot.pid)
        answer = maintenance(tmp_path, "zombies", "--kill")
        assert answer.code == (0 if does_reap else 2)
        assert bool(process_table.look_up(zombie["pid"])) is not does_reap
        assert bot.poll() is None
        if not does_reap:
            assert f"end its parent {bot.pid}" in answer.text


def test_strange_parent_of_a_defunct_process_is_named_and_not_signalled(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with lock_holder(other, DEFUNCT + "signal.signal(signal.SIGCHLD, lambda *_: os._exit(1))") as p:
        (child,) = process_table.children(p.pid)
        ours = Instance(tmp_path, 60.0, {child.identity: 7})
        (zombie,) = zombies.find(ours)
        assert (zombie.problem, zombie.job_id) == (Problem.DEFUNCT, 7)
        assert f"parent {p.pid}" in zombie.reason
        assert zombies.end(ours, [zombie], no_other) == [zombie]
        assert p.poll() is None


def test_stopped_ytdlp_of_a_real_bot_is_listed(site: MediaSite, tmp_path: Path) -> None:
    with Scene(site, tmp_path, ONE_WORKER_EACH) as scene:
        with site.holding("/slow/stopped.mp4"):
            scene.send("/slow/stopped.mp4?seconds=0")
            (pid,) = scene.api.wait_for(lambda: scene.workers("yt-dlp"))
            scene.api.wait_for(lambda: scene.ledger("SELECT 1 FROM processes"))
            assert maintenance(scene.data_dir, "zombies").text.startswith("No zombies")
            for command in (["pgrep", "yt-dlp"], ["ps", "-C", "yt-dlp", "-o", "pid="]):
                shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
                assert str(pid) in shown.split()

            os.kill(pid, signal.SIGSTOP)
            (stopped,) = maintenance(scene.data_dir, "zombies", "--json").json["zombies"]
            assert (stopped["pid"], stopped["what"]) == (pid, "stopped")
            ((job,),) = scene.ledger("SELECT job_id FROM processes")
            assert stopped["job"] == job
            assert stopped["command"] == f"yt-dlp: job {job} 127.0.0.1"

            os.kill(pid, signal.SIGCONT)
        scene.wait_for_answers()


def test_defunct_ytdlp_of_a_stopped_worker_is_cleared_with_it(
    site: MediaSite, tmp_path: Path
) -> None:
    with Scene(site, tmp_path, ONE_WORKER_EACH) as scene:
        # The bot's own first look for zombies would find them too; it publishes after that.
        scene.api.wait_for(lambda: scene.ledger("SELECT 1 FROM state WHERE name = 'bot'"))
        with site.holding("/slow/defunct.mp4"):
            scene.send("/slow/defunct.mp4?seconds=0")
            (ytdlp,) = scene.api.wait_for(lambda: scene.workers("yt-dlp"))
            (worker,) = scene.workers("downloads")
            os.kill(worker, signal.SIGSTOP)
            os.kill(ytdlp, signal.SIGKILL)

        def found() -> set[tuple[int, str]]:
            zombies = maintenance(scene.data_dir, "zombies", "--json").json["zombies"]
            return {(zombie["pid"], zombie["what"]) for zombie in zombies}

        # What makes the namespace of the next download may have ended in this moment, too.
        scene.api.wait_for(lambda: found() >= {(ytdlp, "defunct"), (worker, "stopped")})
        pids = [pid for pid, _ in found()]
        answer = maintenance(scene.data_dir, "zombies", "--kill")
        assert answer.code == 0, answer
        assert all(process_table.look_up(pid) is None for pid in pids)
        assert scene.wait_for_answers()[0].media


def test_stuck_ytdlp_of_a_real_bot_is_ended_and_a_namesake_is_not(
    site: MediaSite,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    env = {**ONE_WORKER_EACH, "JOB_MAX_ATTEMPTS": "1", "DOWNLOAD_JOB_TIMEOUT": "120"}
    with (
        Scene(site, tmp_path, env) as scene,
        namesake(tmp_path, "yt-dlp") as bystander,
    ):
        scene.send("/stall.mp4")
        (pid,) = scene.api.wait_for(lambda: scene.workers("yt-dlp"))
        scene.api.wait_for(lambda: scene.ledger("SELECT 1 FROM processes"))
        monkeypatch.setenv("DATA_DIR", str(scene.data_dir))
        monkeypatch.setenv("DOWNLOAD_JOB_TIMEOUT", "120")
        assert main(["zombies"]) == 0
        # Stuck as soon as it runs, instead of after the time that a job may take.
        monkeypatch.setattr(ownership, "STUCK_GRACE_S", -120.0)
        with monkeypatch.context() as suspended:
            suspended.setattr(process_table, "suspended_s", lambda: 3600.0)
            assert main(["zombies"]) == 0
        assert main(["zombies"]) == 1
        assert re.search(rf"^ *{pid} .* stuck ", capsys.readouterr().out, re.MULTILINE)
        assert main(["zombies", "--kill"]) == 0
        assert f"{pid} is gone" in capsys.readouterr().out
        assert process_table.look_up(pid) is None
        assert is_there(bystander)
        scene.wait_for_answers()


def test_bot_that_starts_in_the_middle_loses_nobody(tmp_path: Path) -> None:
    """What a look finds belongs to the bot that holds the lock after the look."""
    ours = Instance(tmp_path, 60.0)
    tag = instance_tag(tmp_path)
    worker = (
        f"env = dict(os.environ, FETCHBOT_INSTANCE={tag!r})\n"
        "subprocess.Popen(['sleep', '60'], env=env)"
    )
    with lock_holder(tmp_path, worker) as bot:
        (sleep,) = process_table.children(bot.pid)
        assert list(ProcessTable(ours).ours) == [sleep.pid]
        assert zombies.find(ours) == []
    assert [z.process.pid for z in zombies.find(ours)] == [sleep.pid]
    assert zombies.end(ours, zombies.find(ours), no_other) == []


def test_lock_is_looked_at_and_never_taken(tmp_path: Path) -> None:
    assert running_bot(tmp_path) is None
    with lock_holder(tmp_path) as bot:
        assert running_bot(tmp_path) == process_table.identify(bot.pid)
    assert (tmp_path / "lock").read_text() == f"{bot.pid}\n"
    assert running_bot(tmp_path) is None, "the pid is still written there, and holds nothing"


NAMESPACE = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]


@pytest.fixture
def needs_pid_namespaces() -> None:
    if subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no PID namespace of our own may be made here")


@pytest.mark.usefixtures("needs_pid_namespaces")
@pytest.mark.parametrize("command", ["zombies", "zombies --kill", "health", "health --json"])
@pytest.mark.parametrize("inside", ["bot", "command"])
def test_bot_of_another_namespace_is_left_alone(inside: str, command: str, tmp_path: Path) -> None:
    Ledger(ledger_path(tmp_path)).close()
    # The process below it is what a look from outside would take for an orphan.
    env = {"FETCHBOT_INSTANCE": instance_tag(tmp_path), "PATH": os.environ["PATH"]}
    below = f"subprocess.Popen(['sleep', '60'], env={env!r})"
    with lock_holder(tmp_path, below, NAMESPACE if inside == "bot" else ()) as bot:
        before = [process.identity for process in process_table.descendants(bot.pid)]
        answer = maintenance(
            tmp_path, *command.split(), prefix=NAMESPACE if inside == "command" else ()
        )
        assert answer.code == 2, answer
        assert (
            "runs in another PID namespace, such as a container: type this there" in answer.errors
        )
        assert (answer.text, len(answer.errors.splitlines())) == ("", 1)
        assert before
        assert all(map(is_there, before))


@pytest.mark.usefixtures("needs_pid_namespaces")
def test_bot_of_another_namespace_with_a_directory_of_the_same_name_is_left_alone(
    tmp_path: Path,
) -> None:
    tag = instance_tag(tmp_path)
    with orphan(tag, *NAMESPACE, "sleep", "60") as outer:
        wait_until(lambda: process_table.descendants(outer.pid))
        (sleep,) = process_table.descendants(outer.pid)
        assert process_table.is_in_inner_namespace(sleep.pid)
        assert [process.pid for process in process_table.tagged(tag)] == [outer.pid]


@pytest.mark.usefixtures("needs_pid_namespaces")
def test_lock_that_nobody_holds_is_free_in_every_namespace(tmp_path: Path) -> None:
    with lock_holder(tmp_path):
        pass
    assert maintenance(tmp_path, "zombies", prefix=NAMESPACE).code == 0
    data_directory.lock(tmp_path).close()


@pytest.mark.parametrize("command", ["zombies --kill", "health"])
@pytest.mark.parametrize("hidepid", [1, 2])
def test_bot_that_proc_hides_is_left_alone(hidepid: int, command: str, tmp_path: Path) -> None:
    Ledger(ledger_path(tmp_path)).close()
    env = {"FETCHBOT_INSTANCE": instance_tag(tmp_path), "PATH": os.environ["PATH"]}
    closed = "from worker.processes import process_setup; process_setup.refuse_inspection()"
    below = f"{closed}; subprocess.Popen(['sleep', '60'], env={env!r})"
    with lock_holder(tmp_path, below) as bot:
        before = [process.identity for process in process_table.descendants(bot.pid)]
        answer = maintenance(tmp_path, *command.split(), prefix=with_hidden_proc(hidepid))
        assert f"/proc hides process {bot.pid} (hidepid): type this as root" in answer.errors
        assert (answer.code, answer.text) == (2, "")
        assert before
        assert all(map(is_there, before))
    assert maintenance(tmp_path, "zombies", "--kill").code == 0
    assert not any(map(is_there, before))


def test_command_that_looks_for_a_bot_is_not_taken_for_one(tmp_path: Path) -> None:
    data_directory.lock(tmp_path).close()
    with (tmp_path / "lock").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        assert running_bot(tmp_path) is None


@pytest.mark.negative
def test_without_the_user_a_stranger_with_our_tag_would_be_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with orphan(instance_tag(tmp_path), "sleep", "60") as stranger:
        # While a program is being started, its environment is empty for a moment.
        wait_until(lambda: list(ProcessTable(Instance(tmp_path, 60.0)).ours) == [stranger.pid])
        monkeypatch.setattr(ownership, "owner_of", lambda _: 12345)
        assert not ProcessTable(Instance(tmp_path, 60.0)).ours


def test_command_of_another_user_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    for user in (0, os.getuid()):
        monkeypatch.setattr(os, "geteuid", lambda user=user: user)
        assert main(["zombies"]) == 0
    monkeypatch.setattr(os, "geteuid", lambda: 12346)
    assert main(["zombies"]) == 2
    assert "as root or by sudo -u" in capsys.readouterr().err
