"""What is logged again and again is written once and then counted."""

import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.stepped_dispatcher import SteppedDispatcher
from worker.clocks import Monotonic
from worker.errors import TelegramUnreachable
from worker.ledger import Ledger, LedgerBusy
from worker.log_repeats import INTERVAL_S, Repeats
from worker.protocol import PostStatus

log = logging.getLogger("worker.test")
FULL = ("The ledger cannot be written, so work waits: %s", "disk is full")


class Lines(logging.Handler):
    """Keeps what would be written; its clock is `now`."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.written: list[str] = []
        self.repeats = Repeats(lambda: Monotonic(self.now))

    def emit(self, record: logging.LogRecord) -> None:
        for each in self.repeats.pass_on(record):
            trace = f"\n{each.exc_info}" if each.exc_info else ""
            self.written.append(each.getMessage() + trace)

    def take(self) -> list[str]:
        taken, self.written = self.written, []
        return taken


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler, logger = Lines(), logging.getLogger("worker")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)


def test_the_same_is_written_once_and_counted_when_the_interval_ends(lines: Lines) -> None:
    for second in range(int(INTERVAL_S)):
        lines.now = second
        log.error(*FULL)
    assert lines.take() == ["The ledger cannot be written, so work waits: disk is full"]
    lines.now = INTERVAL_S
    log.error(*FULL)
    count = (
        "The ledger cannot be written, so work waits: disk is full (again, 299 times in 5 minutes)"
    )
    assert lines.take() == [count]
    for second in range(int(INTERVAL_S)):
        lines.now = INTERVAL_S + second
        log.error(*FULL)
    assert lines.take() == [], "the count stands for the next interval"
    lines.now = 2 * INTERVAL_S
    log.info("something else")
    assert [line.partition(" (")[2] for line in lines.take()] == [
        "again, 301 times in 5 minutes)",
        "",
    ]


def test_a_count_is_due_when_the_interval_ends_also_in_silence(lines: Lines) -> None:
    log.error(*FULL)
    log.error(*FULL)
    assert list(lines.repeats.take_due()) == []
    lines.now = INTERVAL_S
    assert [count.getMessage()[-20:] for count in lines.repeats.take_due()] == [
        "(again, once in 0 s)"
    ]


def test_what_is_over_is_new_when_it_comes_again(lines: Lines) -> None:
    log.error(*FULL)
    lines.now = INTERVAL_S
    log.error(*FULL)
    assert lines.take() == ["The ledger cannot be written, so work waits: disk is full"] * 2


def test_a_count_is_written_with_whatever_comes_next_and_at_the_end(lines: Lines) -> None:
    log.error(*FULL)
    lines.now = 20.0
    log.error(*FULL)
    lines.now = INTERVAL_S
    log.info("something else")
    assert lines.take()[1:] == [
        "The ledger cannot be written, so work waits: disk is full (again, once in 20 s)",
        "something else",
    ]
    log.error(*FULL)
    (end,) = lines.repeats.take_rest()
    assert end.getMessage().endswith("(again, once in 0 s)")
    assert list(lines.repeats.take_rest()) == []


SAME = {
    "a process": ("Process %d (%s): %s.", (17, "yt-dlp", "defunct"), (18, "yt-dlp", "defunct")),
    "a worker": (
        "worker %s: ended with exit code %s.",
        ("downloads-12", -9),
        ("downloads-13", -9),
    ),
    "a wait": ("Telegram cannot be polled, next try in %.0f s: %s", (1, "x"), (30.0, "x")),
    "a count": ("a worker failed to start (%d in a row), next try in %.1f s", (1, 0.1), (9, 60.0)),
    "a directory": ("%s cannot be removed: full", ("/data/17-1",), ("/data/18-3",)),
}
OTHER = {
    "an exit code": (
        "worker %s: ended with exit code %s.",
        ("telegram-1", -9),
        ("telegram-1", -11),
    ),
    "an error": ("cannot be written: %s", ("[Errno 28] full",), ("[Errno 5] bad",)),
    "a pool": ("Pool %s: failed", ("downloads",), ("telegram",)),
    "a status": ("Telegram says %d", (409,), (502,)),
    "a site": ("%s is down", ("a.example",), ("b.example",)),
    "a link": ("job %d: the download failed for good", (1,), (2,)),
    "a link again": ("job %d: a worker ended", (1,), (1,)),
}


@pytest.mark.parametrize(("template", "first", "second"), SAME.values(), ids=SAME)
def test_who_says_it_makes_no_other_fact(
    lines: Lines, template: str, first: tuple[Any, ...], second: tuple[Any, ...]
) -> None:
    log.warning(template, *first)
    log.warning(template, *second)
    assert lines.take() == [template % first]


@pytest.mark.parametrize(("template", "first", "second"), OTHER.values(), ids=OTHER)
def test_another_fact_is_written(
    lines: Lines, template: str, first: tuple[Any, ...], second: tuple[Any, ...]
) -> None:
    log.warning(template, *first)
    log.warning(template, *second)
    assert lines.take() == [template % first, template % second]


def test_another_level_or_another_exception_is_another_fact(lines: Lines) -> None:
    def fail(error: Exception, say: Callable[..., None]) -> None:
        try:
            raise error
        except Exception:  # noqa: BLE001
            say("A step failed.", exc_info=True)

    for _ in range(3):
        fail(OSError("full"), log.error)
        fail(OSError("busy"), log.error)
        fail(OSError("full"), log.warning)
    assert len(lines.take()) == 3
    assert [each.getMessage() for each in lines.repeats.take_rest()] == [
        "A step failed. (again, 2 times in 0 s)"
    ] * 3


def test_what_is_no_trouble_is_always_written(lines: Lines) -> None:
    log.info("An old worker has left.")
    log.info("An old worker has left.")
    assert len(lines.take()) == 2


def test_so_many_facts_are_not_remembered_for_ever(lines: Lines) -> None:
    for number in range(5_000):
        log.error("%s is down", f"site{number}.example")
    assert len(lines.take()) == 5_000
    assert len(lines.repeats._facts) <= 500


class _Odd:
    def __str__(self) -> str:
        raise KeyError("odd")


@pytest.mark.parametrize(("template", "argument"), [("%(x)s", {"y": 1}), ("a %s", _Odd())])
def test_no_line_ends_its_caller(template: str, argument: object) -> None:
    record = logging.LogRecord("worker", logging.WARNING, "", 0, template, (argument,), None)
    assert list(Repeats().pass_on(record)) == [record]


def test_a_record_that_cannot_be_formatted_is_passed_on(lines: Lines) -> None:
    record = logging.LogRecord("worker", logging.ERROR, "", 1, "%d", ("x",), None)
    assert list(lines.repeats.pass_on(record)) == [record]


def telegram_fails(bot: SteppedDispatcher) -> None:
    for job_id in bot.tasks(PostStatus):
        bot.telegram.fail(job_id, TelegramUnreachable("reset"), "")
    bot.step()


def test_telegram_down_with_many_links_waiting_leaves_a_few_lines(
    bot: SteppedDispatcher, lines: Lines
) -> None:
    for user_id in range(1, 31):
        bot.send(f"https://site.example/{user_id}", user_id=user_id)
        telegram_fails(bot)
    for _ in range(100):
        lines.now += 1.0
        telegram_fails(bot)
        bot.step(1.0)
    about_it = [line for line in lines.take() if "TelegramUnreachable" in line]
    counts = [each.getMessage() for each in lines.repeats.take_rest()]
    assert len(about_it) == 1
    assert [count for count in counts if re.search(r"\(again, \d\d+ times in \d+ ", count)]


def test_ledger_that_cannot_be_written_leaves_a_few_lines(
    bot: SteppedDispatcher, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise LedgerBusy("database or disk is full")

    monkeypatch.setattr(Ledger, "claim", refuse)
    for _ in range(120):
        lines.now += 1.0
        bot.step(1.0)
    assert [line for line in lines.take() if "starts" not in line] == [
        "The ledger cannot be written, so work waits: database or disk is full"
    ]
