"""What a year of samples may contain: a bounded number of series."""

import dataclasses
import math
from pathlib import Path

import pytest

from maintenance import measures
from maintenance.findings import ok, warning
from maintenance.measures import MeasuredWorker, Measures
from maintenance.reporting import prometheus
from tests.support.ledger_kit import make_empty_ledger
from tests.support.metrics_rules import broken_rules
from worker.ledger import ledger_path
from worker.ledger.requests.answers import AnswerCount, AnswerTimes
from worker.ledger.upkeep.upkeep import Upkeep
from worker.settings import Settings


@pytest.fixture
def taken(tmp_path: Path) -> Measures:
    make_empty_ledger(ledger_path(tmp_path))
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
    assert "downloads-471" not in text


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


def test_answers_are_counted_by_site_and_reason_and_their_bytes_by_site(taken: Measures) -> None:
    counts = (
        AnswerCount("a.example", "media", "", False, 3, 30),
        AnswerCount("a.example", "media", "", True, 2, 20),
        AnswerCount('b".example', "sentence", "blocked here", False, 1, 0),
    )
    statistics = dataclasses.replace(taken.statistics, answers_total=counts)
    text = prometheus.render(dataclasses.replace(taken, statistics=statistics), [])
    assert series(text, "fetchbot_answers_total") == [
        'fetchbot_answers_total{site="a.example",outcome="media",reason=""} 3',
        'fetchbot_answers_total{site="a.example",outcome="remembered",reason=""} 2',
        'fetchbot_answers_total{site="b\\".example",outcome="sentence",reason="blocked here"} 1',
    ]
    assert series(text, "fetchbot_media_bytes") == [
        'fetchbot_media_bytes_total{site="a.example"} 50'
    ]


def test_durations_are_a_histogram_with_every_bound_and_growing_counts(taken: Measures) -> None:
    times = (
        AnswerTimes("downloading", 1.0, 2, 1.5),
        AnswerTimes("downloading", 7.0, 1, 6.5),  # of a version with other bounds
        AnswerTimes("downloading", math.inf, 1, 4000.0),
        AnswerTimes("waiting", 0.5, 4, 0.4),
    )
    statistics = dataclasses.replace(taken.statistics, answer_times=times)
    text = prometheus.render(dataclasses.replace(taken, statistics=statistics), [])
    found = series(text, 'fetchbot_answer_duration_seconds_bucket{step="downloading"')
    assert [line.split('le="')[1].replace('"}', "") for line in found] == [
        *("0.5 0", "1 2", "2.5 2", "5 2", "7 3", "10 3", "30 3", "60 3", "120 3", "300 3"),
        *("600 3", "3600 3", "+Inf 4"),
    ]
    assert series(text, "fetchbot_answer_duration_seconds_sum") == [
        'fetchbot_answer_duration_seconds_sum{step="downloading"} 4008.0',
        'fetchbot_answer_duration_seconds_sum{step="waiting"} 0.4',
    ]
    assert series(text, "fetchbot_answer_duration_seconds_count") == [
        'fetchbot_answer_duration_seconds_count{step="downloading"} 4',
        'fetchbot_answer_duration_seconds_count{step="waiting"} 4',
    ]
    assert text.count("# TYPE fetchbot_answer_duration_seconds histogram\n") == 1
    assert broken_rules(text) == []
