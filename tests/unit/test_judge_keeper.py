"""When the operator is told that no judge starts, or none stays, by a stepped clock."""

from __future__ import annotations

import multiprocessing
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from worker.clocks import Monotonic
from worker.downloads.judge import keeper
from worker.downloads.judge.keeper import ENDS_WINDOW_S, MAX_ENDS, START_TIMEOUT_S, JudgeKeeper
from worker.downloads.judge.rules import Rules
from worker.pool.start_backoff import START_DELAYS_S
from worker.processes.process_setup import Limits

_NOBODYS_PID = 1 << 30


class FakeProcess:
    """A judge that lives, shows life and ends as the test says."""

    pid = _NOBODYS_PID

    def __init__(self, _context: object, _name: str, _run: object, args: tuple[Any, ...]) -> None:
        self._life = os.dup(args[1].fileno())
        self._has_ended = False

    def fileno(self) -> int:
        return self._life

    def show_life(self) -> None:
        os.write(self._life, b".")

    def has_ended(self) -> bool:
        return self._has_ended

    def kill(self) -> None:
        self._has_ended = True

    def release(self) -> int:
        os.close(self._life)
        return -9


class Scene:
    """A keeper and its clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.starts = 0
        self.judge: FakeProcess | None = None
        monkeypatch.setattr(keeper, "WatchedProcess", self._start)
        monkeypatch.setattr(keeper, "wait_ready", lambda *_: None)
        monkeypatch.setattr(keeper, "open_control", lambda: (socket.socket(), "nowhere"))
        context = multiprocessing.get_context("spawn")
        self.keeper = JudgeKeeper(context, Rules(), Limits())
        self.step()

    def _start(self, *args: Any) -> FakeProcess:
        self.starts += 1
        self.judge = FakeProcess(*args)
        return self.judge

    def step(self, after_s: float = 0.0) -> None:
        self.now += after_s
        self.keeper.step(Monotonic(self.now))

    def live(self, seconds: float, *, shows_life: bool = True) -> None:
        """Let the judge live, and end in the end."""
        judge = self.judge
        assert judge
        for _ in range(round(seconds)):
            if shows_life:
                judge.show_life()
            self.step(after_s=1.0)
        judge.kill()
        self.step()

    def until_next(self) -> float:
        """Wait for the next start; how long that took."""
        before = self.now
        if not self.keeper.pids:
            self.step(after_s=max(0.0, self.keeper.next_deadline() - self.now))
        assert self.keeper.pids
        return self.now - before


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    made = Scene(monkeypatch)
    yield made
    if made.judge and made.keeper.pids:
        made.judge.kill()
    made.keeper.close()


@pytest.mark.parametrize("life_s", [0, 1, 2, 30, START_TIMEOUT_S - 1])
def test_a_judge_that_never_shows_life_has_failed_to_start(scene: Scene, life_s: float) -> None:
    for delay_s in (*START_DELAYS_S, START_DELAYS_S[-1]):
        scene.live(life_s, shows_life=False)
        assert scene.keeper.trouble == "it ended with -9"
        assert scene.until_next() == pytest.approx(delay_s)
    scene.live(2)
    assert scene.keeper.trouble is None


def test_one_that_hangs_from_its_start_has_failed_too(scene: Scene) -> None:
    scene.step(after_s=START_TIMEOUT_S)
    scene.step()
    assert scene.keeper.trouble == "it ended with -9"
    assert scene.starts == 1
    assert scene.until_next() == pytest.approx(START_DELAYS_S[0])


@pytest.mark.parametrize("life_s", [2, 10, 50])
def test_judges_that_end_again_and_again_are_told_and_come_at_once(
    scene: Scene, life_s: float
) -> None:
    for _ in range(MAX_ENDS - 1):
        scene.live(life_s)
        assert scene.keeper.instability(Monotonic(scene.now)) is None
        assert scene.until_next() == 0.0
    scene.live(life_s)
    told = f"{MAX_ENDS} have ended within {(MAX_ENDS - 1) * life_s:.0f} s"
    assert scene.keeper.instability(Monotonic(scene.now)) == told
    assert (scene.keeper.trouble, scene.until_next()) == (None, 0.0)
    assert scene.keeper.instability(Monotonic(scene.now + ENDS_WINDOW_S)) is None


def test_ends_that_lie_apart_are_no_trouble(scene: Scene) -> None:
    for _ in range(2 * MAX_ENDS):
        scene.live(ENDS_WINDOW_S / (MAX_ENDS - 1) + 1)
        assert scene.keeper.instability(Monotonic(scene.now)) is None
        assert scene.until_next() == 0.0
