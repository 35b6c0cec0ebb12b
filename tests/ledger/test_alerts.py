"""Alerts: which sample is announced, when, and to whom."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from maintenance import alerts
from maintenance.findings import ONCE_S, Finding, critical, ok, warning
from tests.support.ledger_kit import make_empty_ledger
from worker.clocks import Wall
from worker.ledger import ledger_path
from worker.ledger.upkeep.upkeep import Upkeep
from worker.protocol.as_json import reply_from_json

BAD = [critical("disk", "3 % free")]
GOOD = [ok("disk", "30 % free")]
HOUR = 3600.0


class Admins:
    """A ledger, samples brought to it, and the messages that come of them."""

    def __init__(self, path: Path) -> None:
        make_empty_ledger(path)
        self.ledger = Upkeep(path)
        self.now = 1_000_000.0

    def sample(self, findings: list[Finding], times: int = 1, every_s: float = 15.0) -> None:
        for _ in range(times):
            self.now += every_s
            alerts.step(self.ledger, findings, {7, 8}, Wall(self.now))

    @property
    def messages(self) -> list[str]:
        """To the first admin, those that were dropped left out."""
        rows = self.ledger._db.execute(
            "SELECT payload FROM jobs WHERE kind = 'reply' AND state != 'dropped' ORDER BY id"
        )
        replies = [reply_from_json(json.loads(row["payload"])) for row in rows]
        said = [reply.notices for reply in replies if reply.reader.chat_id == 7]
        return [str(notice.values["text"]) for notices in said for notice in notices]

    def send_all(self) -> None:
        self.ledger._db.execute("UPDATE jobs SET state = 'done' WHERE state = 'waiting'")


@pytest.fixture
def admins(tmp_path: Path) -> Iterator[Admins]:
    admins = Admins(ledger_path(tmp_path))
    yield admins
    admins.ledger.close()


def test_one_bad_sample_is_none(admins: Admins) -> None:
    for _ in range(10):
        admins.sample(BAD)
        admins.sample(GOOD)
    assert admins.messages == []


def test_trouble_is_announced_once_and_its_end_once(admins: Admins) -> None:
    admins.sample(BAD, 20)
    admins.send_all()
    assert admins.messages == ["⚠ disk: 3 % free"]
    admins.sample(GOOD, 1)
    assert len(admins.messages) == 1
    admins.sample(GOOD, 20)
    assert admins.messages == ["⚠ disk: 3 % free", "✓ disk: over after 5m15s"]


def test_every_admin_hears_of_it(admins: Admins) -> None:
    admins.sample(BAD, 2)
    rows = admins.ledger._db.execute("SELECT payload ->> '$.reader.chat_id' AS chat FROM jobs")
    assert sorted(row["chat"] for row in rows) == [7, 8]


def test_it_is_repeated_hourly(admins: Admins) -> None:
    for _ in range(3):
        admins.sample(BAD, 240)
        admins.send_all()
    assert len(admins.messages) == 3
    assert admins.messages[1].startswith("⚠ disk, for 1h00m")


def test_what_is_said_once_is_said_once_each_time(admins: Admins) -> None:
    stale = [warning("cookies for a.example", "refused", alerts_every_s=ONCE_S)]
    for _ in range(2):
        admins.sample(stale, 50, every_s=HOUR)
        admins.send_all()
        admins.sample(GOOD, 3)
        admins.send_all()
    assert [message[0] for message in admins.messages] == ["⚠", "✓", "⚠", "✓"]


def test_flapping_is_announced_once_an_hour(admins: Admins) -> None:
    while admins.now < 1_000_000 + 2 * HOUR:
        for findings in (BAD, GOOD):
            admins.sample(findings, 3)
            admins.send_all()
    raised = [text for text in admins.messages if text.startswith("⚠")]
    assert len(raised) == 2
    assert len(admins.messages) <= 4


def test_restart_says_nothing_twice(admins: Admins, tmp_path: Path) -> None:
    admins.sample(BAD, 3)
    admins.send_all()
    restarted = Admins(ledger_path(tmp_path))
    restarted.now = admins.now
    restarted.sample(BAD, 10)
    restarted.sample(GOOD, 2)
    assert [text[0] for text in restarted.messages] == ["⚠", "✓"]
    restarted.ledger.close()


@pytest.mark.parametrize("jump_s", [-400 * 86_400.0, 400 * 86_400.0])
def test_clock_jump_silences_nothing_for_long(admins: Admins, jump_s: float) -> None:
    admins.sample(BAD, 2)
    admins.send_all()
    admins.now += jump_s
    admins.sample(BAD, 240)
    admins.send_all()
    assert len(admins.messages) in (2, 3)


def test_what_waits_is_not_piled_up(admins: Admins) -> None:
    """Telegram is down for six hours: one message for each trouble is what comes then."""
    admins.sample(BAD, 6 * 240)
    (message,) = admins.messages
    assert message.startswith("⚠ disk, for 5h")
    admins.sample(GOOD, 2)
    (message,) = admins.messages
    assert message.startswith("✓ disk: over after 6h")


def test_what_another_version_remembers_silences_nothing(admins: Admins) -> None:
    admins.sample(BAD, times=2)
    (said,) = admins.messages
    known = admins.ledger.published(alerts.STATE)["disk"]
    other = {"disk": {**known, "muted_until": 5.0}, "memory": {"began": 1.0}, "workers": 7}
    admins.ledger.publish(alerts.STATE, other)
    admins.sample([*BAD, critical("memory", "90 %")], times=2)
    assert admins.messages == [said, "⚠ memory: 90 %"]
