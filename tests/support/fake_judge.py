"""A judge that is there, or is not, as the test says."""

from collections.abc import Sequence


class FakeJudge:
    """Stands for a `worker.downloads.judge.keeper.JudgeKeeper`."""

    address = "nowhere"
    readers: Sequence[int] = ()
    pids: Sequence[int] = ()

    def __init__(self) -> None:
        self.is_up = True
        self.trouble: str | None = None
        self.is_closed = False

    def next_deadline(self) -> float:
        return float("inf")

    def step(self, _now: float) -> None:
        pass

    def instability(self, _now: float) -> str | None:
        return None

    def close(self) -> None:
        self.is_closed = True
