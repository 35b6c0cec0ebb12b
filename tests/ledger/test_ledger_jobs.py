"""Jobs as they are read from their rows."""

import json
import sqlite3
from typing import Any

import pytest

from tests.support.ledger_kit import a_batch, a_request
from worker.ledger import DOWNLOADS, TELEGRAM, LedgerError
from worker.ledger.jobs.job_rows import read_job
from worker.ledger.jobs.jobs import Kind
from worker.protocol import AnswerButton, Reader, RemoveStatus, Reply, SetMenus
from worker.protocol.as_json import reply_to_json, to_json
from worker.protocol.lists import Summary
from worker.protocol.notices import Cancelled, Notice
from worker.protocol.panels import Panel, PanelKind, View

PAYLOADS: dict[Kind, dict[str, Any]] = {
    Kind.UPDATE: {"update_id": 5},
    Kind.DOWNLOAD: {"url": "https://a.example/v", "form": "all"},
    Kind.LOOK: {"url": "https://a.example/v", "form": "about"},
    Kind.RECORDING: {"url": "https://a.example/v", "form": "all.rec-10"},
    Kind.REPLY: reply_to_json(Reply(Reader(7), None, (Notice(Cancelled.DONE),))),
    Kind.BUTTON: to_json(AnswerButton("press", "en", Notice(Cancelled.DONE))),
    Kind.MENUS: to_json(SetMenus("0123", (5,), ())),
    Kind.REMOVAL: to_json(RemoveStatus(7, 50)),
    Kind.COOKIES: {"reader": {"chat_id": 7}, "message_id": 1, "file_id": None},
}
SHOWN = (Panel(1, PanelKind.QUEUE, Reader(7), 7, 1), View(()))
FOR_A_REQUEST = [Kind.STATUS, Kind.EXPLAIN, Kind.GROUP, Kind.DELIVER]


def a_row(kind: Kind, **changes: Any) -> sqlite3.Row:
    """A row of `jobs`, as SQLite gives it."""
    values = {
        "id": 3,
        "kind": kind,
        "attempts": 2,
        "priority": kind.priority,
        "created_at": 1.0,
        "waits_since": 1.0,
        "unanswered": 0,
        "refused_s": 0.0,
        "chat_id": 7,
        "user_id": 8,
        "media_key": "key",
        "payload": json.dumps(PAYLOADS.get(kind, {})),
        **changes,
    }
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    columns = ", ".join(f"? AS {name}" for name in values)
    row: sqlite3.Row = connection.execute(f"SELECT {columns}", tuple(values.values())).fetchone()
    connection.close()
    return row


@pytest.mark.parametrize("kind", Kind)
def test_each_kind_is_read_as_its_own_class(kind: Kind) -> None:
    job = read_job(a_row(kind), a_request(), None, SHOWN, (a_batch(), Summary("An album")))
    assert (job.kind, job.id, job.attempts, job.chat_id, job.user_id) == (kind, 3, 2, 7, 8)


@pytest.mark.parametrize("kind", [Kind.PANEL, Kind.PANEL_EDIT])
def test_job_that_shows_no_panel_is_refused(kind: Kind) -> None:
    with pytest.raises(LedgerError, match="job 3"):
        read_job(a_row(kind), None, None)


def test_summary_that_lacks_its_batch_is_refused() -> None:
    with pytest.raises(LedgerError, match="job 3"):
        read_job(a_row(Kind.SUMMARY), None, None)


@pytest.mark.parametrize("kind", FOR_A_REQUEST)
def test_job_that_lacks_its_request_is_refused(kind: Kind) -> None:
    with pytest.raises(LedgerError, match="job 3"):
        read_job(a_row(kind), None, None)


@pytest.mark.parametrize("kind", FOR_A_REQUEST[1:])
def test_answer_without_a_status_message_is_refused(kind: Kind) -> None:
    with pytest.raises(LedgerError, match="job 3"):
        read_job(a_row(kind), a_request(status_message_id=None), None)


def test_kinds_know_where_and_how_their_jobs_run() -> None:
    downloads = [Kind.DOWNLOAD, Kind.LOOK, Kind.RECORDING]
    assert [kind for kind in Kind if kind.is_download] == downloads
    assert [kind for kind in Kind if kind.listens_to_stop] == downloads
    assert {kind for kind in Kind if kind.is_upload} == {Kind.GROUP, Kind.DELIVER}
    assert {kind.pool for kind in Kind if not kind.is_download} == {TELEGRAM}
    assert Kind.DOWNLOAD.pool == DOWNLOADS
    by_priority = sorted(Kind, key=lambda kind: kind.priority)
    assert by_priority[:3] == [Kind.BUTTON, Kind.UPDATE, Kind.REPLY]
    assert by_priority[-5:] == [*downloads, Kind.SUMMARY, Kind.MENUS]


def test_each_kind_has_a_noun_of_its_own_for_the_log() -> None:
    assert len({kind.noun for kind in Kind}) == len(Kind)
