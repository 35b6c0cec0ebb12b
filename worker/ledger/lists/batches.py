"""The tables `batches` and `batch_items`: what people have taken from lists, item by item.

Each function is part of its caller's transaction. An item becomes a request only when there is room
for it: where a link would be refused, the item waits here. What has become of the items is read
from their requests, so it is right after a crash as well.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from worker import media_keys
from worker.clocks import Wall
from worker.form import WHOLE, Form
from worker.ledger.jobs import job_lookups, queue
from worker.ledger.jobs.jobs import Kind
from worker.ledger.lists import batch_lookups
from worker.ledger.records import Batch, Request, Verdict, is_song, read_batch
from worker.ledger.requests import admission, cancellation, request_lookups, requests
from worker.ledger.requests.admission import Quota
from worker.ledger.storage.database import Database
from worker.protocol.as_json import to_json
from worker.protocol.effects import OpenRequest
from worker.protocol.lists import Hold, ItemState, MediaList, Summary
from worker.protocol.notices import Refusal
from worker.sites import site_of_link

SUMMARY_INTERVAL_S = 5.0
"""The time between two edits of a summary, except for its last one. Answers go first."""

SUMMARY_PATIENCE_S = 15.0
"""After this long a summary is edited even if answers keep coming, which otherwise go first."""

MAX_IN_ALBUM = 10
"""How many songs come together (Bot API 10.1, sendMediaGroup)."""

MAX_LOST = 3
"""How often a deleted summary is posted again; after that its batch goes on in silence."""

_HOLDING = (Refusal.HOUR, Refusal.DAY)


@dataclass(frozen=True)
class BatchLimits:
    """How many items may become requests, and of which sites.

    A person has at most `at_once` items that are not answered yet, so that no more is fetched than
    Telegram can take. `may_be_tried` has the sites that fail for everybody, and whether one item
    may try each now; `full_sites` are as in `fairness.RunningLimits`.
    """

    at_once: int
    full_sites: Collection[str] = ()
    may_be_tried: Mapping[str, bool] = field(default_factory=dict)


@dataclass
class BatchOutcome:
    """What a step has led to: new requests, and running jobs to stop."""

    opened: list[Request] = field(default_factory=list)
    job_ids_to_stop: list[int] = field(default_factory=list)


def open_batch(
    db: Database,
    of: Request,
    found: MediaList,
    numbers: Collection[int],
    user_id: int,
    language: str,
    wall: Wall,
    *,
    fresh: bool = False,
) -> Batch:
    """Take items of the list that answers the request `of`, for the person `user_id`."""
    batch_id = db.insert(
        "batches",
        list_id=of.id,
        chat_id=of.chat_id,
        user_id=user_id,
        message_id=of.status_message_id,
        thread_id=of.thread_id,
        language=language,
        form=_form_of_items(of).code,
        fresh=fresh,
        title=found.title,
        items=json.dumps(sorted(numbers)),
        created_at=wall,
    )
    for number in sorted(numbers):
        url = found.items[number - 1].url
        db.execute(
            "INSERT INTO batch_items (batch_id, number, url) VALUES (?, ?, ?)",
            batch_id,
            number,
            url,
        )
    batch = batch_lookups.find(db, batch_id)
    assert batch is not None  # noqa: S101 - it was just made
    return batch


def _form_of_items(of: Request) -> Form:
    """The form that was asked for with the list's link, before anybody's settings.

    The settings of the person who takes the items are applied later.
    """
    form = of.asked_form or of.form
    return WHOLE if form.is_look else replace(form, whole_list=False)


def step(db: Database, quota: Quota, limits: BatchLimits, wall: Wall) -> BatchOutcome:
    """Open requests for the items whose turn it is, and queue the summaries that are due.

    The quota leaves room for links that the person sends. The items of a person who was banned end,
    also those under way. A summary is computed only if something has happened in its batch, for
    many batches may wait for days.
    """
    outcome = BatchOutcome()
    for row in db.execute("SELECT * FROM batches WHERE ended_at IS NULL ORDER BY id").fetchall():
        batch = read_batch(row)
        _open_items(db, batch, quota.for_items(), limits, wall, outcome)
        if is_song(batch.form):
            _gather_songs(db, batch, limits, wall)
        if db.value("SELECT has_news FROM batches WHERE id = ?", batch.id):
            _queue_summary(db, batch, wall)
    return outcome


def _open_items(
    db: Database, batch: Batch, quota: Quota, limits: BatchLimits, wall: Wall, outcome: BatchOutcome
) -> None:
    at_once = _at_once(batch, limits)
    if batch_lookups.unanswered_of(db, batch.user_id) >= at_once:
        return
    hold = Hold.NONE
    unopened = db.execute(
        "SELECT number, url FROM batch_items"
        " WHERE batch_id = ? AND request_id IS NULL AND NOT dropped ORDER BY number",
        batch.id,
    ).fetchall()
    for item in unopened:
        may_be_tried = limits.may_be_tried.get(site_of_link(item["url"]))
        if may_be_tried is False:
            hold = Hold.SITE
            continue
        # One item is enough to see whether a site works again.
        if batch_lookups.unanswered_of(db, batch.user_id) >= (
            at_once if may_be_tried is None else 1
        ):
            break
        link = _link_of(batch, item["url"])
        refusal = admission.refusal_of(db, link, quota, wall)
        if refusal is Refusal.BANNED:
            outcome.job_ids_to_stop += drop_rest(db, batch.id, wall)
        if refusal:
            hold = Hold.QUOTA if refusal in _HOLDING else hold
            break
        request = requests.open_request(db, link, wall, limits.full_sites, batch_id=batch.id)
        db.execute(
            "UPDATE batch_items SET request_id = ? WHERE batch_id = ? AND number = ?",
            request.id,
            batch.id,
            item["number"],
        )
        outcome.opened.append(request)
    db.execute("UPDATE batches SET held = ? WHERE id = ? AND held != ?", hold, batch.id, hold)


def _at_once(batch: Batch, limits: BatchLimits) -> int:
    """How many unanswered items a person may have; for songs at least a whole album."""
    return max(limits.at_once, MAX_IN_ALBUM) if is_song(batch.form) else limits.at_once


def _gather_songs(db: Database, batch: Batch, limits: BatchLimits, wall: Wall) -> None:
    """Send the next songs as an album, in their order, once it is full or no more will come.

    Songs that have not begun do not delay it if there would be no room for them anyway.
    """
    if not batch_lookups.has_unanswered(db, batch):
        return
    songs: list[Request] = []
    is_full = batch_lookups.unanswered_of(db, batch.user_id) >= _at_once(batch, limits)
    is_held = bool(db.value("SELECT held FROM batches WHERE id = ?", batch.id))
    is_last = True
    for item in batch_lookups.items(db, batch.id):
        if item.state is not ItemState.WAITING:
            continue
        request = request_lookups.find(db, item.request_id)
        if request is None or request.verdict is None:
            is_last = request is None and (is_full or is_held)
            break
        if _is_ready(db, request):
            media = request_lookups.own_media(db, request)
            if media and media.files:
                songs.append(request)
            else:  # It has turned out to be a list.
                requests.lead(db, [request], wall)
    if songs and (is_last or len(songs) >= MAX_IN_ALBUM):
        requests.lead(db, songs[:MAX_IN_ALBUM], wall)


def _is_ready(db: Database, request: Request) -> bool:
    """Whether a song has its media, and neither a message nor a place in an album yet."""
    has_place = request.status_message_id is not None or request.leader_id is not None
    is_media = request.verdict is Verdict.MEDIA
    return is_media and not has_place and not job_lookups.has_status(db, request.id)


def _link_of(batch: Batch, url: str) -> OpenRequest:
    return OpenRequest(
        batch.chat_id,
        batch.user_id,
        batch.message_id,
        url,
        media_keys.of_link(url, batch.form),
        form=batch.form,
        fresh=batch.fresh,
        language=batch.language,
        thread_id=batch.thread_id,
    )


# --------------------------------------------------------------------------------- summaries


def _queue_summary(db: Database, batch: Batch, wall: Wall) -> None:
    """Queue the summary of a batch if it differs from what was shown last."""
    waited_s = abs(wall - batch.shown_at) if batch.shown_at else SUMMARY_PATIENCE_S
    if waited_s < SUMMARY_INTERVAL_S and batch_lookups.is_waiting(db, batch.id):
        return
    if job_lookups.has_summary(db, batch.id):
        if waited_s >= SUMMARY_PATIENCE_S:
            queue.hurry_summary(db, batch.id)
        return
    summary = batch_lookups.summary_of(db, batch)
    if batch.lost < MAX_LOST and as_shown(summary) != batch.shown:
        queue.add(
            db,
            Kind.SUMMARY,
            wall,
            chat_id=batch.chat_id,
            user_id=batch.user_id,
            payload={"batch_id": batch.id},
        )
    else:
        ended_at = None if summary.waiting else wall
        db.execute("UPDATE batches SET has_news = 0, ended_at = ? WHERE id = ?", ended_at, batch.id)


def as_shown(summary: Summary) -> str:
    """A summary as text, as the table keeps the one that was shown last."""
    return json.dumps(to_json(summary))


def note_shown(db: Database, batch: Batch, message_id: int, shown: Summary, wall: Wall) -> None:
    """Note that the summary is in the chat, and what it shows; unless the chat has moved since."""
    db.execute(
        "UPDATE batches SET summary_message_id = ?, shown = ?, shown_at = ?"
        " WHERE id = ? AND chat_id = ?",
        message_id,
        as_shown(shown),
        wall,
        batch.id,
        batch.chat_id,
    )


def lose_summary(db: Database, batch_id: int) -> None:
    """Note that the summary is gone from the chat, or cannot be posted."""
    db.execute(
        "UPDATE batches SET summary_message_id = NULL, lost = lost + 1 WHERE id = ?", batch_id
    )


# -------------------------------------------------------------------------------- what people do


def drop_rest(db: Database, batch_id: int, wall: Wall) -> list[int]:
    """Drop a batch's items that wait, and cancel those under way. Returns ids of jobs to stop."""
    db.execute(
        "UPDATE batch_items SET dropped = 1 WHERE batch_id = ? AND request_id IS NULL", batch_id
    )
    request_ids = [
        item.request_id for item in batch_lookups.items(db, batch_id) if item.request_id is not None
    ]
    return cancellation.cancel_undecided(db, request_ids, wall)


def drop_unopened_of(db: Database, user_id: int, chat_id: int) -> int:
    """Drop a person's items that wait in a chat. Returns how many there were."""
    return db.execute(
        "UPDATE batch_items SET dropped = 1 WHERE request_id IS NULL AND NOT dropped AND batch_id"
        " IN (SELECT id FROM batches WHERE user_id = ? AND chat_id = ? AND ended_at IS NULL)",
        user_id,
        chat_id,
    ).rowcount


def drop_all_of(db: Database, user_id: int) -> None:
    """Drop all of a person's items that wait, in all chats."""
    db.execute(
        "UPDATE batch_items SET dropped = 1 WHERE request_id IS NULL"
        " AND batch_id IN (SELECT id FROM batches WHERE user_id = ? AND ended_at IS NULL)",
        user_id,
    )


def forget_of(db: Database, user_id: int) -> None:
    """Delete the words and links of what a person has taken, and the button that tries again."""
    db.execute(
        "UPDATE batches SET title = '', shown = json_set(shown, '$.title', ''), tried_again = 1"
        " WHERE user_id = ?",
        user_id,
    )
    db.execute(
        "UPDATE batch_items SET url = ''"
        " WHERE batch_id IN (SELECT id FROM batches WHERE user_id = ?)",
        user_id,
    )


def move(db: Database, chat_id: int, new_chat_id: int) -> None:
    """Let the open batches of a group go on in its supergroup, with new summaries."""
    db.execute(
        "UPDATE batches SET chat_id = :new, user_id = iif(user_id = :old, :new, user_id),"
        " message_id = 0, summary_message_id = NULL, shown = NULL"
        " WHERE chat_id = :old AND ended_at IS NULL",
        old=chat_id,
        new=new_chat_id,
    )


def end_in_chat(db: Database, chat_id: int | None, wall: Wall) -> None:
    """End the batches of a chat that is closed to the bot, without a summary."""
    db.execute(
        "UPDATE batch_items SET dropped = 1 WHERE request_id IS NULL AND batch_id IN"
        " (SELECT id FROM batches WHERE chat_id = ? AND ended_at IS NULL)",
        chat_id,
    )
    db.execute(
        "UPDATE batches SET ended_at = ?, lost = ? WHERE chat_id = ? AND ended_at IS NULL",
        wall,
        MAX_LOST,
        chat_id,
    )


def abandon(db: Database, batch_id: int, wall: Wall) -> None:
    """End a batch that cannot be read, without a summary. Items under way are still answered."""
    db.execute(
        "UPDATE batch_items SET dropped = 1 WHERE batch_id = ? AND request_id IS NULL", batch_id
    )
    db.execute("UPDATE batches SET ended_at = ?, lost = ? WHERE id = ?", wall, MAX_LOST, batch_id)


def try_again(db: Database, batch: Batch) -> tuple[int, ...]:
    """Note that the failed items are tried again, in a new batch. Returns their numbers.

    The old batch stays open until its summary has lost its button.
    """
    db.execute("UPDATE batches SET tried_again = 1, ended_at = NULL WHERE id = ?", batch.id)
    failed = (item for item in batch_lookups.items(db, batch.id) if item.state is ItemState.FAILED)
    return tuple(item.number for item in failed)
