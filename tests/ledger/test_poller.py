"""What the long poll makes of refusals, above all of those of the token."""

import itertools
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from worker import clocks
from worker.clocks import Monotonic
from worker.dispatch import poller
from worker.dispatch.poller import MAX_PAUSE_S, Poller, pause_after
from worker.dispatch.reachability import Reachability
from worker.errors import (
    Fault,
    JobError,
    Reason,
    TelegramBusy,
    TelegramConflict,
    TelegramUnauthorized,
    TelegramUnreachable,
)
from worker.ledger import Ledger, ledger_path
from worker.telegram.api_access import ApiAccess

NO, AWAY, BUSY = TelegramUnauthorized("401"), TelegramUnreachable("502"), TelegramBusy(3.0)
ODD = JobError(Reason.INTERNAL, Fault.PERMANENT, "getUpdates: HTTP 418")
ME, NOTHING_NEW = {"username": "bot"}, list[dict[str, Any]]()
UPDATE = [{"update_id": 5}]


class Pauses(threading.Event):
    """Waits for nothing, and remembers for how long it was to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.all_s: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.all_s.append(timeout or 0.0)
        return self.is_set()


PATIENCE_S = 10.0


class ScriptedPoll:
    """A poll whose calls are answered as the script says; it stops at the script's end."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reachability = Reachability()
        monkeypatch.setattr(poller, "LongPoll", lambda _connection: self)
        self._path = ledger_path(directory)
        self.poller = Poller(
            ApiAccess(""), lambda: Ledger(self._path), lambda: None, self.reachability
        )
        self.pauses = Pauses()
        self.poller._stopped = self.pauses
        self.script: Iterator[tuple[str, Any]] = iter(())
        self.offsets: list[int] = []

    def run(self, *script: tuple[str, Any]) -> bool:
        """Whether the token is believed to be refused after these calls."""
        self.script = iter(script)
        self.poller.run()
        assert next(self.script, None) is None, "the script was not played to its end"
        return self.poller.token_refused.is_set()

    def get_me(self) -> Any:
        return self._answer("getMe")

    def get_updates(self, offset: int, *_: object) -> Any:
        self.offsets.append(offset)
        return self._answer("getUpdates")

    def _answer(self, method: str) -> Any:
        expected, answer = next(self.script, (method, None))
        assert method == expected
        if answer is None:
            self.poller._stopped.set()
            raise AWAY
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def poll(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedPoll]:
    poll = ScriptedPoll(tmp_path, monkeypatch)
    yield poll
    poll.poller.stop()


def polls(*answers: Any) -> list[tuple[str, Any]]:
    return [("getUpdates", answer) for answer in answers]


def asks(*answers: Any) -> list[tuple[str, Any]]:
    return [("getMe", answer) for answer in answers]


@pytest.mark.parametrize(
    ("script", "is_refused"),
    [
        ([*polls(NO), *asks(NO, NO, NO)], True),
        ([*polls(NOTHING_NEW, NO), *asks(NO, NO, NO)], True),
        ([*polls(NO), *asks(ME), *polls(UPDATE)], False),
        ([*polls(NO), *asks(NO, ME), *polls(UPDATE)], False),
        ([*polls(NO), *asks(NO, NO, ME), *polls(NOTHING_NEW)], False),
        # What is not known is asked again, and then three times.
        ([*polls(NO), *asks(NO, NO, AWAY, NO, NO, NO)], True),
        ([*polls(NO), *asks(BUSY, NO, ME), *polls(NOTHING_NEW)], False),
        # Each doubt has to be confirmed by itself.
        ([*polls(NO), *asks(NO, NO, ME), *polls(NO), *asks(NO, ME), *polls(UPDATE)], False),
    ],
)
def test_token_is_given_up_after_three_refusals_in_a_row(
    poll: ScriptedPoll, script: list[tuple[str, Any]], is_refused: bool
) -> None:
    assert poll.run(*script) is is_refused
    assert sum(poll.pauses.all_s) < 60


@pytest.mark.parametrize(
    ("refusals", "is_refused"),
    [(poller.PROVEN_TOKEN_TRIES, True), (poller.PROVEN_TOKEN_TRIES - 1, False)],
)
def test_token_that_has_worked_is_given_up_after_minutes(
    poll: ScriptedPoll, refusals: int, is_refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = itertools.count(step=poller.PROVEN_S)
    monkeypatch.setattr(clocks, "monotonic", lambda: Monotonic(next(times)))
    after = [] if is_refused else [*asks(ME), *polls(NOTHING_NEW)]
    script = [*polls(NOTHING_NEW, NOTHING_NEW, NO), *asks(*[NO] * refusals), *after]
    assert poll.run(*script) is is_refused
    assert sum(poll.pauses.all_s) > 240


def test_stop_ends_the_doubts_about_a_token(poll: ScriptedPoll) -> None:
    answer = poll.get_me

    def stop_and_answer() -> Any:
        poll.pauses.set()
        return answer()

    poll.get_me = stop_and_answer  # type: ignore[method-assign]
    poll.run(*polls(NO), *asks(NO))


def test_call_that_was_refused_elsewhere_is_looked_into(poll: ScriptedPoll) -> None:
    poll.reachability.token_doubted.set()
    assert not poll.run(*asks(NO, ME), *polls(UPDATE))
    assert not poll.reachability.token_doubted.is_set()


@pytest.mark.parametrize("answer", [AWAY, ODD, NO])
def test_pauses_grow_up_to_a_bound(poll: ScriptedPoll, answer: Exception) -> None:
    script = [*polls(answer), *(asks(ME) if answer is NO else [])]
    assert not poll.run(*script * 8)
    assert poll.pauses.all_s[:8] == [1, 2, 4, 8, 16, MAX_PAUSE_S, MAX_PAUSE_S, MAX_PAUSE_S]


@pytest.mark.parametrize(
    ("answers", "has_returned"),
    [
        ([AWAY], False),
        ([AWAY, NOTHING_NEW], False),  # A hiccup.
        ([AWAY, AWAY, NOTHING_NEW], True),
        ([TelegramConflict("409")], False),
    ],
)
def test_others_learn_whether_telegram_answers(
    poll: ScriptedPoll, answers: list[Any], has_returned: bool
) -> None:
    poll.reachability.note_answer(clocks.monotonic())
    poll.reachability.acknowledge()
    poll.run(*polls(*answers))
    assert poll.reachability.has_returned is has_returned


def test_ids_that_telegram_chooses_anew_are_confirmed(poll: ScriptedPoll) -> None:
    """After a week without updates the next id is any, as the Bot API says of it."""
    batches = [[{"update_id": 900}], NOTHING_NEW, [{"update_id": 30}, {"update_id": 31}]]
    poll.run(*polls(*batches))
    assert poll.offsets == [0, 901, 901, 32]


def test_poller_that_is_stopped_before_it_begins_opens_nothing(poll: ScriptedPoll) -> None:
    poll.poller.stop()
    assert not poll.run()
    assert not poll._path.exists()


def test_pause_grows_to_its_limit_and_stays_there_for_a_year() -> None:
    assert [pause_after(failures) for failures in (0, 1, 2)] == [1, 2, 4]
    assert {pause_after(failures) for failures in (10, 1024, 10**7)} == {MAX_PAUSE_S}


def test_a_stop_does_not_wait_for_a_ledger_that_cannot_be_opened(tmp_path: Path) -> None:
    is_opening, is_stopped = threading.Event(), threading.Event()
    was_stopped: list[bool] = []
    opened: list[Ledger] = []

    def open_ledger() -> Ledger:
        is_opening.set()
        was_stopped.append(is_stopped.wait(PATIENCE_S))
        opened.append(Ledger(ledger_path(tmp_path)))
        return opened[0]

    stopping = Poller(ApiAccess(""), open_ledger, lambda: None, Reachability())
    thread = threading.Thread(target=stopping.run)
    thread.start()
    assert is_opening.wait(PATIENCE_S)
    stopping.stop()
    is_stopped.set()
    thread.join(PATIENCE_S)
    assert was_stopped == [True]
    assert not thread.is_alive(), "it polls no more"
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        opened[0].offset()
