"""One chaos run: start the bot, people and faults; wait until all is done; count."""

from __future__ import annotations

import contextlib
import logging
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos import choices, injector, outcome, people
from tests.chaos.choices import Choices
from tests.chaos.disk import Disk
from tests.chaos.outcome import Answers
from tests.chaos.supervisor import EXPECTED_EXITS, Life, Reading, Supervisor, read
from tests.sandbox.api import BotApi
from tests.sandbox.bot_process import BotProcess
from tests.sandbox.site import MediaSite

log = logging.getLogger(__name__)

DISK_BYTES = 1_600_000_000
"""What the bot keeps free (1 GB), what it reserves for its downloads, and what they write."""

SETTLE_S = 60.0
QUIET_S = 240.0
"""For how long the open work may not become less once the bot is let alone.

It may take its time as a whole: a group gets 20 calls in a minute and an answer takes two of them,
so after an hour in which everybody writes there its links are the last.
"""

STOP_S = 30.0
LOOK_S = 0.5
"""Between one look at the bot and the next."""

GROWN_DESCRIPTORS = 8
GROWN_BYTES = 16_000_000

# Shorter times than a person's bot has, so that a run sees many of each; and workers that are
# replaced while it lasts.
SETTINGS = {
    "QUEUE_RETRY_AFTER": "2",
    "DOWNLOAD_TIMEOUT": "20",
    "DOWNLOAD_IDLE_TIMEOUT": "8",
    "DOWNLOAD_JOB_TIMEOUT": "30",
    "DOWNLOAD_MAX_JOBS": "10",
    "TELEGRAM_MAX_JOBS": "30",
    "WORKER_MAX_AGE": "60",
    "MAX_FILE_MB": "20",
    "SHUTDOWN_GRACE": "5",
    "LIVE_MAX_MINUTES": "1",
    # Refusals are for floods; here every link counts.
    "USER_LINKS_PER_MINUTE": "1000",
    "USER_LINKS_PER_HOUR": "10000",
    "USER_LINKS_PER_DAY": "100000",
    "USER_MAX_WAITING": "1000",
}

WORKERS = {"telegram": 4, "downloads": 2, "judge": 1, "fork server": 1}


@dataclass
class Result:
    """What a run has shown; `wrong` holds a sentence for each thing that should not be."""

    answers: Answers
    chosen: Answers
    """What was asked for by buttons below the bot's own messages."""
    choices: Choices
    strays: list[str]
    zombies: list[str]
    directories: list[str]
    first: Reading | None
    last: Reading | None
    lives: list[Life]
    exits: Counter[int]
    done: Counter[str]
    missed: Counter[str]
    presses: Counter[str]
    quiet_after_s: float
    broken: list[str]
    wrong: list[str] = field(default_factory=list)


class Run:
    """Use it as a context: at its end nothing of it is left but the files in `logs`."""

    def __init__(self, seed: int, minutes: float, logs: Path, own_disk: bool) -> None:
        """`own_disk`: there is a namespace to mount the small disk in."""
        self.seed = seed
        self.seconds = minutes * 60
        self.logs = logs
        self._own_disk = own_disk
        self._deaths: list[str] = []

    def __enter__(self) -> Run:
        """Start everything but the people and the faults."""
        with ExitStack() as stack:
            folder = Path(tempfile.mkdtemp(prefix="chaos-"))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            self._disk = None
            if self._own_disk:
                self._disk = Disk(folder / "disk", DISK_BYTES)
                stack.callback(self._disk.unmount)
            self.data_dir = folder / "disk" / "data"
            self.data_dir.parent.mkdir(exist_ok=True)
            self.temporary = folder / "tmp"
            self.temporary.mkdir()
            self.api = stack.enter_context(BotApi())
            self.site = stack.enter_context(MediaSite())
            self.bot = BotProcess(
                self.api,
                self.data_dir,
                {**SETTINGS, "TMPDIR": str(self.temporary)},
                log_path=self.logs / "bot.log",
            )
            # Last in, first out: the bot ends before the people it talks to.
            stack.callback(self._save)
            stack.callback(self.bot.stop)
            self.supervisor = Supervisor(self.bot, self.seed)
            self.people = people.People(
                self.api, self.site.url, people.plan(self.seed, self.seconds)
            )
            self.injector = injector.FaultInjector(
                injector.plan(self.seed, self.seconds), self.supervisor.main, self.api, self._disk
            )
            stack.callback(setattr, threading, "excepthook", threading.excepthook)
            threading.excepthook = self._note_death
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        with self._stack:
            for thread in (self.people, self.injector, self.supervisor):
                if thread.is_alive():
                    thread.stop()

    def go(self) -> Result:
        """Run everything, and return the result."""
        self.supervisor.start()
        first = self._settled_reading()
        self.people.start()
        self.injector.start()
        end = time.monotonic() + self.seconds
        while time.monotonic() < end:
            time.sleep(min(1.0, max(0.0, end - time.monotonic())))
        self.people.stop()
        self.injector.stop()
        log.info("all is let go")
        let_go_at = time.monotonic()
        wrong = self._wait_until(self._open_work, QUIET_S, "still to be done")
        quiet_after_s = time.monotonic() - let_go_at
        choices.let_time_pass(self.data_dir)
        wrong += self._wait_until(self._open_work, SETTLE_S, "not closed")
        wrong += self._wait_until(self._unsettled, SETTLE_S, "not at rest")
        return self._count(first, quiet_after_s, wrong)

    def _note_death(self, death: threading.ExceptHookArgs) -> None:
        """A run whose injector is dead is a quiet one, and shows nothing."""
        name = death.thread.name if death.thread else "unknown"
        log.error("thread %s has died", name, exc_info=death.exc_value)
        self._deaths.append(f"the run's own thread {name} died of {death.exc_value!r}")

    # ------------------------------------------------------------------------------ waiting

    def _settled_reading(self) -> Reading | None:
        self._wait_until(self._unsettled, SETTLE_S, "")
        return read(self.bot.pid)

    def _wait_until(self, left: Callable[[], list[str]], timeout_s: float, what: str) -> list[str]:
        """Wait until nothing is left twice in a row.

        What is left if that does not become less for `timeout_s`.
        """
        deadline = time.monotonic() + timeout_s
        calm, fewest = 0, sys.maxsize
        while calm < 2:
            found = left()
            calm = 0 if found else calm + 1
            if len(found) < fewest:
                fewest, deadline = len(found), time.monotonic() + timeout_s
            if time.monotonic() > deadline:
                return [f"{what}, and no less in {timeout_s:.0f} s: {one}" for one in found]
            time.sleep(LOOK_S)
        return []

    def _open_work(self) -> list[str]:
        pending = [f"update {u['update_id']} is not confirmed" for u in self.api.pending_updates]
        return pending + outcome.open_work(self.data_dir)

    def _unsettled(self) -> list[str]:
        main = self.supervisor.main()
        if main is None:
            return ["the bot does not run"]
        return [
            *outcome.strays(self.data_dir, main.pid),
            *outcome.zombies(main.pid),
            *outcome.missing_workers(main.pid, WORKERS),
            *outcome.directories(self.data_dir),
        ]

    # ---------------------------------------------------------------------------- outcome

    def _count(self, first: Reading | None, quiet_after_s: float, wrong: list[str]) -> Result:
        main = self.supervisor.main()
        zombies = lasting(lambda: outcome.zombies(main.pid) if main else [])
        strays = [f"{one} outlived the bot" for one in self.supervisor.outlived]
        strays += lasting(lambda: outcome.strays(self.data_dir, main.pid if main else None))
        last = read(self.bot.pid)
        self.supervisor.stop()
        self.bot.tree()
        self.bot.terminate()
        try:
            code = self.bot.wait(STOP_S)
            wrong += [f"SIGTERM ended the bot with {code}"] if code != 0 else []
        except TimeoutError as error:
            wrong.append(str(error))
        with contextlib.suppress(TimeoutError):
            self.bot.wait_for_empty_tree()
        strays += [f"{one} outlived the stop" for one in outcome.strays(self.data_dir, None)]
        result = Result(
            outcome.count_answers(self.api, self.people.sent),
            outcome.count_answers(self.api, choices.chosen_below(self.data_dir, self.people.sent)),
            choices.count(self.api, self.data_dir, self.people.pressed, self.people.commands),
            strays,
            zombies,
            outcome.directories(self.data_dir, self.temporary, self.data_dir / "tmp"),
            first,
            last,
            self.supervisor.lives,
            self.supervisor.exits,
            self.injector.done,
            self.injector.missed,
            self.people.presses,
            quiet_after_s,
            outcome.broken_jobs(self.data_dir),
            wrong + self._deaths,
        )
        result.wrong += _what_is_wrong(result)
        if self.api.token in self.bot.log:
            result.wrong.append("the token stands in the bot's log")
        return result

    def _save(self) -> None:
        """Save logs and chats of the run."""
        (self.logs / "chats.txt").write_text(self.api.transcript(), errors="backslashreplace")
        for file in self.data_dir.glob("ledger.sqlite3*"):
            shutil.copy(file, self.logs)


def lasting(look: Callable[[], list[str]]) -> list[str]:
    """What is found twice: a new worker may just be asking ffprobe for its version."""
    if not (found := look()):
        return []
    time.sleep(LOOK_S)
    again = look()
    return [one for one in found if one in again]


def _what_is_wrong(result: Result) -> list[str]:
    return list(_sentences(result))


def _sentences(result: Result) -> Iterator[str]:
    for answers in (result.answers, result.chosen):
        yield from (f"lost: {one}" for one in answers.lost)
        yield from (f"doubled: {one}" for one in answers.doubled)
        yield from (f"changed after it was final: {one}" for one in answers.changed)
    yield from result.choices.wrong
    yield from (f"stray process: {one}" for one in result.strays)
    yield from (f"zombie: {one}" for one in result.zombies)
    yield from (f"left behind: {one}" for one in result.directories)
    for code, times in result.exits.items():
        if code not in EXPECTED_EXITS:
            yield f"the bot ended {times} times with exit code {code}"
    first, last = result.first, result.last
    if first is None or last is None:
        yield "the main process was not there to be read"
    else:
        if last.descriptors > first.descriptors + GROWN_DESCRIPTORS:
            yield f"descriptors grew: {first.descriptors} to {last.descriptors}"
        if last.memory_bytes > first.memory_bytes + GROWN_BYTES:
            yield f"memory grew: {first} to {last}"
