"""A real supervisord with supervisor.conf: start, kill, stop, restart, a bad token, the log."""

import getpass
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.sandbox.api import BotApi
from tests.sandbox.site import MediaSite
from tests.support.operator_kit import ROOT
from tests.support.ping_receiver import receiving_pings
from tests.support.scene import CHAT, TESTED_BOT
from worker.processes import process_table

PROGRAM = "fetchbot"

LISTENER = "[eventlistener:fetchbot-listener]"
"""Among the changes, it takes the event listener's lines in."""


class Supervised:
    """The shipped configuration with this machine's paths and user, run by supervisord."""

    def __init__(self, api: BotApi, home: Path, changes: Mapping[str, str]) -> None:
        self.api = api
        self.home = home
        self.data_dir = home / "data"
        self.log = home / "fetchbot.log"
        self.settings: dict[str, str] = {
            "BOT_TOKEN": api.token,
            "TELEGRAM_API_URL": api.url,
            "DATA_DIR": str(self.data_dir),
            "ALLOWED_NETWORKS": "127.0.0.0/8",
            "QUEUE_RETRY_AFTER": "1",
        }
        self._conf = home / "supervisord.conf"
        text = (ROOT / "supervisor.conf").read_text("utf-8")
        if LISTENER in changes:
            text = re.sub(r"^;(?=\[eventlistener|[a-z_]+=)", "", text, flags=re.MULTILINE)
        here = {
            "directory=/opt/fetchbot": f"directory={home}",
            "/opt/fetchbot/.venv/bin/python bot.py": f"{sys.executable} {TESTED_BOT}",
            "/opt/fetchbot/.venv/bin/python -m": f"{sys.executable} -m",
            "/var/log/supervisor/fetchbot.log": str(self.log),
            "/var/log/supervisor/fetchbot-listener.log": str(home / "listener.log"),
            "user=fetchbot": f"user={getpass.getuser()}",
        }
        for shipped, changed in {**here, **changes}.items():
            assert shipped in text
            text = text.replace(shipped, changed)
        (home / "fetchbot.conf").write_text(text)
        self._conf.write_text(_SUPERVISORD.format(home=home, user=getpass.getuser()))
        self._daemon: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start supervisord, which starts the bot."""
        lines = "".join(f"{name}={value}\n" for name, value in self.settings.items())
        (self.home / ".env").write_text(lines)
        (self.home / ".env").chmod(0o600)
        self._daemon = subprocess.Popen(
            [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", self._conf],
            env={"PATH": os.environ["PATH"]},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.api.wait_for((self.home / "sock").exists)

    def control(self, *arguments: str) -> str:
        """What supervisorctl says."""
        done = subprocess.run(
            [sys.executable, "-m", "supervisor.supervisorctl", "-c", self._conf, *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr

    def pid(self) -> int:
        """The bot's, once it runs."""
        pid: int = self.api.wait_for(lambda: int("0" + self.control("pid", PROGRAM).strip()))
        return pid

    def wait_until_polling(self, beyond: int = 0) -> None:
        """Until it has polled more often than that."""
        self.api.wait_for(lambda: self.polls() > beyond)

    def polls(self) -> int:
        return sum(call.method == "getUpdates" for call in self.api.calls)

    def history(self) -> str:
        """What supervisord has noted."""
        return (self.home / "supervisord.log").read_text()

    def ytdlp(self) -> list[int]:
        tag = process_table.instance_tag(self.data_dir)
        return [process.pid for process in process_table.tagged(tag) if process.name == "yt-dlp"]

    def left(self) -> list[str]:
        """What is left of the bot: processes and download directories."""
        tag = process_table.instance_tag(self.data_dir)
        names = [process.name for process in process_table.tagged(tag)]
        return names + [path.name for path in (self.data_dir / "downloads").glob("*")]

    def media(self) -> int:
        return sum(message.media is not None for message in self.api.chat(CHAT))

    def close(self) -> None:
        if self._daemon is not None:
            self._daemon.terminate()
            self._daemon.wait(60)


_SUPERVISORD = """
[unix_http_server]
file={home}/sock
[supervisord]
logfile={home}/supervisord.log
pidfile={home}/supervisord.pid
user={user}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://{home}/sock
[include]
files={home}/fetchbot.conf
[program:other]
command=sleep 60
autostart=false
startsecs=3
"""


@contextmanager
def supervised(changes: Mapping[str, str] | None = None, **settings: str) -> Iterator[Supervised]:
    # A socket's path may have 107 bytes, and pytest's directories are longer.
    with tempfile.TemporaryDirectory(prefix="sv-") as home, BotApi() as api:
        made = Supervised(api, Path(home), changes or {})
        made.settings.update(settings)
        try:
            made.start()
            yield made
        except BaseException:
            print(made.history(), made.log.read_text() if made.log.exists() else "")
            raise
        finally:
            made.close()
        api.wait_for(lambda: not [p for p in made.left() if not p[0].isdigit()])


def test_start_status_and_restart() -> None:
    with supervised() as bot:
        bot.wait_until_polling()
        bot.api.wait_for(lambda: "RUNNING" in bot.control("status", PROGRAM))
        first = bot.pid()
        polls = bot.polls()
        bot.control("restart", PROGRAM)
        bot.wait_until_polling(polls)
        assert bot.pid() != first
        assert "The bot has stopped." in bot.log.read_text()
        assert "WARN killing" not in bot.history(), "TERM was enough"


def test_killed_in_the_middle_of_a_download_it_answers_once(site: MediaSite) -> None:
    with supervised() as bot:
        bot.wait_until_polling()
        bot.api.say(f"{site.url}/slow/supervised.mp4?seconds=4", CHAT)
        bot.api.wait_for(bot.ytdlp)
        first = bot.pid()
        os.kill(first, signal.SIGKILL)
        bot.api.wait_for(bot.media)
        assert bot.pid() != first
        bot.api.wait_for(lambda: not any((bot.data_dir / "downloads").iterdir()))
        assert bot.media() == 1
        assert "not expected" in bot.history()


def test_stopped_in_the_middle_of_a_download_it_is_down_in_time(site: MediaSite) -> None:
    with supervised(SHUTDOWN_GRACE="1") as bot:
        bot.wait_until_polling()
        bot.api.say(f"{site.url}/slow/stopped.mp4?seconds=20", CHAT)
        bot.api.wait_for(bot.ytdlp)
        assert "stopped" in bot.control("stop", PROGRAM)
        assert "STOPPED" in bot.control("status", PROGRAM)
        assert bot.left() == []
        assert "killing" not in bot.history(), "it ended by itself, within stopwaitsecs"


def test_what_does_not_heed_term_is_killed_with_all_below(site: MediaSite) -> None:
    with supervised({"stopwaitsecs=45": "stopwaitsecs=2"}) as bot:
        bot.wait_until_polling()
        bot.api.say(f"{site.url}/slow/hangs.mp4?seconds=20", CHAT)
        bot.api.wait_for(bot.ytdlp)
        os.kill(bot.pid(), signal.SIGSTOP)
        bot.control("stop", PROGRAM)
        assert "killing" in bot.history()
        bot.api.wait_for(lambda: not [name for name in bot.left() if not name[0].isdigit()])


@pytest.mark.parametrize(
    ("token", "words"),
    [("123456:" + "x" * 35, "Telegram refuses BOT_TOKEN"), ("nonsense", "BOT_TOKEN (not shown)")],
)
def test_bad_token_is_not_tried_again(token: str, words: str) -> None:
    # What it does for supervisor at its end stands in its own file.
    with supervised({str(TESTED_BOT): f"{ROOT}/bot.py"}, BOT_TOKEN=token) as bot:
        bot.api.wait_for(lambda: "exit status 78; expected" in bot.history())
        assert "EXITED" in bot.control("status", PROGRAM)
        # Three seconds of supervisor's own, in which it would have started it again.
        bot.control("start", "other")
        assert "RUNNING" in bot.control("status", "other")
        assert bot.history().count(f"spawned: '{PROGRAM}'") == 1
        assert words in bot.log.read_text()


def test_bot_that_cannot_even_begin_is_started_ever_more_slowly(tmp_path: Path) -> None:
    script = tmp_path / "bot.py"
    script.write_text("import no_such_module")
    with supervised({str(TESTED_BOT): str(script)}) as bot:
        began = time.monotonic()
        bot.api.wait_for(lambda: bot.history().count(f"spawned: '{PROGRAM}'") >= 4)
        # Pauses of 1 s, 2 s and 3 s.
        assert time.monotonic() - began > 5
        assert "BACKOFF" in bot.control("status", PROGRAM)
        script.write_text(f"import runpy\nrunpy.run_path({str(TESTED_BOT)!r}, run_name='__main__')")
        bot.api.wait_for(bot.polls)


def test_the_listener_tells_what_the_bot_cannot(tmp_path: Path) -> None:
    script = tmp_path / "bot.py"
    script.write_text("import no_such_module")
    in_tree = {LISTENER: f"{LISTENER}\nenvironment=PYTHONPATH={ROOT}"}
    with receiving_pings() as receiver:
        changes = {str(TESTED_BOT): str(script), **in_tree}
        with supervised(changes, HEALTH_URL=receiver.url) as bot:
            receiver.wait_for("fetchbot cannot be started: 3 tries have ended at once")
            script.write_text("import time; time.sleep(600)")
            bot.api.wait_for(lambda: "RUNNING" in bot.control("status", PROGRAM))
            os.kill(bot.pid(), signal.SIGKILL)
            receiver.wait_for("fetchbot has ended unexpectedly and is started again")
        assert receiver.good == 0


def test_log_is_rotated() -> None:
    change = {"stdout_logfile_maxbytes=10MB": "stdout_logfile_maxbytes=200"}
    with supervised(change) as bot:
        bot.wait_until_polling()
        bot.control("stop", PROGRAM)
        backups = sorted(path.name for path in bot.home.glob("fetchbot.log.*"))
        assert backups[0] == "fetchbot.log.1"
        assert len(backups) <= 5
