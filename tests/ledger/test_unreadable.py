"""Rows that this bot cannot read, as a newer one may have written them, end nothing else."""

import sqlite3
from pathlib import Path

import pytest

from tests.support.ledger_kit import ERROR, START, a_link, claim, post, send
from worker.errors import Reason
from worker.ledger import ExplainJob, Ledger, UpdateJob
from worker.ledger.upkeep.upkeep import Upkeep


def change(ledger_file: Path, sql: str, *parameters: object) -> None:
    connection = sqlite3.connect(ledger_file)
    with connection:
        connection.execute(sql, parameters)
    connection.close()


def states(ledger_file: Path) -> list[str]:
    connection = sqlite3.connect(ledger_file)
    found = [state for (state,) in connection.execute("SELECT state FROM jobs ORDER BY id")]
    connection.close()
    return found


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        *(("update", "{"), ("button", "{}"), ("button", '{"later": 1}')),
        *(("panel", "{}"), ("reply", "[]"), ("cookies", "{}"), ("summary", "{}")),
    ],
)
def test_a_job_that_cannot_be_read_fails_and_the_next_one_is_taken(
    ledger: Ledger, ledger_file: Path, kind: str, payload: str
) -> None:
    ledger.record_updates([{"update_id": 1}, {"update_id": 2}], START)
    change(ledger_file, "UPDATE jobs SET kind = ?, payload = ? WHERE update_id = 1", kind, payload)
    assert ledger.claim("telegram", START) is None
    assert claim(ledger, UpdateJob).update == {"update_id": 2}
    with Upkeep(ledger_file) as upkeep:
        (failed,) = upkeep.failed(10)
    assert (failed.kind, failed.reason) == (kind, "internal")


def test_who_waits_for_a_download_that_cannot_be_read_is_told(
    ledger: Ledger, ledger_file: Path
) -> None:
    send(ledger, a_link(7))
    post(ledger, 70)
    change(ledger_file, "UPDATE jobs SET payload = '{}' WHERE kind = 'download'")
    assert ledger.claim("downloads", START) is None
    request = claim(ledger, ExplainJob).request
    assert (request.reason, request.status_message_id) == (Reason.INTERNAL, 70)
    with Upkeep(ledger_file) as upkeep:
        assert [failed.error_id for failed in upkeep.failed(10)] == [request.error_id]


def test_a_job_of_an_unknown_kind_is_dropped(ledger: Ledger, ledger_file: Path) -> None:
    ledger.record_updates([{"update_id": 1}, {"update_id": 2}], START)
    change(ledger_file, "UPDATE jobs SET kind = 'later' WHERE update_id = 1")
    assert ledger.claim("telegram", START) is None
    assert claim(ledger, UpdateJob).update == {"update_id": 2}
    assert states(ledger_file) == ["dropped", "running"]


def test_failed_jobs_are_listed_though_one_is_no_json_to_sqlite(
    ledger: Ledger, ledger_file: Path
) -> None:
    ledger.record_updates([{"update_id": 1, "message": {"date": float("nan")}}], START)
    ledger.fail(claim(ledger, UpdateJob), ERROR, "abc123", "", START)
    with Upkeep(ledger_file) as upkeep:
        assert [failed.error_id for failed in upkeep.failed(10)] == ["abc123"]
        assert [group.jobs for group in upkeep.failed_groups()] == [1]
