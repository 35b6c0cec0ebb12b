"""Starting and stopping the real bot: signals, the lock, and what a start refuses."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sandbox.api import BotApi
from tests.sandbox.bot_process import BOT, BotProcess
from tests.sandbox.client import Client
from tests.sandbox.site import MediaSite
from tests.support.ping_receiver import receiving_pings
from tests.support.scene import ONE_WORKER_EACH, Scene
from worker import data_directory
from worker.file_owner import account_name, owner_name
from worker.ledger.storage.backup import back_up

SETTINGS = {"BOT_TOKEN": "123456:" + "a" * 35, "TELEGRAM_API_URL": "http://127.0.0.1:9"}


def run_bot(
    directory: Path, env: dict[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    """`bot.py` in `directory`, expected to end by itself."""
    environment = {"PATH": os.environ["PATH"], "DATA_DIR": str(directory / "data"), **env}
    return subprocess.run(
        [sys.executable, BOT, *arguments],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
@pytest.mark.parametrize("is_made", [True, False])
def test_root_does_not_run_the_bot_of_somebody_else(is_made: bool, tmp_path: Path) -> None:
    owned = tmp_path / "data" if is_made else tmp_path
    owned.mkdir(exist_ok=True)
    os.chown(owned, 65534, 65534)
    done = run_bot(tmp_path, SETTINGS)
    assert done.returncode == 78
    assert f"runuser -u {owner_name(65534)} -- {sys.executable} {BOT}" in done.stderr
    assert list((tmp_path / "data").iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_root_of_a_container_may_use_a_directory_of_its_host(tmp_path: Path) -> None:
    unknown = next(number for number in range(54321, 65000) if account_name(number) is None)
    os.chown(tmp_path, unknown, unknown)
    data_directory.refuse_root(tmp_path)
    os.chown(tmp_path, 65534, 65534)
    with pytest.raises(PermissionError):
        data_directory.refuse_root(tmp_path)


def test_running_job_finishes_within_the_grace(site: MediaSite, tmp_path: Path) -> None:
    with Scene(site, tmp_path, ONE_WORKER_EACH) as scene:
        scene.send("/slow/grace.mp4?seconds=3")
        scene.api.wait_for(lambda: scene.site.hits("/slow/grace.mp4"))
        scene.bot.terminate()
        assert scene.bot.wait() == 0
        assert scene.ledger("SELECT state FROM jobs WHERE kind = 'download'") == [("done",)]
        scene.bot.start()
        (answer,) = scene.wait_for_answers()
        assert answer.kind == "video"
        assert scene.site.hits("/slow/grace.mp4") <= 2, "it was not downloaded a second time"


@pytest.mark.parametrize("signals", [1, 2])
def test_job_that_outlasts_the_grace_is_put_back(
    site: MediaSite, tmp_path: Path, signals: int
) -> None:
    grace_s = {1: "0.5", 2: "600"}[signals]
    env = {**ONE_WORKER_EACH, "SHUTDOWN_GRACE": grace_s, "IN_MAIN": "tests.support.patient_stop"}
    with Scene(site, tmp_path, env) as scene:
        path = f"/slow/put-back-{signals}.mp4"
        with site.holding(path):
            scene.send(f"{path}?seconds=0")
            # What is on show by now is told of the stop.
            scene.wait_for_status("Downloading")
            scene.bot.terminate()
            if signals == 2:
                scene.api.wait_for(lambda: "Stopping" in scene.bot.log)
                scene.bot.terminate()
            assert scene.bot.wait() == 0
        scene.bot.wait_for_empty_tree()
        assert scene.directories() == []
        assert scene.ledger("SELECT state, attempts FROM jobs WHERE kind = 'download'") == [
            ("waiting", 0)
        ]
        if signals == 1:
            status = scene.status()
            assert status
            assert (status.text or "").startswith("Paused")
        scene.bot.start()
        (answer,) = scene.wait_for_answers()
        assert answer.kind == "video"


def test_killed_bot_leaves_nothing_among_the_machines_temporary_files(
    site: MediaSite, tmp_path: Path
) -> None:
    # Longer than a socket's path may be (unix(7)).
    directory = tmp_path / ("d" * 60) / ("e" * 60)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    with Scene(site, directory, {**ONE_WORKER_EACH, "TMPDIR": str(temporary)}) as scene:
        own = scene.data_dir / "tmp"
        scene.send("/clip/first-life.mp4")
        scene.wait_for_answers()
        (left,) = own.iterdir()
        scene.bot.kill()
        scene.restart_after_death()
        scene.send("/clip/second-life.mp4")
        scene.wait_for_answers(2)
        assert left not in list(own.iterdir()), "the start has removed it"
        scene.bot.terminate()
        assert scene.bot.wait() == 0
        assert list(own.iterdir()) == []
        assert list(temporary.iterdir()) == []


def test_directory_for_temporary_files_may_be_removed_while_the_bot_runs(
    site: MediaSite, tmp_path: Path
) -> None:
    with Scene(site, tmp_path, ONE_WORKER_EACH) as scene:
        scene.send("/clip/before.mp4")
        scene.wait_for_answers()
        shutil.rmtree(scene.data_dir / "tmp")
        for pid in (*scene.workers("telegram"), *scene.workers("downloads")):
            os.kill(pid, signal.SIGKILL)
        scene.send("/clip/after.mp4")
        scene.wait_for_answers(2)


def remove_the_ledger(data_dir: Path) -> None:
    for path in data_dir.glob("ledger*"):
        path.unlink()


def put_another_directory_there(data_dir: Path) -> None:
    data_dir.rename(data_dir.with_name("old"))
    data_dir.mkdir(0o700)
    back_up(data_dir.with_name("old") / "ledger.sqlite3", data_dir / "ledger.sqlite3")


@pytest.mark.parametrize("take", [remove_the_ledger, put_another_directory_there])
def test_bot_whose_ledger_was_taken_away_goes_on_with_one(
    take: Callable[[Path], None], site: MediaSite, tmp_path: Path
) -> None:
    with (
        receiving_pings() as receiver,
        Scene(site, tmp_path, {**ONE_WORKER_EACH, "HEALTH_URL": receiver.url}) as scene,
    ):
        scene.send("/clip/before.mp4")
        scene.wait_for_answers()
        take(scene.data_dir)
        scene.send("/clip/after.mp4")
        assert scene.bot.wait() == 70
        assert "replaced or removed" in scene.bot.log
        receiver.wait_for("replaced or removed")
        scene.restart_after_death()
        scene.wait_for_answers(2)
        assert scene.ledger("SELECT count(*) FROM requests") == [(2,)]


@pytest.mark.parametrize("is_removed", [False, True])
def test_second_bot_in_one_directory_refuses(
    site: MediaSite, tmp_path: Path, is_removed: bool
) -> None:
    with Scene(site, tmp_path, ONE_WORKER_EACH) as scene:
        if is_removed:
            # As people do who take it for left over.
            lock = scene.data_dir / "lock"
            lock.unlink()
            scene.api.wait_for(lambda: lock.exists() and lock.read_text() == f"{scene.bot.pid}\n")
        env = {**scene.bot.env}
        done = subprocess.run(
            [sys.executable, BOT],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 75
        assert "Another bot uses DATA_DIR" in done.stderr
        scene.send("/clip/first-bot-goes-on.mp4")
        scene.wait_for_answers()


def test_stop_just_after_the_start_was_counted_is_no_crash(tmp_path: Path) -> None:
    script = tmp_path / "hasty.py"
    script.write_text(
        f"import os, signal, sys; sys.path.insert(0, {str(BOT.parent)!r}); import bot\n"
        "hide = bot._hide_main_module\n"
        "bot._hide_main_module = lambda: (hide(), os.kill(os.getpid(), signal.SIGTERM))\n"
        "if __name__ == '__main__': sys.exit(bot.main(sys.argv[1:]))\n"
    )
    env = {"PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path / "data"), **SETTINGS}
    command = [sys.executable, str(script)]
    first, second = (
        subprocess.run(command, cwd=tmp_path, env=env, stderr=subprocess.PIPE, check=False)
        for _ in range(2)
    )
    assert (first.returncode, second.returncode) == (0, 0)
    assert b"How the last run ended: stopped." in second.stderr


def test_idle_bot_stops_in_the_middle_of_a_poll(site: MediaSite, tmp_path: Path) -> None:
    with Scene(site, tmp_path, ONE_WORKER_EACH) as scene:
        os.kill(scene.bot.pid, signal.SIGHUP)
        said = ("SIGHUP changes nothing: sites.toml is read", "The dispatcher starts")
        scene.api.wait_for(lambda: all(words in scene.bot.log for words in said))
        polls = [call for call in scene.api.calls if call.method == "getUpdates"]
        scene.bot.terminate()
        assert scene.bot.wait() == 0
        assert polls[-1].status is None, "the poll of 25 s was still open"


def test_two_pollers_are_named(site: MediaSite, tmp_path: Path) -> None:
    with Scene(site, tmp_path, ONE_WORKER_EACH) as scene:
        Client(scene.api.url, scene.api.token).call("getUpdates", timeout=0)
        scene.api.wait_for(lambda: "Another program or a webhook" in scene.bot.log)
        scene.send("/clip/after-a-conflict.mp4")
        scene.wait_for_answers()


def test_without_ffmpeg_the_bot_warns_and_works(site: MediaSite, tmp_path: Path) -> None:
    with Scene(site, tmp_path, {**ONE_WORKER_EACH, "PATH": str(tmp_path)}) as scene:
        assert "ffmpeg and ffprobe not found" in scene.bot.log
        scene.send("/clip/no-ffmpeg.mp4")
        (answer,) = scene.wait_for_answers()
        assert answer.kind == "video"


def test_refused_token_ends_the_bot(tmp_path: Path) -> None:
    with BotApi() as api:
        bot = BotProcess(api, tmp_path / "data", {"BOT_TOKEN": "123456:" + "b" * 35})
        bot.start()
        assert bot.wait() == 78
        assert "Telegram refuses BOT_TOKEN" in bot.log
        assert "b" * 35 not in bot.log
        bot.wait_for_empty_tree()


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({}, "BOT_TOKEN is not set"),
        ({"BOT_TOKEN": "rubbish"}, "BOT_TOKEN"),
        ({**SETTINGS, "DOWNLOAD_WORKERS": "many"}, "DOWNLOAD_WORKERS"),
        ({**SETTINGS, "DATA_DIR": "/proc/nowhere"}, "DATA_DIR /proc/nowhere"),
    ],
    ids=["no token", "malformed token", "wrong number", "unwritable directory"],
)
def test_wrong_settings_end_the_bot_with_one_line(
    env: dict[str, str], words: str, tmp_path: Path
) -> None:
    done = run_bot(tmp_path, env)
    assert done.returncode == 78
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "rubbish" not in done.stderr


CLOSED = """
import os, sys
sys.path.insert(0, sys.argv[1])
from worker.processes import process_setup
process_setup.open_closed_stdio()
file = open("next-file", "w")
assert file.fileno() > 2
for stream in (sys.stdout, sys.stderr):
    print("nobody reads this", file=stream, flush=True)
assert sys.stdin.read() == ""
os._exit(42)
"""


def test_closed_standard_streams_are_no_files_of_ours(tmp_path: Path) -> None:
    command = 'exec "$0" -c "$1" "$2" <&- >&- 2>&-'
    arguments = ["sh", "-c", command, sys.executable, CLOSED, str(BOT.parent)]
    done = subprocess.run(arguments, cwd=tmp_path, check=False)
    assert done.returncode == 42
    assert (tmp_path / "next-file").read_text() == ""


@pytest.mark.parametrize("content", [b"not a database " * 100, None])
def test_strange_ledger_is_refused_and_kept(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "data" / "ledger.sqlite3"
    path.parent.mkdir(mode=0o700)
    if content is None:
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE somebody_elses (value)")
        connection.close()
    else:
        path.write_bytes(content)
    before = path.read_bytes()
    done = run_bot(tmp_path, SETTINGS)
    assert done.returncode == 78
    assert "ledger" in done.stderr
    assert path.read_bytes() == before
