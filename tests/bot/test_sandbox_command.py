"""What the sandbox command runs: a bot as a process, one conversation, and the chat page."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.chaos import outcome
from tests.sandbox import process_tree
from tests.sandbox.api import DEFAULT_CHAT as CHAT
from tests.sandbox.api import BotApi
from tests.sandbox.bot_process import BotDied, BotProcess
from tests.sandbox.chat_page import ChatPage
from tests.sandbox.client import Client
from tests.sandbox.clips import SAMPLE
from tests.sandbox.send import safe_name, save, send_links
from tests.sandbox.youtube import ACCOUNT_LINK, LINK
from tests.support.background import ignoring_interrupts
from tests.support.sandbox_kit import MP4
from tests.support.sandbox_kit import api as api
from tests.support.sandbox_kit import client as client

# -------------------------------------------------- a bot as a process, and one conversation

# A stand-in for the stand-in's customer: answers by the first word, and keeps a child.
FAKE_BOT = textwrap.dedent(
    """
    import json, os, signal, subprocess, sys, time, urllib.request
    from pathlib import Path
    sys.path.insert(0, sys.argv[0].rpartition("/")[0])
    sys.path.insert(0, {root!r})
    from tests.sandbox.client import Client
    from worker.processes.process_table import instance_tag

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    tag = instance_tag(Path(os.environ["DATA_DIR"]))
    subprocess.Popen(
        ["sleep", "600"],
        start_new_session=True,
        env={{**os.environ, "FETCHBOT_INSTANCE": tag}},
    )
    print("up with", os.environ["ALLOWED_NETWORKS"], flush=True)
    client = Client(os.environ["TELEGRAM_API_URL"], os.environ["BOT_TOKEN"], timeout_s=60)
    offset = 0
    while True:
        for update in client.call("getUpdates", offset=offset, timeout=30).result:
            offset = update["update_id"] + 1
            text, chat = update["message"]["text"], update["message"]["chat"]["id"]
            if text == "die":
                sys.exit("no more")
            cancel = {{"inline_keyboard": [[{{"text": "Cancel", "callback_data": "c"}}]]}}
            sent = client.call("sendMessage", chat_id=chat, text="Wait", reply_markup=cancel)
            where = {{"chat_id": chat, "message_id": sent.result["message_id"]}}
            if text == "no":
                client.call("editMessageText", text="Nothing there.", **where)
            elif text != "never":
                file = {{"file": ("../a clip.mp4", Path({sample!r}).read_bytes())}}
                media = {{"type": "video", "media": "attach://file", "duration": 3}}
                client.call("editMessageMedia", file, media=media, **where)
    """
).format(root=str(Path(__file__).parents[2]), sample=str(SAMPLE))


@pytest.fixture
def process(api: BotApi, tmp_path: Path) -> Iterator[BotProcess]:
    pytest.importorskip("worker.processes")
    script = tmp_path / "fake_bot.py"
    script.write_text(FAKE_BOT)
    with BotProcess(api, tmp_path / "data", script=script) as running:
        yield running


def test_bot_process_is_followed_to_its_last_child(process: BotProcess) -> None:
    process.wait_until_polling()
    assert "up with 127.0.0.0/8" in process.log
    bot, child = sorted(process.tree(), key=lambda pid: pid != process.pid)
    assert bot == process.pid
    process.kill()
    assert process.exit_code == -9
    assert process.tree() == [child], "an orphan in a session of its own is still found"
    process.start()
    process.wait_until_polling()
    assert len(process.tree()) == 3
    process.terminate()
    assert process.wait(10) == 0
    process.stop()
    assert process.tree() == []
    process.wait_for_empty_tree(1)
    left = process_tree.find(child)
    assert left is None or not left.is_alive


def test_bot_process_avoids_env_files(api: BotApi, tmp_path: Path) -> None:
    assert BotProcess(api, tmp_path / "data").cwd == tmp_path
    (tmp_path / ".env").write_text("BOT_TOKEN=another")
    assert BotProcess(api, tmp_path / "data").cwd == tmp_path / "data"


def test_death_at_the_start_is_told_with_the_log(api: BotApi, tmp_path: Path) -> None:
    script = tmp_path / "broken.py"
    script.write_text("raise SystemExit('no token here')")
    process = BotProcess(api, tmp_path / "data", script=script)
    with process, pytest.raises(BotDied, match=r"(?s)exit code 1.*no token here") as caught:
        process.wait_until_polling()
    assert caught.value.exit_code == 1


@pytest.mark.parametrize(
    ("link", "code", "shown"),
    [
        ("http://a.example/clip", 0, r"(?s)bot  #2  Wait  \[Cancel\]\n.*<video, 3 s, .*saved"),
        ("no", 1, r"(?s)Nothing there\.\nno media came"),
        ("die", 2, r"(?s)could not run: the bot ended with exit code 1.*no more"),
        ("never", 2, r"(?s)could not run: not within 1.0 s.*Wait"),
    ],
)
def test_conversation_without_a_screen(
    link: str,
    code: int,
    shown: str,
    api: BotApi,
    process: BotProcess,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert send_links(api, process, [link], 1.0 if link == "never" else 20) == code
    printed = capsys.readouterr().out
    assert f"user #1  {link}\n" in printed
    assert re.search(shown, printed)
    if code == 0:
        assert (tmp_path / "sandbox-downloads" / "a clip.mp4").read_bytes() == MP4[1]


@pytest.mark.usefixtures("needs_deno", "needs_ffmpeg")
@pytest.mark.parametrize("links", [[LINK, "https://youtu.be/abcdefghij2"], [ACCOUNT_LINK]])
def test_conversation_with_youtube(links: list[str], tmp_path: Path) -> None:
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-m", "tests.sandbox", "--send", *links],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert done.stdout.count("saved  sandbox-downloads/A stand-in") == len(links)
    assert done.stdout.count("/base.js\n") == 1, "a player costs once"


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("clip.mp4", "clip.mp4"),
        ("../../etc/passwd", "passwd"),
        ("..", "file"),
        (".bashrc", "bashrc"),
        ("a\\b:c*.mp4", "b_c_.mp4"),
        ("é 🎬.mp4", "é _.mp4"),
        ("x" * 300 + ".mp4", "x" * 80 + ".mp4"),
        ("", "file"),
    ],
)
def test_saved_files_have_safe_names(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_saving_overwrites_nothing(client: Client, api: BotApi, tmp_path: Path) -> None:
    client.do("sendVideo", {"video": MP4}, chat_id=CHAT)
    media = api.chat()[-1].media
    assert media is not None
    names = [save(media, tmp_path / "new").name for _ in range(3)]
    assert names == ["clip.mp4", "clip-2.mp4", "clip-3.mp4"]


# ------------------------------------------------------------------------------- the command


@pytest.fixture
def page(api: BotApi) -> Iterator[ChatPage]:
    running = ChatPage(api, [])
    running.start()
    yield running
    running.stop()


def test_port_that_is_taken_is_named(page: ChatPage) -> None:
    port = str(urlsplit(page.url).port)
    command = [sys.executable, "-m", "tests.sandbox", "--port", port]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "")
    assert f"cannot have port {port}" in done.stdout


def test_sandbox_in_the_background_of_a_script_can_be_interrupted(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    command = ignoring_interrupts(
        sys.executable, "-m", "tests.sandbox", "--port", "0", "--data", str(data_dir)
    )
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as sandbox:
        assert sandbox.stdout is not None
        try:
            for line in sandbox.stdout:
                if line.startswith("Ctrl-C"):
                    break
            sandbox.send_signal(signal.SIGINT)
            assert sandbox.wait(30) == 0
        finally:
            sandbox.terminate()
    assert outcome.strays(data_dir, None) == []
