"""A bot's keeper of yt-dlp updates beside a real ledger, on clocks that the test moves."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from maintenance import health, measures
from maintenance.updates.background import Order
from maintenance.updates.keeper import UpdateKeeper
from maintenance.updates.updater import Outcome, UpdateResult
from tests.support.ledger_kit import a_link, send
from tests.support.updates import ADMIN
from worker import clocks
from worker.clocks import Monotonic, Wall
from worker.dispatch.dispatcher import Dispatcher
from worker.downloads.ytdlp.packages import copies
from worker.downloads.ytdlp.packages.copies import Installed, YtDlpChoice
from worker.errors import Reason
from worker.ledger import DOWNLOADS, Ledger, ledger_path
from worker.ledger.upkeep import admin_questions
from worker.ledger.upkeep.upkeep import Upkeep
from worker.protocol import Reader
from worker.protocol.admin_questions import Asked, Question
from worker.settings import Settings, YtDlpUpdates

NOW = Wall(1_800_000_000.0)
OLD, NEW = "2098.1.1", "2099.1.1"


class FakeBackground:
    """Takes orders, and is done with each when the test says so."""

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.pids: list[int] = []
        self.is_at_work = False
        self.outcome = Outcome(UpdateResult.CURRENT, OLD, OLD, f"{OLD} is the newest.")
        self.is_done = False
        self.trouble: OSError | None = None

    def start(self, order: Order, _now: Monotonic) -> None:
        assert not self.is_at_work
        if self.trouble:
            raise self.trouble
        self.orders.append(order)
        self.is_at_work = True

    def poll(self, _now: Monotonic) -> tuple[Order, Outcome] | None:
        if not self.is_done:
            return None
        self.is_done = self.is_at_work = False
        return self.orders[-1], self.outcome


class SteppedKeeper:
    """A ledger, and the keeper of a bot whose clocks the test moves."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch, every: str) -> None:
        self.now: float = 100.0
        copies.tell(directory)
        monkeypatch.setattr(clocks, "monotonic", lambda: Monotonic(self.now))
        monkeypatch.setattr(clocks, "wall_clock", lambda: Wall(NOW + self.now))
        self.downloads = SimpleNamespace(spec=SimpleNamespace(name=DOWNLOADS), trouble=None)
        self.dispatcher = SimpleNamespace(
            ytdlp=SimpleNamespace(in_use=OLD, trouble=None), pools=[self.downloads]
        )
        self.ledger = Ledger(ledger_path(directory))
        self.directory = directory
        self.settings = Settings(bot_token="", data_dir=directory, ytdlp_update=YtDlpUpdates(every))
        self.keeper = UpdateKeeper(
            self.settings, cast(Dispatcher, self.dispatcher), lambda: Upkeep(ledger_path(directory))
        )
        self.background = FakeBackground()
        vars(self.keeper)["_background"] = self.background
        self._links = 0

    def step(self, after_s: float = 1.0) -> None:
        self.now += after_s
        self.keeper.step()

    def ask(self, about: Asked) -> None:
        with self.ledger._db.transaction():
            question = Question(about, Reader(ADMIN), 7)
            admin_questions.ask(self.ledger._db, question)

    @property
    def told(self) -> list[str]:
        rows = self.ledger._db.execute("SELECT payload FROM jobs WHERE kind = 'reply' ORDER BY id")
        return [str(row["payload"]) for row in rows]

    def choose(self, **changes: object) -> None:
        place = copies.directory_of(self.directory)
        place.mkdir(mode=0o700, exist_ok=True)
        for version in (OLD, NEW):
            (place / f"{version}-1/yt_dlp").mkdir(mode=0o700, parents=True, exist_ok=True)
            (place / f"{version}-1").chmod(0o700)
            (place / f"{version}-1/yt_dlp/version.py").write_text(f"__version__ = '{version}'\n")
        fields: dict[str, object] = {
            "chosen": Installed(NEW, f"{NEW}-1"),
            "own": copies.own_state(),
            "python": copies.PYTHON,
            "since": NOW,
            "before": Installed(OLD, f"{OLD}-1"),
            "trial": 0.0,
        }
        copies.save(place / copies.CHOICE, YtDlpChoice(**{**fields, **changes}))  # type: ignore[arg-type]

    @property
    def refused(self) -> list[str]:
        """What health says of daily updates."""
        with Upkeep(ledger_path(self.directory)) as ledger:
            taken = measures.take(self.settings, ledger, zombies=0)
        found = health.assess(taken)
        return [each.text for each in found if each.name == "daily update"]

    @property
    def choice(self) -> YtDlpChoice:
        choice = copies.read(copies.directory_of(self.directory) / copies.CHOICE)
        assert choice
        return choice

    def answered(
        self, at: float, *reasons: Reason | None, attempts: int = 1, user_id: int = 7
    ) -> None:
        """A link for each, with media where it is None."""
        for reason in reasons:
            self._links += 1
            link = a_link(user_id, f"key {self._links}")
            send(self.ledger, link, update_id=self._links)
            self.ledger._db.execute(
                "UPDATE requests SET answered_at = ?, verdict = ?, reason = ?, attempts = ?,"
                " is_remembered = 0 WHERE id = (SELECT max(id) FROM requests)",
                at,
                "sentence" if reason else "media",
                reason,
                attempts,
            )


@contextmanager
def stepped_keeper(
    directory: Path, monkeypatch: pytest.MonkeyPatch, every: str = "off"
) -> Iterator[SteppedKeeper]:
    """A keeper that looks for updates by itself "daily", or "off": never."""
    monkeypatch.setenv(copies.VARIABLE, "")
    keeper = SteppedKeeper(directory, monkeypatch, every)
    yield keeper
    keeper.ledger.close()
