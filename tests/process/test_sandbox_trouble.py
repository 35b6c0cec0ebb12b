"""What the presses of the chat page do, and that a bot that died is started again."""

from __future__ import annotations

import textwrap
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox import trouble as module
from tests.sandbox.api import DEFAULT_CHAT as CHAT
from tests.sandbox.api import BotApi
from tests.sandbox.bot_process import BotProcess
from tests.sandbox.client import Client
from tests.sandbox.clips import SAMPLE
from tests.sandbox.site import MediaSite
from tests.sandbox.trouble import Trouble
from tests.support.sandbox_kit import api as api
from tests.support.sandbox_kit import client as client

BOT = textwrap.dedent(
    """
    import os, subprocess, sys, time
    from pathlib import Path
    if os.environ.get("CODE"):
        sys.exit(int(os.environ["CODE"]))

    main = Path(f"/proc/{os.getpid()}")
    for name in ("downloads-1", "downloads-2"):
        if os.fork() == 0:
            Path("/proc/self/comm").write_text(name)
            if name == "downloads-2":
                os.fork()
            print(os.getpid(), name, flush=True)
            while main.exists():
                time.sleep(0.1)
            os._exit(0)
    time.sleep(600)
    """
)


class Disk:
    free_bytes: int | None = None

    def leave(self, free_bytes: int) -> None:
        self.free_bytes = free_bytes

    def release(self) -> None:
        self.free_bytes = None


@pytest.fixture
def site() -> Iterator[MediaSite]:
    with MediaSite(ffmpeg=None) as running:
        yield running


@pytest.fixture
def bot(api: BotApi, tmp_path: Path) -> Iterator[BotProcess]:
    script = tmp_path / "a_bot.py"
    script.write_text(BOT)
    process = BotProcess(api, tmp_path / "data", script=script)
    yield process
    process.stop()


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def trouble(api: BotApi, site: MediaSite, bot: BotProcess, disk: Disk) -> Iterator[Trouble]:
    made = Trouble(api, site, bot, disk)
    yield made
    made.stop()


def lasting(trouble: Trouble, bot: BotProcess) -> list[str]:
    if not bot.is_running:
        bot.start()
    return [each["name"] for each in trouble.shown()["presses"] if each.get("on")]


@pytest.mark.parametrize("status", [429, 500])
def test_telegram_fails_until_pressed_again(
    status: int, trouble: Trouble, client: Client, bot: BotProcess
) -> None:
    trouble.make(str(status))
    assert lasting(trouble, bot) == [str(status)]
    answers = [client.call("sendMessage", chat_id=CHAT, text="x").status for _ in range(2)]
    assert answers == [status, status]
    trouble.make(str(status))
    assert told(trouble) == [f"Telegram says {status}", f"Over: Telegram says {status}"]
    assert client.call("sendMessage", chat_id=CHAT, text="x").status == 200


def told(trouble: Trouble) -> list[str]:
    """What is remembered, oldest first."""
    incidents = trouble.shown()["incidents"]
    assert [each["number"] for each in incidents] == [*range(1, len(incidents) + 1)]
    return [each["text"] for each in incidents]


def test_trouble_ends_by_itself(
    trouble: Trouble, site: MediaSite, api: BotApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LASTS_S", 0.05)
    version = api.version
    trouble.make("down")
    api.wait_for(lambda: not site.is_down.is_set())
    assert api.version > version


def test_slow_site_sends_in_pieces_until_it_is_not(trouble: Trouble, site: MediaSite) -> None:
    trouble.make("slow")
    with urllib.request.urlopen(f"{site.url}/clip.mp4", timeout=20) as answer:
        begun = answer.read1(64 * 1024)
        assert 0 < len(begun) < SAMPLE.stat().st_size
        trouble.make("slow")
        assert begun + answer.read() == SAMPLE.read_bytes()


def test_disk_is_full_until_pressed_again(trouble: Trouble, disk: Disk) -> None:
    trouble.make("disk")
    assert disk.free_bytes == 20_000_000
    trouble.make("disk")
    assert disk.free_bytes is None


def test_without_a_disk_of_its_own_that_is_not_offered(
    api: BotApi, site: MediaSite, bot: BotProcess
) -> None:
    with pytest.raises(LookupError):
        Trouble(api, site, bot).make("disk")


def test_killed_bot_is_started_again(trouble: Trouble, bot: BotProcess) -> None:
    first = bot.start().pid
    assert trouble.revive() is None
    assert bot.pid == first
    trouble.make("kill-bot")
    assert trouble.shown()["running"] is False
    assert trouble.revive() is None
    assert bot.is_running
    assert bot.pid != first
    assert told(trouble) == ["The bot was killed", "The bot was started again"]


@pytest.mark.parametrize(("code", "ended"), [(70, False), (75, False), (0, True), (78, True)])
def test_bot_that_asks_for_it_is_started_again(
    code: int, ended: bool, trouble: Trouble, bot: BotProcess
) -> None:
    bot.env["CODE"] = str(code)
    first = bot.start().pid
    assert bot.wait() == code
    assert trouble.revive() == (code if ended else None)
    assert (bot.pid == first) is ended


def test_busiest_worker_is_killed(trouble: Trouble, bot: BotProcess, api: BotApi) -> None:
    bot.start()
    api.wait_for(lambda: bot.log.count("downloads-2") == 2 and "downloads-1" in bot.log)
    first = int(bot.log.partition(" downloads-1")[0].rpartition("\n")[2])
    assert len(bot.tree()) == 4
    trouble.make("kill-download")
    api.wait_for(lambda: len(bot.tree()) == 3)
    assert first in bot.tree()
    with pytest.raises(LookupError, match="no such worker"):
        trouble.make("kill-telegram")


def test_unknown_trouble_is_refused(trouble: Trouble) -> None:
    with pytest.raises(LookupError):
        trouble.make("rm")
