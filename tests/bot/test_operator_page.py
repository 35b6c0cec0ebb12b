"""What maintenance/README.md tells operators to type does what it says, on a running bot."""

import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.bot_process import BotProcess
from tests.sandbox.patience import PATIENCE_S
from tests.sandbox.site import MediaSite
from tests.support.operator_kit import ROOT
from tests.support.scene import CHAT, TESTED_BOT, Scene
from tests.support.terminal import Terminal
from tests.support.wheels import make_ytdlp, pip_variables
from worker.downloads.ytdlp.packages.installed import installed_version

PAGE = (ROOT / "maintenance" / "README.md").read_text("utf-8")
# What is typed on a server before there is a bot is typed by another test.
TYPED_HERE = re.sub(r"\n## On a server\n.*?(?=\n## )", "", PAGE, flags=re.DOTALL)
BLOCKS = "\n".join(re.findall(r"```sh\n(.*?)```", TYPED_HERE, re.DOTALL))
COMMANDS = [line.split("  #")[0].strip() for line in BLOCKS.splitlines() if line]
(BACKUP,) = [command for command in COMMANDS if " backup " in command]
(RESTORE,) = [command for command in COMMANDS if " restore " in command]
UPDATES = [command for command in COMMANDS if " update" in command]
(LIVE,) = [command for command in COMMANDS if command.endswith(" top")]
(CRON,) = re.findall(r"```cron\n(?:\S+ ){5}(.*)\n```", PAGE)
EXPORTER = "/var/lib/prometheus/node-exporter/fetchbot.prom"
OTHER_CHAT = CHAT + 1
PROTECTIONS = re.findall(r"^\| `((?:kill|mkdir|prlimit)[^`]*)`", PAGE, re.MULTILINE)


def run(scene: Scene, command: str) -> subprocess.CompletedProcess[str]:
    """Type a command in the directory where the bot's `data` is."""
    return type_in(scene.data_dir.parent, command)


def type_in(
    directory: Path, command: str, timeout_s: float = PATIENCE_S, **env: str
) -> subprocess.CompletedProcess[str]:
    shown = command.replace(".venv/bin/python", shlex.quote(sys.executable))
    return subprocess.run(
        ["sh", "-c", shown],
        cwd=directory,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **env},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def watch(scene: Scene) -> None:
    """Type the command of the live view on a terminal, and end the view."""
    shown = LIVE.replace(".venv/bin/python", shlex.quote(sys.executable))
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TERM": "vt100"}
    with Terminal(["sh", "-c", shown], scene.data_dir.parent, env, 80, 24) as terminal:
        terminal.wait_for(
            lambda screen: f"bot {scene.bot.pid} for" in screen and "q quit" in screen
        )
        terminal.type("q")
        assert terminal.end() == 0


@pytest.fixture(scope="module")
def shared(site: MediaSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with Scene(site, tmp_path_factory.mktemp("shared")) as scene:
        yield scene


@pytest.fixture
def scene(shared: Scene) -> Iterator[Scene]:
    """A bot that these tests share; what one has ended is started again for the next."""
    with shared.told():
        if not shared.bot.is_running:
            shared.restart_after_death()
        shared.wait_until_idle()
        yield shared


def failed_job(scene: Scene) -> int:
    """A link that failed for good, and its job."""
    before = len(scene.answers())
    scene.send("/404.mp4")
    scene.wait_for_answers(before + 1)
    ((job,),) = scene.ledger("SELECT max(id) FROM jobs WHERE state = 'failed'")
    return int(job)


def test_page_has_every_command() -> None:
    for command in ("health", "zombies --kill", "orphans --delete", "failed show", "failed retry"):
        assert any(f"-m maintenance {command}" in shown for shown in COMMANDS)
    for command in ("update --check", "update --rollback", "update --version"):
        assert any(f"-m maintenance {command}" in shown for shown in COMMANDS)
    assert len(PROTECTIONS) == 6


def test_every_command_of_the_page_runs(scene: Scene) -> None:
    home = scene.data_dir.parent
    for command in COMMANDS:
        if command in (RESTORE, *UPDATES):  # below
            continue
        if command == LIVE:
            watch(scene)
            continue
        if "ID" in command.split():
            is_of_job = " failed " in command
            command = command.replace("ID", str(failed_job(scene)) if is_of_job else "1")
        done = run(scene, command)
        # 2 is for a disk or a yt-dlp of this machine that is not well.
        allowed = {0, 1, 2} if " health" in command else {0, 1}
        assert done.returncode in allowed, (command, done.stdout, done.stderr)
        assert done.stderr == "", command
        if "retry" in command:
            scene.wait_for_answers(len(scene.answers()) or 1)
    assert "fetchbot_up 1" in (home / "fetchbot.prom").read_text()
    (user, line), target = CRON.split(maxsplit=1), home / "cron.prom"
    line = line.replace("/opt/fetchbot", str(home)).replace(EXPORTER, str(target))
    done = run(scene, f"cd / && {line}")
    assert (user, done.stdout, done.stderr) == ("root", "", "")
    assert "fetchbot_up 1" in target.read_text()
    assert stat.S_IMODE(target.stat().st_mode) == 0o644, "the exporter is another user"
    backup = (home / "ledger-backup.sqlite3").stat()
    assert backup.st_size > 10_000
    assert stat.S_IMODE(backup.st_mode) == 0o600, "it holds people's links"
    scene.api.wait_for(lambda: not scene.ledger("SELECT 1 FROM jobs WHERE state = 'running'"))


@pytest.mark.timeout(400)  # a new yt-dlp is tried
@pytest.mark.usefixtures("needs_ffmpeg", "needs_deno")
def test_updates_do_what_the_page_says_without_a_bot_too(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    make_ytdlp(tmp_path / "index", "2099.1.1")
    own = installed_version() or ""
    came: list[tuple[int, str]] = []
    for command in UPDATES:
        typed = re.sub(r"(?<=--version )\S+", own, command)
        done = type_in(tmp_path, typed, 350, **pip_variables(tmp_path / "index"))
        assert done.stderr == "", typed
        came.append((done.returncode, done.stdout.partition("\n")[0]))
    assert came == [
        (1, "2099.1.1 is new."),
        (0, f"2099.1.1 takes over from {own}."),
        (0, f"{own} is in use again in place of 2099.1.1."),
        (0, came[3][1]),
        (0, f"{own} is in use already."),
    ]
    assert "2099.1.1 was taken back on" in came[3][1]


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_backup_is_restored_as_the_page_says(end: str, site: MediaSite, tmp_path: Path) -> None:
    with Scene(site, tmp_path) as scene:
        scene.send("/clip/before-the-backup.mp4")
        scene.wait_for_answers(1)
        assert run(scene, BACKUP).returncode == 0
        scene.send("/clip/after-the-backup.mp4")
        scene.wait_for_answers(2)
        refused = run(scene, RESTORE)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert "stop it first" in refused.stderr
        if end == "kill":
            scene.bot.kill()
        else:
            scene.bot.terminate()
            assert scene.bot.wait() == 0
            assert [path.name for path in scene.data_dir.glob("ledger*")] == ["ledger.sqlite3"]
        restored = run(scene, RESTORE)
        assert (restored.returncode, restored.stderr) == (0, "")
        assert "ledger.sqlite3.replaced-1" in restored.stdout
        assert len(scene.ledger("SELECT 1 FROM requests")) == 1
        scene.bot.start()
        scene.send("/clip/after-the-restoration.mp4")
        scene.wait_for_answers(3)


def test_a_bot_moves_to_another_machine_as_the_page_says(site: MediaSite, tmp_path: Path) -> None:
    (move,) = re.findall(r"^\*\*Another machine\*\*: (.*)$", PAGE, re.MULTILINE)
    make, check = re.findall(r"`((?:mkdir|bot\.py) [^`]+)`", move)
    old, new = tmp_path / "old", tmp_path / "new"
    new.mkdir()
    old.mkdir()
    with Scene(site, old) as scene:
        scene.send("/clip/moved.mp4")
        scene.wait_for_answers(1)
        with site.holding("/slow/moving.mp4"):
            scene.send("/slow/moving.mp4?seconds=0")
            scene.wait_for_status("Downloading")
            scene.bot.kill()
        scene.bot.wait_for_empty_tree()
        assert run(scene, BACKUP).returncode == 0
        shutil.copy2(old / BACKUP.split()[-1], new)
        settings = {"BOT_TOKEN": scene.api.token, "TELEGRAM_API_URL": scene.api.url}
        for command in (make, RESTORE, f".venv/bin/python {ROOT}/{check}"):
            done = type_in(new, command, PATIENCE_S, **settings)
            assert (done.returncode, done.stderr) == (0, ""), (command, done.stdout)

        scene.data_dir = new / "data"
        scene.bot = BotProcess(scene.api, scene.data_dir, {}, script=TESTED_BOT)
        scene.bot.start()
        _, moving = scene.wait_for_answers(2)
        assert moving.media
        fetched = len(site.requests)
        scene.send("/clip/moved.mp4")
        assert scene.wait_for_answers(3)[-1].media
        assert len(site.requests) == fetched, "Telegram has it, and the new bot knows"


KILL, STOP, KILL_BOT, END_BOT, ABANDON, LIMITS = PROTECTIONS


def test_protections_of_downloads_can_be_seen(site: MediaSite, tmp_path: Path) -> None:
    # A new one: what is stopped continues at its next look, which comes each minute.
    with Scene(site, tmp_path) as scene:
        with site.holding("/slow/protected.mp4"):
            scene.send("/slow/protected.mp4?seconds=0")
            (ytdlp,) = scene.api.wait_for(lambda: scene.workers("yt-dlp"))
            assert run(scene, KILL.replace("PID", str(ytdlp))).returncode == 0
        scene.wait_for_answers(1)

        with site.holding("/slow/protected-again.mp4"):
            scene.send("/slow/protected-again.mp4?seconds=0")
            (ytdlp,) = scene.api.wait_for(lambda: scene.workers("yt-dlp"))
            assert run(scene, STOP.replace("PID", str(ytdlp))).returncode == 0
            listed = run(scene, ".venv/bin/python -m maintenance zombies").stdout
            assert re.search(rf"^ *{ytdlp} .* stopped ", listed, re.MULTILINE)
            os.kill(ytdlp, signal.SIGCONT)
        scene.wait_for_answers(2)

        assert run(scene, ABANDON).returncode == 0
        assert "999999-1" in run(scene, ".venv/bin/python -m maintenance orphans").stdout
        run(scene, ".venv/bin/python -m maintenance orphans --delete")
        assert scene.directories() == []

        worker = scene.workers("downloads")[0]
        shown = run(scene, LIMITS.replace("PID", str(worker)))
        assert str(512 * 2**20) in shown.stdout, shown


def test_protections_of_the_bot_can_be_seen(scene: Scene) -> None:
    with scene.site.holding("/slow/protected-third.mp4"):
        scene.send("/slow/protected-third.mp4?seconds=0", OTHER_CHAT)
        scene.api.wait_for(lambda: scene.workers("yt-dlp"))
        scene.bot.tree()
        assert run(scene, KILL_BOT).returncode == 0
        scene.bot.wait()
    scene.bot.wait_for_empty_tree()
    scene.restart_after_death()
    scene.wait_for_answers(1, OTHER_CHAT)

    assert run(scene, END_BOT).returncode == 0
    assert scene.bot.wait() == 0


@pytest.mark.parametrize("word", ["High memory", "Zombies", "Orphaned files", "Crashing workers"])
def test_troubleshooting_knows(word: str) -> None:
    assert f"**{word}**" in PAGE
