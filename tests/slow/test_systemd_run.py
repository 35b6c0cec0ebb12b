"""A real systemd with the unit that `maintenance unit systemd` prints: READY, hang, kill, stop."""

import os
import re
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.api import BotApi
from tests.sandbox.site import MediaSite
from tests.support import systemd_kit
from tests.support.ping_receiver import PingReceiver, receiving_pings
from tests.support.scene import CHAT
from tests.support.systemd_kit import HOME, PYTHON, USER, Systemd

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.skipif(bool(systemd_kit.why_not()), reason=str(systemd_kit.why_not())),
    pytest.mark.timeout(240),
]

UNIT = "fetchbot.service"


class Installed:
    """A bot that systemd runs, with a stand-in for Telegram and one for healthchecks.io."""

    def __init__(self, systemd: Systemd, api: BotApi, receiver: PingReceiver) -> None:
        self.systemd = systemd
        self.api = api
        self.receiver = receiver
        self.log = systemd.home / "fetchbot.log"
        self.log.write_text("")

    def configure(self, **settings: str) -> None:
        """Write `.env`, as the bot's user would."""
        all_settings = {
            "BOT_TOKEN": self.api.token,
            "TELEGRAM_API_URL": self.api.url,
            "ALLOWED_NETWORKS": "127.0.0.0/8",
            "HEALTH_URL": self.receiver.url,
            "QUEUE_RETRY_AFTER": "1",
            **settings,
        }
        env = self.systemd.home / ".env"
        env.write_text("".join(f"{name}={value}\n" for name, value in all_settings.items()))
        env.chmod(0o600)
        assert self.systemd.inside("chown", USER, ".env")[0] == 0

    def typed(self, *arguments: str) -> tuple[int, str]:
        """What root is told by a command of the bot's own."""
        return self.systemd.inside(PYTHON, *arguments)

    def print_unit(self) -> str:
        code, text = self.typed("-m", "maintenance", "unit", "systemd", "--user", USER)
        assert code == 0, text
        return text

    def state(self, *names: str) -> list[str]:
        found = self.systemd.show(UNIT, *names)
        return [found[name] for name in names]

    def pid(self) -> int:
        """The main process's, as systemd knows it."""
        return int(self.state("MainPID")[0])

    def signal_main(self, number: int) -> None:
        """A signal to the main process."""
        command = ["kill", f"-{number}", str(self.pid())]
        assert self.systemd.inside(*command)[0] == 0

    def start(self) -> None:
        code, said = self.systemd.control("start", UNIT)
        assert code == 0, (said, self.log.read_text(), self.systemd.console)

    def media(self) -> int:
        return sum(message.media is not None for message in self.api.chat(CHAT))

    def answers_link(self, link: str) -> None:
        """A link that is sent is answered with the media."""
        before = self.media()
        self.api.say(link, CHAT)
        self.api.wait_for(lambda: self.media() > before, 90)

    def downloads(self) -> list[Path]:
        return list((self.systemd.home / "data/downloads").glob("*"))


@pytest.fixture(scope="module")
def systemd() -> Iterator[Systemd]:
    # pytest's own directories are closed to other users.
    with tempfile.TemporaryDirectory(prefix="systemd-") as directory:
        Path(directory).chmod(0o755)
        with Systemd(Path(directory)) as started:
            deadline = time.monotonic() + 30
            while not started.is_up:
                assert time.monotonic() < deadline, started.console
                time.sleep(0.1)
            assert started.inside("mkdir", "-m", "700", "data", user=USER)[0] == 0
            yield started


@pytest.fixture
def bot(systemd: Systemd) -> Iterator[Installed]:
    with BotApi() as api, receiving_pings() as receiver:
        made = Installed(systemd, api, receiver)
        made.configure()
        systemd.add(
            UNIT, made.print_unit(), StandardOutput=f"append:{HOME}/fetchbot.log", WatchdogSec="12"
        )
        try:
            yield made
        except BaseException:
            print(made.log.read_text(), systemd.console, sep="\n")
            raise
        finally:
            systemd.control("kill", "--signal=KILL", UNIT)
            systemd.control("stop", UNIT)
            systemd.control("reset-failed", UNIT)
            systemd.inside("find", "data", "-mindepth", "1", "-delete")


def test_it_is_ready_answers_and_is_confined_as_it_is_without_systemd(
    bot: Installed, site: MediaSite
) -> None:
    began = time.monotonic()
    bot.start()
    assert time.monotonic() - began < 90, "the start ends with READY, not with its time"
    assert bot.state("ActiveState", "SubState") == ["active", "running"]
    bot.answers_link(f"{site.url}/clip/by-systemd.mp4")
    alone = bot.systemd.inside(PYTHON, "-c", _NETWORK, user=USER)[1].strip()
    said = bot.typed("-m", "maintenance", "health", "--json")[1]
    assert f'"network": "{alone}"' in said, (alone, said)


_NETWORK = "from worker.downloads.confinement import network; print(network.active())"


def test_the_check_finds_the_same_within_the_unit(bot: Installed) -> None:
    """Landlock, namespaces and the JavaScript runtime work behind the unit's hardening."""
    alone = bot.systemd.inside(PYTHON, "bot.py", "--check", user=USER)[1]
    text = bot.print_unit()
    for before, after in (("notify", "oneshot"), ("bot.py", "bot.py --check")):
        text = text.replace(before, after)
    text = re.sub("(?m)^(Restart|Watchdog|NotifyAccess).*$", "", text)
    (bot.systemd.home / "check.log").write_text("")
    bot.systemd.add("check.service", text, StandardOutput=f"append:{HOME}/check.log")
    code, said = bot.systemd.control("start", "check.service")
    within = (bot.systemd.home / "check.log").read_text()
    assert code == 0, (said, within)
    assert _verdicts(within) == _verdicts(alone)
    assert _about(within, "network") == _about(alone, "network")


def _verdicts(text: str) -> list[list[str]]:
    """The first two words of each line: how it is, and what."""
    return [line.split()[:2] for line in text.splitlines() if line[:1].strip()]


def _about(text: str, name: str) -> list[str]:
    return [line for line in text.splitlines() if line.split()[1:2] == [name]]


def test_a_hang_of_the_whole_process_is_ended_and_it_works_again(
    bot: Installed, site: MediaSite
) -> None:
    bot.start()
    first = bot.pid()
    bot.signal_main(signal.SIGSTOP)
    bot.api.wait_for(lambda: bot.state("NRestarts") == ["1"], 60)
    bot.api.wait_for(lambda: bot.state("ActiveState") == ["active"], 60)
    assert bot.pid() != first
    bot.answers_link(f"{site.url}/clip/after-the-hang.mp4")
    bot.receiver.wait_for("the last run ended")


def test_a_kill_costs_no_link(bot: Installed, site: MediaSite) -> None:
    bot.start()
    bot.api.say(f"{site.url}/slow/killed-under-systemd.mp4?seconds=4", CHAT)
    bot.api.wait_for(bot.downloads)
    bot.signal_main(signal.SIGKILL)
    bot.api.wait_for(lambda: bot.media() == 1, 90)
    assert bot.state("NRestarts", "ActiveState") == ["1", "active"]
    bot.receiver.wait_for("how the last run ended: not recorded")


def test_a_stop_during_a_download_ends_all_in_time(bot: Installed, site: MediaSite) -> None:
    bot.configure(SHUTDOWN_GRACE="2")
    bot.systemd.add(
        UNIT, bot.print_unit(), StandardOutput=f"append:{HOME}/fetchbot.log", WatchdogSec="12"
    )
    bot.start()
    bot.api.say(f"{site.url}/slow/stopped-by-systemd.mp4?seconds=30", CHAT)
    bot.api.wait_for(bot.downloads)
    assert bot.systemd.control("stop", UNIT)[0] == 0
    state = bot.state("ActiveState", "Result", "ExecMainStatus", "TimeoutStopUSec")
    assert state == ["inactive", "success", "0", "17s"]
    assert bot.systemd.processes(UNIT) == []
    assert "The bot has stopped." in bot.log.read_text()


@pytest.mark.parametrize("token", ["123456:" + "x" * 35, "nonsense"])
def test_a_wrong_token_is_not_tried_again(bot: Installed, token: str) -> None:
    bot.configure(BOT_TOKEN=token)
    bot.systemd.control("start", UNIT)
    bot.api.wait_for(lambda: bot.state("ActiveState") == ["failed"], 60)
    assert bot.state("ExecMainStatus", "SubState", "NRestarts") == ["78", "failed", "0"]
    bot.receiver.wait_for("BOT_TOKEN")
    assert bot.receiver.good == 0


def test_a_thread_that_hangs_ends_the_bot_and_it_is_started_again(bot: Installed) -> None:
    script = bot.systemd.home / "hangs_once.py"
    script.write_text(_HANGS_ONCE)
    unit = bot.print_unit().replace("python bot.py", "python hangs_once.py")
    bot.systemd.add(UNIT, unit, StandardOutput=f"append:{HOME}/fetchbot.log")
    bot.systemd.control("start", "--no-block", UNIT)
    bot.receiver.wait_for("Thread dispatcher is stuck", 60)
    bot.api.wait_for(lambda: bot.state("NRestarts", "ActiveState") == ["1", "active"], 60)
    assert os.path.exists(bot.systemd.home / "data/hung")


_HANGS_ONCE = """
import sys, time
from pathlib import Path
import bot
from maintenance import runs, thread_watch
from worker.dispatch.dispatcher import Dispatcher

runs.FIRST_PAUSE_S = 0.1
mark = Path("data/hung")
if __name__ == "__main__":
    if not mark.exists():
        mark.touch()
        thread_watch.DISPATCHER_STALL_S = 1.0
        Dispatcher.run = lambda self: time.sleep(600)
    sys.exit(bot.main(sys.argv[1:]))
"""
