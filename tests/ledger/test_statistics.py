"""What health and metrics say of the ledger's rows, and what that costs."""

import sqlite3
import time
from pathlib import Path

import pytest

from tests.support.ledger_kit import START, make_empty_ledger
from worker.clocks import Wall
from worker.errors import Reason
from worker.ledger import Ledger, ledger_path
from worker.ledger.upkeep.upkeep import Upkeep


@pytest.fixture
def ledger_file(tmp_path: Path) -> Path:
    make_empty_ledger(ledger_path(tmp_path))
    return ledger_path(tmp_path)


def test_figures_come_from_the_rows(ledger_file: Path) -> None:
    now = time.time()
    connection = sqlite3.connect(ledger_file)
    insert = (
        "INSERT INTO jobs (kind, pool, priority, state, created_at, waits_since, not_before,"
        " finished_at, reason, payload) VALUES"
        " ('download', 'downloads', 0, ?, 0, ?, 0, ?, ?, '{\"url\": \"https://a.example/v\"}')"
    )
    connection.executemany(
        insert,
        [
            ("waiting", now - 40, None, None),
            ("waiting", now - 10, None, None),
            *[("failed", 0, now - 100, "outdated")] * 2,
            ("failed", 0, now - 4000, "outdated"),
            ("failed", 0, now - 4000, "Telegram fails"),
            ("failed", 0, now - 90_000, "Telegram fails"),
            *[("done", 0, now - 300, None)] * 29,
        ],
    )
    request = (
        "INSERT INTO requests (chat_id, user_id, message_id, url, media_key, created_at, verdict,"
        " reason, answered_at) VALUES (1, 1, 1, ?, '', 0, ?, ?, ?)"
    )
    here, there = "https://a.example/v", "https://youtu.be/v"
    verdicts = [
        *[(here, "media", None, 60)] * 3,
        (here, "sentence", "network", 60),
        (here, "cancelled", None, 60),
        (here, "sentence", "network", 4000),
        # What lies in a link says nothing of the bot or of its sites.
        (here, "sentence", "not found", 60),
        (here, "sentence", "private", 60),
        (there, "sentence", "blocked here", 4000),
        (there + "?x", "sentence", "blocked here", 60),
        (there, "sentence", "blocked here", 90_000),
    ]
    connection.executemany(request, [(*answer, now - age) for *answer, age in verdicts])
    connection.commit()
    connection.close()
    with Upkeep(ledger_file) as upkeep:
        found = upkeep.statistics_at(Wall(now))
    assert found.queues["downloads"].waiting == 2
    assert found.queues["downloads"].oldest_wait_s == pytest.approx(40, abs=5)
    assert found.jobs_per_minute == 3.1
    assert (found.answers, found.outdated) == (7, {"a.example": 2})
    assert found.failed == {
        ("a.example", Reason.NETWORK): 1,
        ("youtube.com", Reason.BLOCKED_HERE): 1,
    }
    assert found.blocked == {"youtube.com": 2}
    assert found.refused == 1
    assert found.created_total == 36


def test_a_hundred_thousand_jobs_cost_no_more_than_a_thousand(ledger_file: Path) -> None:
    """Counted in SQLite's own steps, which do not depend on the machine's."""
    connection = sqlite3.connect(ledger_file)

    def fill(number: int) -> None:
        connection.execute(
            "WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers LIMIT ?)"
            " INSERT INTO jobs (kind, pool, priority, state, created_at, waits_since, not_before,"
            " finished_at) SELECT 'download', 'downloads', 0, iif(n % 10, 'done', 'failed'),"
            " 0, 0, 0, 1 FROM numbers",
            (number,),
        )
        connection.execute(
            "WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers LIMIT ?)"
            " INSERT INTO requests (chat_id, user_id, message_id, url, media_key, download_id,"
            " created_at, verdict, answered_at) SELECT 1, 1, 1, '', '', n, 0, 'media', 1"
            " FROM numbers",
            (number,),
        )
        connection.commit()

    def steps() -> int:
        counted = [0]
        with Upkeep(ledger_file) as ledger:
            count = lambda: counted.__setitem__(0, counted[0] + 1)  # noqa: E731
            ledger._db._connection.set_progress_handler(count, 10)
            ledger.statistics_at(Wall(time.time()))
            ledger.live_directories()
            ledger.failed(50)
        return counted[0]

    fill(1_000)
    few = steps()
    fill(100_000)
    assert few > 0
    assert steps() < 2 * few
    connection.close()


def test_counts_of_what_ended_do_not_fall_when_rows_are_removed(ledger_file: Path) -> None:
    ledger = Ledger(ledger_file)
    for number in range(5):
        ledger.record_updates([{"update_id": number}], START)
        job = ledger.claim("telegram", START)
        assert job
        ledger.finish(job, Wall(1.0))
    with Upkeep(ledger_file) as upkeep:
        assert upkeep.remove_old(Wall(100)) == 5
        figures = upkeep.statistics_at(Wall(200.0))
    assert figures.ended_total == {("telegram", "done"): 5}
    assert figures.created_total == 5
