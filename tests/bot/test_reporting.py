"""What is heard of a bot outside of Telegram, through a stop, a kill, a hang and a bad token."""

import json
import os
import signal
import socket
import urllib.error
import urllib.request
from pathlib import Path

from tests.sandbox.api import BotApi
from tests.sandbox.bot_process import BotProcess
from tests.sandbox.site import MediaSite
from tests.support.memory_group import memory_group
from tests.support.metrics_rules import broken_rules
from tests.support.operator_kit import ROOT
from tests.support.ping_receiver import receiving_pings
from tests.support.scene import CHAT, ONE_WORKER_EACH, Scene

QUICK = {"IN_MAIN": "tests.support.quick_schedule"}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def fetch(port: int, path: str) -> tuple[int, str]:
    """What the bot's own server answers; 0 for nothing in time."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def test_a_bot_is_heard_until_it_hangs_and_after_it_was_killed(
    site: MediaSite, tmp_path: Path
) -> None:
    port = free_port()
    with (
        receiving_pings() as receiver,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd,
    ):
        systemd.bind(str(tmp_path / "systemd"))
        systemd.settimeout(20)
        env = {
            **ONE_WORKER_EACH,
            **QUICK,
            "HEALTH_URL": receiver.url,
            "HEALTH_LISTEN": f"127.0.0.1:{port}",
            "NOTIFY_SOCKET": str(tmp_path / "systemd"),
            "WATCHDOG_USEC": "4000000",
        }
        with Scene(site, tmp_path, env) as scene:
            # A poll with nothing to tell takes 25 s to be answered.
            scene.api.say("/help", CHAT)
            scene.api.wait_for(lambda: receiver.good)
            assert systemd.recv(100) == b"READY=1"
            assert systemd.recv(100) == b"WATCHDOG=1"
            assert fetch(port, "/healthz")[0] == 200
            assert json.loads(fetch(port, "/healthz.json")[1])["is_well"] is True
            metrics = fetch(port, "/metrics")[1]
            assert "fetchbot_up 1" in metrics
            assert broken_rules(metrics) == []
            for process in scene.workers("downloads"):
                environ = Path(f"/proc/{process}/environ").read_bytes()
                assert b"NOTIFY_SOCKET" not in environ

            os.kill(scene.bot.pid, signal.SIGSTOP)
            assert fetch(port, "/healthz") == (0, ""), "a silence is heard, too"
            os.kill(scene.bot.pid, signal.SIGCONT)
            scene.api.wait_for(lambda: fetch(port, "/healthz")[0] == 200)

            good = receiver.good
            os.kill(scene.bot.pid, signal.SIGKILL)
            scene.api.wait_for(lambda: not scene.bot.is_running)
            scene.bot.start()
            receiver.wait_for("how the last run ended: not recorded")
            scene.api.say("/help", CHAT)
            scene.api.wait_for(lambda: receiver.good > good)
            assert receiver.url not in scene.bot.log


def test_a_bot_that_the_kernel_kills_for_memory_is_heard_and_loses_nothing(
    site: MediaSite, tmp_path: Path
) -> None:
    with receiving_pings() as receiver, memory_group(limit_bytes=1 << 20) as group:
        env = {**ONE_WORKER_EACH, **QUICK, "HEALTH_URL": receiver.url}
        with Scene(site, tmp_path, env) as scene:
            scene.api.say("/help", CHAT + 1)
            scene.api.wait_for(lambda: receiver.good)
            group.take(scene.bot.pid)
            for number in range(1, 41):
                scene.api.say(f"{number} " + "words " * 400, CHAT + number)
            scene.send("/clip/one.mp4")
            scene.api.wait_for(lambda: not scene.bot.is_running)
            assert group.kills == 1
            scene.bot.start()
            receiver.wait_for("how the last run ended: not recorded")
            (answer,) = scene.wait_for_answers(1)
            assert answer.kind == "video"


def test_a_bot_that_ends_says_why(tmp_path: Path) -> None:
    script = tmp_path / "hurt.py"
    script.write_text(
        f"import sys, time; sys.path.insert(0, {str(ROOT)!r}); import bot\n"
        "from maintenance import runs, thread_watch; from worker.dispatch import dispatcher\n"
        "runs.FIRST_PAUSE_S = 0.1\n"
        "dispatcher.Dispatcher.run = lambda self: time.sleep(600)\n"
        "thread_watch.DISPATCHER_STALL_S = 1.0\n"
        "if __name__ == '__main__': sys.exit(bot.main(sys.argv[1:]))\n"
    )
    with receiving_pings() as receiver, BotApi() as api:
        bad_tokens = {
            "123456:" + "x" * 35: "refuses BOT_TOKEN",
            "nonsense": "BOT_TOKEN (not shown)",
        }
        for number, (token, words) in enumerate(bad_tokens.items()):
            env = {"HEALTH_URL": receiver.url, "BOT_TOKEN": token}
            bot = BotProcess(api, tmp_path / f"data-{number}", env).start()
            receiver.wait_for(words)
            api.wait_for(lambda bot=bot: bot.exit_code is not None)  # type: ignore[misc]
            assert bot.exit_code == 78
        assert not any("nonsense" in text for text in receiver.complaints)

        env = {"HEALTH_URL": receiver.url}
        bot = BotProcess(api, tmp_path / "data", env, script=script).start()
        receiver.wait_for("Thread dispatcher is stuck")
        api.wait_for(lambda: bot.exit_code is not None)
        assert bot.exit_code == 70
        assert receiver.good == 0
