"""Two minutes of chaos, if asked for, and that its outcome sees what a run must not show."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.chaos import injector, outcome, people
from tests.chaos.people import Sent
from tests.chaos.run import Run, lasting
from tests.sandbox.api import DEFAULT_CHAT as CHAT
from tests.sandbox.api import BotApi
from tests.sandbox.client import Client
from tests.support.background import ignoring_interrupts
from tests.support.sandbox_kit import api as api
from tests.support.sandbox_kit import client as client
from tests.support.sandbox_kit import edit_media, keyboard, send_text
from worker.processes import process_table

ROOT = Path(__file__).parents[2]
SEED = 20
WATCHDOG_S = 600
"""Two minutes, what the bot may need to finish and to stop after them, and a slow machine."""


@pytest.mark.timeout(WATCHDOG_S + 30)
@pytest.mark.usefixtures("needs_ffmpeg")
@pytest.mark.exhaustive
def test_chaos_costs_no_answer_and_leaves_nothing() -> None:
    command = [sys.executable, "-m", "tests.chaos", "--minutes=2", f"--seed={SEED}"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as run:
        try:
            figures, _ = run.communicate(timeout=WATCHDOG_S)
        except BaseException:
            # On SIGTERM it ends what it has started; SIGKILL would leave a bot behind.
            run.send_signal(signal.SIGTERM)
            run.wait(60)
            raise
    print(figures)
    assert run.returncode == 0, figures


def test_interrupted_run_leaves_nothing(tmp_path: Path) -> None:
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    command = ignoring_interrupts(sys.executable, "-m", "tests.chaos", "--minutes", "9")
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        assert "seed 1, 9 minutes" in run.stdout.readline()
        data_dir = _wait_for_the_bot(tmp_path)
        run.send_signal(signal.SIGINT)
        output = run.stdout.read()
        assert run.wait(40) == 130, output
    assert outcome.strays(data_dir, None) == []
    # The logs are kept, and the clips of the media site are for every run.
    kept = ("chaos-logs-", "sandbox-clips-")
    assert [path for path in tmp_path.iterdir() if not path.name.startswith(kept)] == []


def _wait_for_the_bot(folder: Path) -> Path:
    """The data directory of a run, as soon as its bot has workers."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for directory in folder.glob("chaos-*/disk"):
            if outcome.strays(directory / "data", None):
                return directory / "data"
        time.sleep(0.05)
    raise TimeoutError("no bot was started")


@pytest.mark.parametrize("minutes", ["0", "-1", "inf", "nan", "1e9", "soon"])
def test_run_without_an_end_or_a_beginning_is_refused(minutes: str) -> None:
    command = [sys.executable, "-m", "tests.chaos", f"--minutes={minutes}"]
    refused = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert refused.returncode == 2
    assert "--minutes" in refused.stderr


def test_plans_come_from_the_seed_alone() -> None:
    for plan in (injector.plan, people.plan):
        assert plan(5, 600) == plan(5, 600)
        assert plan(5, 600) != plan(6, 600)
    acts = {str(move) for move in injector.plan(5, 3600)}
    assert {f"{s} {v}" for s in ("SIGKILL", "SIGTERM", "SIGSTOP") for v in injector.VICTIMS} <= acts
    assert {
        "full disk",
        "little disk",
        "API slow any call",
        "API too_many_requests any call",
    } <= acts


# ------------------------------------------------------------- what the outcome must notice


def test_only_what_two_looks_find_is_counted() -> None:
    looks = iter([["7 (ffprobe)", "8 (sh)"], ["8 (sh)", "9 (ffprobe)"]])
    assert lasting(lambda: next(looks)) == ["8 (sh)"]
    assert lasting(list) == []


@pytest.mark.negative
def test_run_whose_injector_dies_is_not_believed(tmp_path: Path) -> None:
    def fail() -> NoReturn:
        raise LookupError("the injector finds nothing")

    with Run(seed=1, minutes=0.01, logs=tmp_path, own_disk=False) as run:
        moves = [injector.Move(0.0, "SIGKILL", victim="main")]
        run.injector = injector.FaultInjector(moves, main=fail, api=run.api, disk=None)
        result = run.go()
    assert ["injector" in sentence for sentence in result.wrong] == [True]


@pytest.mark.negative
def test_count_tells_answered_lost_doubled_and_orphaned_apart(api: BotApi, client: Client) -> None:
    sent = [Sent(CHAT, api.say(f"http://127.0.0.1/{n}"), 1) for n in range(4)]
    answered, lost, doubled, orphaned = sent
    waiting = {"reply_markup": keyboard("cancel:1")}

    def reply(to: Sent, **params: Any) -> int:
        return send_text(client, reply_parameters={"message_id": to.message_id}, **params)

    edit_media(client, reply(answered, **waiting))
    reply(lost, **waiting)
    reply(doubled)
    edit_media(client, reply(doubled))
    reply(orphaned, **waiting)
    edit_media(client, reply(orphaned, **waiting))

    answers = outcome.count_answers(api, sent)
    assert (answers.links, answers.final, answers.media) == (4, 4, 3)
    assert len(answers.lost) == 1
    assert "http://127.0.0.1/1" in answers.lost[0]
    assert len(answers.doubled) == 1
    assert "http://127.0.0.1/2" in answers.doubled[0]
    assert answers.orphaned == 2, "one beside its answer, and the one of the lost link"


def test_voice_message_that_came_again_is_no_second_answer(api: BotApi, client: Client) -> None:
    sent = Sent(CHAT, api.say("http://127.0.0.1/1"), 1)
    ogg = {"voice": ("voice.ogg", b"OggS")}
    for _ in range(2):
        reply = {"message_id": sent.message_id}
        client.call("sendVoice", ogg, chat_id=CHAT, reply_parameters=reply)
    answers = outcome.count_answers(api, [sent])
    assert (answers.final, answers.repeated, answers.doubled) == (1, 1, [])
    wanted_twice = dataclasses.replace(sent, links=2, voices=2)
    answers = outcome.count_answers(api, [wanted_twice])
    assert (answers.final, answers.repeated, answers.lost) == (2, 0, [])


@pytest.mark.negative
def test_count_sees_an_answer_that_changes(api: BotApi, client: Client) -> None:
    message_id = api.say("http://127.0.0.1/changes")
    answer = send_text(client, "No.", reply_parameters={"message_id": message_id})
    edit_media(client, answer)
    answers = outcome.count_answers(api, [Sent(CHAT, message_id, 1)])
    assert answers.doubled == answers.lost == []
    assert len(answers.changed) == 1


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that carries the tag of the bot in `tmp_path`."""
    env = {**os.environ, process_table.INSTANCE_VARIABLE: process_table.instance_tag(tmp_path)}
    with subprocess.Popen(["sleep", "300"], env=env) as process:
        yield process
        process.kill()


@pytest.mark.negative
def test_count_sees_a_stray_process(sleeper: subprocess.Popen[bytes], tmp_path: Path) -> None:
    def is_seen(main_pid: int | None) -> bool:
        return any(str(sleeper.pid) in one for one in outcome.strays(tmp_path, main_pid))

    assert is_seen(None), "it outlived the bot"
    assert is_seen(os.getpid()), "it is below the main process, and no worker"
    sleeper.kill()
    sleeper.wait()
    assert not is_seen(None)


@pytest.mark.negative
def test_count_sees_a_zombie(sleeper: subprocess.Popen[bytes]) -> None:
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    assert any(str(sleeper.pid) in one for one in outcome.zombies(os.getpid()))


@pytest.mark.negative
def test_count_sees_what_is_left_on_the_disk(tmp_path: Path) -> None:
    data_dir, temporary = tmp_path / "data", tmp_path / "tmp"
    assert outcome.directories(data_dir, temporary) == []
    (data_dir / "downloads" / "7-1").mkdir(parents=True)
    (temporary / "pymp-left").mkdir(parents=True)
    assert outcome.directories(data_dir) == [str(data_dir / "downloads" / "7-1")]
    assert len(outcome.directories(data_dir, temporary)) == 2
