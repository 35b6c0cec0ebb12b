"""What a year of samples may contain: a bounded number of series."""

import dataclasses
from pathlib import Path

import pytest

from maintenance import measures
from maintenance.commands import prometheus
from maintenance.findings import ok, warning
from maintenance.measures import MeasuredWorker, Measures
from worker.ledger import Ledger, ledger_path
from worker.ledger.upkeep import Upkeep
from worker.settings import Settings


@pytest.fixture
def taken(tmp_path: Path) -> Measures:
    Ledger(ledger_path(tmp_path)).close()
    with Upkeep(ledger_path(tmp_path)) as ledger:
        return measures.take(Settings(bot_token="", data_dir=tmp_path), ledger, 0)


def a_worker(name: str, slot: int | None) -> MeasuredWorker:
    return MeasuredWorker("downloads", name, 1, "idle", 5.0, 9, None, 10, 100, slot=slot)


def series(text: str, name: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(name)]


def test_a_worker_is_called_by_its_slot_and_not_by_its_number(taken: Measures) -> None:
    workers = (
        a_worker("downloads-4711", 1),
        a_worker("downloads-4712", 2),
        a_worker("downloads-4713", None),
    )
    text = prometheus.render(dataclasses.replace(taken, workers=workers), [])
    assert series(text, "fetchbot_worker_jobs_total") == [
        'fetchbot_worker_jobs_total{pool="downloads",worker="downloads-1"} 9',
        'fetchbot_worker_jobs_total{pool="downloads",worker="downloads-2"} 9',
    ]
    assert "471" not in text


def test_links_that_wait_for_the_pace_of_sites_make_one_series(taken: Measures) -> None:
    statistics = dataclasses.replace(taken.statistics, paced={"a.example": 3, "b.example": 1})
    text = prometheus.render(dataclasses.replace(taken, statistics=statistics), [])
    assert series(text, "fetchbot_queue_paced_jobs") == ["fetchbot_queue_paced_jobs 4"]


def test_sites_that_turn_the_bot_away_make_one_series(taken: Measures) -> None:
    findings = [
        ok("disk", "fine"),
        warning("blocked by a.example", ""),
        warning("blocked by b.example", ""),
        warning("cookies for a.example", ""),
        ok("cookies for b.example", ""),
    ]
    assert series(prometheus.render(taken, findings), "fetchbot_health") == [
        'fetchbot_health{check="disk"} 0',
        'fetchbot_health{check="blocked"} 1',
        'fetchbot_health{check="cookies"} 1',
    ]
