"""Logs: what must never be readable in them, whichever way a text gets there."""

import logging
import multiprocessing
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from worker.logs import REDACTED, configure

ROOT = Path(__file__).parents[2]
SECRET = "AAFakeFakeFakeFakeFakeFakeFakeFake0"
TOKEN = f"123456789:{SECRET}"


def run_python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    prelude = f"TOKEN, SECRET = {TOKEN!r}, {SECRET!r}\n"
    return subprocess.run(
        [sys.executable, "-c", prelude + textwrap.dedent(code), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


FAILURES = {
    "an exception": "raise ValueError(f'cannot send to /bot{TOKEN}/x?text=hello')",
    "a chain of exceptions": """
        try:
            raise ValueError(TOKEN)
        except ValueError as error:
            raise RuntimeError(f"https://host/x?key=hello {SECRET}") from error
        """,
    "a thread": """
        import threading
        def fail(): raise ValueError(f"{SECRET} https://h/?q=hello")
        thread = threading.Thread(target=fail)
        thread.start(); thread.join()
        """,
    "a finalizer": """
        class Thing:
            def __del__(self): raise ValueError(f"{SECRET} https://h/?q=hello")
        Thing()
        """,
    "a warning": """
        import warnings
        warnings.warn(f"{SECRET} https://h/?q=hello")
        """,
    "a log call that does not fit": """
        import logging
        logging.info("%d of %d", SECRET, "https://h/?q=hello")
        """,
    "pyTelegramBotAPI's logger": """
        import telebot
        telebot.logger.error("cannot reach /bot%s/x?text=hello", TOKEN)
        """,
}


@pytest.mark.parametrize("code", FAILURES.values(), ids=FAILURES.keys())
def test_secrets_do_not_reach_stderr(code: str) -> None:
    done = run_python(
        f"from worker.logs import configure\nconfigure([TOKEN, SECRET])\n{textwrap.dedent(code)}"
    )
    assert done.stderr
    assert SECRET not in done.stderr
    assert "hello" not in done.stderr
    assert done.stdout == ""


def test_counts_are_written_when_they_are_due_and_at_the_end() -> None:
    done = run_python(
        """
        import logging
        from worker import log_repeats, logs
        logs.configure([TOKEN])
        def say(times):
            for _ in range(times):
                logging.warning("no room for %s", TOKEN)
        say(3)
        logs.write_counts()
        log_repeats.INTERVAL_S = 0.0
        logs.write_counts()
        log_repeats.INTERVAL_S = 300.0
        say(2)
        """
    )
    text = "WARNING MainProcess root: no room for [redacted]"
    counts = [line[24:] for line in done.stderr.splitlines()]
    assert counts == [
        *(text, f"{text} (again, 2 times in 0 s)"),
        *(text, f"{text} (again, once in 0 s)"),
    ]


@pytest.mark.negative
def test_secrets_would_reach_stderr_without_configure() -> None:
    assert SECRET in run_python("raise ValueError(TOKEN)").stderr


def test_each_record_is_one_line_however_often_configured() -> None:
    done = run_python(
        """
        import logging
        from worker.logs import configure
        configure(["first"]); configure(["second"])
        import telebot
        configure(["second"])
        logging.info("job 1: second is gone"); telebot.logger.error("job 2: done")
        """
    )
    first, second = done.stderr.splitlines()
    assert first.endswith(f"INFO MainProcess root: job 1: {REDACTED} is gone")
    assert second.endswith("ERROR MainProcess TeleBot: job 2: done")


def _fail_in_child(secrets: list[str]) -> None:
    configure(secrets)
    logging.getLogger(__name__).error("job 7: %s", secrets[0])


def test_child_process_logs_under_its_own_name(capfd: pytest.CaptureFixture[str]) -> None:
    context = multiprocessing.get_context("spawn")
    child = context.Process(target=_fail_in_child, args=([TOKEN],), name="downloads-1")
    child.start()
    child.join(30)
    assert child.exitcode == 0
    error = capfd.readouterr().err
    assert f"ERROR downloads-1 {__name__}: job 7: {REDACTED}" in error


def test_log_that_nobody_reads_stops_no_process_and_changes_no_exit_code() -> None:
    code = """
        import logging, multiprocessing
        from worker import logs
        logs.configure()
        logging.error("lost")
        context = multiprocessing.get_context("forkserver")
        context.Process(target=logging.error, args=("lost, too",)).start()
        print("started", flush=True)
        """
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as stderr:
        done = subprocess.run(
            [sys.executable, "-E", "-c", textwrap.dedent(code)],  # no PYTHONUNBUFFERED
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=stderr,
            check=False,
        )
    assert (done.stdout, done.returncode) == (b"started\n", 0)
