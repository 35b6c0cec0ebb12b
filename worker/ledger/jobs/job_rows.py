"""Rows of the table `jobs` as claimed jobs."""

import json
import sqlite3
from dataclasses import fields
from typing import Any

from worker.form import Form
from worker.ledger.jobs import jobs
from worker.ledger.jobs.jobs import Kind
from worker.ledger.records import Batch, Request
from worker.ledger.storage.database import LedgerError
from worker.protocol import Media
from worker.protocol.as_json import (
    answer_from_json,
    menus_from_json,
    removal_from_json,
    reply_from_json,
)
from worker.protocol.lists import Summary
from worker.protocol.panels import Panel, View
from worker.protocol.site_cookies import keep_cookies_from_json


def read_job(
    row: sqlite3.Row,
    request: Request | None,
    media: Media | None,
    shown: tuple[Panel, View] | None = None,
    batch: tuple[Batch, Summary] | None = None,
) -> jobs.Job:
    """A row of `jobs`, with its request and the media that there is for it, or what it shows.

    Raises LedgerError when the kind needs a request, a panel or a batch and the row has none.
    """
    payload = json.loads(row["payload"])
    facts = _facts(row)
    kind = Kind(row["kind"])
    match kind:
        case Kind.UPDATE:
            return jobs.UpdateJob(**facts, update=payload)
        case Kind.REPLY:
            return jobs.ReplyJob(**facts, reply=reply_from_json(payload))
        case Kind.BUTTON:
            answer = answer_from_json(payload)
            facts["chat_id"] = answer.menu_chat_id or facts["chat_id"]
            return jobs.ButtonJob(**facts, answer=answer)
        case Kind.COOKIES:
            return jobs.CookiesJob(**facts, sent=keep_cookies_from_json(payload))
        case Kind.DOWNLOAD | Kind.LOOK | Kind.RECORDING:
            return read_download(row)
        case Kind.MENUS:
            return jobs.MenusJob(**facts, task=menus_from_json(payload))
        case Kind.REMOVAL:
            return jobs.RemovalJob(**facts, task=removal_from_json(payload))
        case Kind.PANEL | Kind.PANEL_EDIT:
            return _read_panel_job(kind, facts, shown)
        case Kind.SUMMARY:
            if batch is None:
                raise LedgerError(f"job {row['id']} is a {kind} of no batch")
            return jobs.SummaryJob(**facts, batch=batch[0], summary=batch[1])
    if request is None:
        raise LedgerError(f"job {row['id']} is a {kind} for no request")
    if kind is Kind.STATUS:
        return jobs.StatusJob(**facts, request=request)
    message_id = request.status_message_id
    if message_id is None:
        raise LedgerError(f"job {row['id']} is a {kind} for a request without a status message")
    match kind:
        case Kind.EXPLAIN:
            return jobs.ExplainJob(**facts, request=request, message_id=message_id)
        case Kind.GROUP:
            return jobs.GroupJob(**facts, request=request, message_id=message_id, media=media)
        case Kind.DELIVER:
            return jobs.DeliverJob(**facts, request=request, message_id=message_id, media=media)


def _read_panel_job(
    kind: Kind, facts: dict[str, Any], shown: tuple[Panel, View] | None
) -> jobs.PanelJob:
    if shown is None:
        raise LedgerError(f"job {facts['id']} shows no panel")
    job_type = jobs.PanelEditJob if kind is Kind.PANEL_EDIT else jobs.PanelJob
    return job_type(**facts, panel=shown[0], view=shown[1])


def read_download(row: sqlite3.Row) -> jobs.DownloadJob:
    """A row of `jobs` that is a download, a look or a recording."""
    payload = json.loads(row["payload"])
    facts = {
        **_facts(row),
        "media_key": row["media_key"],
        "url": payload["url"],
        "form": Form.parse(payload["form"]),
        "max_bytes": payload.get("max_bytes"),
        "fresh": bool(payload.get("fresh")),
    }
    match Kind(row["kind"]):
        case Kind.LOOK:
            return jobs.LookJob(**facts)
        case Kind.RECORDING:
            has_begun = row["priority"] == jobs.BEGUN_RECORDING
            return jobs.RecordingJob(
                **facts, has_begun=has_begun, is_stopped=bool(payload.get("stopped"))
            )
    return jobs.DownloadJob(**facts)


def _facts(row: sqlite3.Row) -> dict[str, Any]:
    """The fields of `ClaimedJob`."""
    return {field.name: row[field.name] for field in fields(jobs.ClaimedJob)}
