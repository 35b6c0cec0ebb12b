"""The table `requests`: from a person's link to its one answer.

Each function is part of its caller's transaction. Only `settle` queues the answer to a request,
once two things are known: what the answer is, and in which message it is given. Each function that
learns one of the two calls it, so it does not matter which comes first.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from worker import media_keys
from worker.clocks import Wall
from worker.errors import Reason
from worker.form import Form
from worker.ledger import preferences
from worker.ledger.jobs import fairness, job_lookups, queue
from worker.ledger.jobs.jobs import Kind
from worker.ledger.records import Request, Verdict
from worker.ledger.requests import (
    admission,
    answers,
    awaited_menus,
    known_failures,
    media_cache,
    request_lookups,
)
from worker.ledger.requests.known_failures import KnownFailure
from worker.ledger.storage.database import Database
from worker.protocol import Delivered
from worker.protocol.as_json import to_json
from worker.protocol.effects import OpenRequest


@dataclass(frozen=True)
class Resolution:
    """What the answer will be, and for a sentence its reason and the error's id.

    With None for `verdict` the answer is open again. `languages` as in `worker.errors.JobError`.
    """

    verdict: Verdict | None
    reason: Reason | None = None
    error_id: str | None = None
    languages: tuple[str, ...] = ()

    @classmethod
    def of_failure(cls, failure: KnownFailure) -> Self:
        """The sentence that says why media failed."""
        return cls(Verdict.SENTENCE, failure.reason, failure.error_id, failure.languages)


def open_request(
    db: Database,
    effect: OpenRequest,
    wall: Wall,
    full_sites: Collection[str] = (),
    *,
    batch_id: int | None = None,
) -> Request:
    """Accept a link: queue its status message, and provide the media. Returns the request.

    An item of a batch gets its status message later, see `settle`.
    """
    asked_form = None if effect.is_exact else effect.form.code
    effect = preferences.applied(db, effect, may_ask=batch_id is None)
    media_key = media_cache.use_link(db, effect.media_key, wall)
    if effect.fresh:
        media_cache.forget(db, media_key)
        known_failures.forget(db, media_key)
    request_id = db.insert(
        "requests",
        chat_id=effect.chat_id,
        user_id=effect.user_id,
        message_id=effect.message_id,
        url=effect.url,
        media_key=media_key,
        form=effect.form.code,
        asked_form=asked_form,
        captions=preferences.of(db, effect.user_id).captions,
        has_buttons=preferences.has_buttons(db, effect),
        fresh=effect.fresh,
        asks_first=effect.asks_first,
        describes=batch_id is None and preferences.describes(db, effect),
        language=effect.language,
        thread_id=effect.thread_id,
        turn=fairness.next_turn(db, effect.user_id, effect.url, full_sites),
        created_at=wall,
        sent_at=admission.sent_at(effect, wall),
        batch_id=batch_id,
    )
    if batch_id is None:
        queue.add(db, Kind.STATUS, wall, request=request_lookups.get(db, request_id))
    provide(db, request_id, wall, fresh=effect.fresh)
    return request_lookups.get(db, request_id)


def provide(
    db: Database,
    request_id: int,
    wall: Wall,
    *,
    fresh: bool = False,
    instead_of_id: int | None = None,
) -> None:
    """Find the media for a request: what Telegram has, a download to share, or a new download.

    Media that failed lately is not downloaded again: that failure is the answer. The download
    `instead_of_id` is not shared; `fresh` is noted with a new one.
    """
    _release(db, request_id)
    request = request_lookups.get(db, request_id)
    key = request.media_key
    is_remembered = media_cache.knows(db, key, wall)
    download_id = None
    if not is_remembered:
        download_id = job_lookups.id_to_share(db, request, instead_of_id)
        if download_id is None and (failure := known_failures.recall(db, key, wall)):
            decide(db, request_id, Resolution.of_failure(failure), wall)
            return
        if request.form.awaits_start:
            queue.await_anew(db, download_id, wall)
        download_id = download_id or queue.add(
            db,
            _kind_of(request.form),
            wall,
            media_key=key,
            payload={"url": request.url, "form": request.form.code, "fresh": fresh},
        )
    db.execute(
        "UPDATE requests SET download_id = ?, downloads = downloads + (? IS NOT NULL) WHERE id = ?",
        download_id,
        download_id,
        request_id,
    )
    fairness.charge(db, download_id)
    is_there = is_remembered or job_lookups.is_done(db, download_id)
    decide(db, request_id, Resolution(Verdict.MEDIA if is_there else None), wall)


def fetch_again(db: Database, request: Request, wall: Wall) -> None:
    """Fetch the media of a request once more, which is gone. A song leaves its album."""
    media_cache.forget(db, request.media_key)
    if request.download_id:
        # It must not be shared with others, either.
        queue.drop(db, request.download_id, wall)
    if request_lookups.is_unanswered(db, request.id):
        db.execute("UPDATE requests SET leader_id = NULL WHERE id = ?", request.id)
        provide(db, request.id, wall)


def _kind_of(form: Form) -> Kind:
    if form.is_look:
        return Kind.LOOK
    return Kind.RECORDING if form.is_recording else Kind.DOWNLOAD


def note_media_key(db: Database, download_id: int, media_key: str, wall: Wall) -> list[int]:
    """Note which media a running download fetches. Returns its id if it is to be stopped.

    It is stopped if Telegram has the media, or another download fetches it: the people who wait for
    this one then get the media from there.
    """
    job = job_lookups.find_running(db, download_id)
    if job is None or job["media_key"] == media_key:
        return []
    media_cache.connect(db, job["media_key"], media_key, wall)
    queue.set_media_key(db, download_id, media_key)
    db.execute(
        "UPDATE requests SET media_key = ? WHERE download_id = ? AND answered_at IS NULL",
        media_key,
        download_id,
    )
    if json.loads(job["payload"]).get("fresh"):
        media_cache.forget(db, media_key)
    waiting = request_lookups.undecided(db, download_id)
    if awaited_menus.is_awaited(db, download_id):
        return []
    if not waiting or not (
        media_cache.knows(db, media_key, wall)
        or job_lookups.id_to_share(db, waiting[0], download_id)
    ):
        return []
    for request in waiting:
        provide(db, request.id, wall, instead_of_id=download_id)
    return [download_id]


def forget_download(db: Database, download_id: int) -> None:
    """Let the requests of a download no longer refer to it, so that it can be deleted."""
    db.execute("UPDATE requests SET download_id = NULL WHERE download_id = ?", download_id)


def set_status_message(db: Database, request: Request, message_id: int) -> None:
    """Note the status message that was posted for a request, unless its chat has moved since."""
    db.execute(
        "UPDATE requests SET status_message_id = ?, status_messages = status_messages + 1"
        " WHERE id = ? AND chat_id = ?",
        message_id,
        request.id,
        request.chat_id,
    )


def forget_status_message(db: Database, request_id: int) -> None:
    """Forget the status message of a request, which is gone from the chat."""
    db.execute("UPDATE requests SET status_message_id = NULL WHERE id = ?", request_id)


def move(db: Database, request: Request, new_chat_id: int, wall: Wall) -> None:
    """Let an unanswered request of a group go on in its supergroup, in a new status message."""
    had_message = request.status_message_id is not None or job_lookups.has_status(db, request.id)
    user_id = new_chat_id if request.user_id == request.chat_id else request.user_id
    db.execute(
        "UPDATE requests SET chat_id = ?, user_id = ?, message_id = 0, status_message_id = NULL"
        " WHERE id = ?",
        new_chat_id,
        user_id,
        request.id,
    )
    for job_id in queue.drop_all(db, request.id, wall):
        # It is not killed: it ends in a moment, and may have sent the answer before the move.
        queue.drop(db, job_id, wall)
    if had_message:
        queue.add(db, Kind.STATUS, wall, request=request_lookups.get(db, request.id))
    settle(db, request.id, wall)


def set_menu(db: Database, request_id: int, ends_at: Wall | None, job_id: int | None) -> None:
    """Note until when a page of the menu below an answer is open, and the job that closes it.

    Both are None for the first page.
    """
    db.execute(
        "UPDATE requests SET menu_ends_at = ?, menu_job_id = ? WHERE id = ?",
        ends_at,
        job_id,
        request_id,
    )


def set_withdrawn(db: Database, request_id: int) -> None:
    """Note that the link of a request is not in its message any more."""
    db.execute("UPDATE requests SET withdrawn = 1 WHERE id = ?", request_id)


def set_sent(db: Database, request_id: int, sent: Iterable[Delivered]) -> None:
    """Note all that was sent of a request's media beside its status message."""
    sent_json = json.dumps([to_json(delivered) for delivered in sent])
    db.execute("UPDATE requests SET sent = ? WHERE id = ?", sent_json, request_id)


def reopen(db: Database, request_id: int, wall: Wall) -> None:
    """Begin an answered request again: queue another status message, and provide the media."""
    db.execute(
        "UPDATE requests SET answered_at = NULL, verdict = NULL, reason = NULL, error_id = NULL,"
        " languages = '[]',"
        " status_message_id = NULL, status_messages = 0, downloads = 0, sent = '[]',"
        " reopened_at = ? WHERE id = ?",
        wall,
        request_id,
    )
    queue.add(db, Kind.STATUS, wall, request=request_lookups.get(db, request_id))
    provide(db, request_id, wall)


def decide(db: Database, request_id: int, decision: Resolution, wall: Wall) -> None:
    """Set what the answer will be, unless the request has come to its end."""
    if not request_lookups.is_unanswered(db, request_id):
        return
    if decision.reason in _NOTHING_TO_CHOOSE and request_lookups.get(db, request_id).asks_first:
        _fetch_without_asking(db, request_id, wall)
        return
    if decision.verdict is not Verdict.MEDIA:
        _release(db, request_id)
    db.execute(
        "UPDATE requests SET verdict = ?, reason = ?, error_id = ?, languages = ? WHERE id = ?",
        decision.verdict,
        decision.reason,
        decision.error_id,
        json.dumps(decision.languages),
        request_id,
    )
    settle(db, request_id, wall)


# A look finds videos alone; behind the link may be pictures, or a file.
_NOTHING_TO_CHOOSE = frozenset({Reason.NO_FORMAT, Reason.NO_MEDIA, Reason.UNSUPPORTED})


def _fetch_without_asking(db: Database, request_id: int, wall: Wall) -> None:
    """Fetch the media of a person who wanted to be asked, since there is nothing to choose."""
    request = request_lookups.get(db, request_id)
    form = preferences.without_asking(db, request.user_id, request.url)
    key = media_cache.use_link(db, media_keys.of_link(request.url, form), wall)
    db.execute(
        "UPDATE requests SET asks_first = 0, form = ?, media_key = ? WHERE id = ?",
        form.code,
        key,
        request_id,
    )
    provide(db, request_id, wall)


def decide_all(db: Database, download_id: int, decision: Resolution, wall: Wall) -> None:
    """Give the same answer to everybody who waits for a download and has not cancelled."""
    for request in request_lookups.undecided(db, download_id):
        decide(db, request.id, decision, wall)


def settle(db: Database, request_id: int, wall: Wall) -> None:
    """Queue the answer, if its text and its message are known and it is not queued yet."""
    request = request_lookups.get(db, request_id)
    if request.answered_at or request.verdict is None:
        return
    if request.status_message_id is None:
        if request.batch_id is not None and not job_lookups.has_status(db, request_id):
            _settle_item(db, request, wall)
        return
    if not job_lookups.has_answer(db, request_id):
        kind = _next_step(db, request)
        queue.add(db, kind, wall, request=request, media_key=request.media_key)


def _settle_item(db: Database, request: Request, wall: Wall) -> None:
    """Queue a status message for an item of a batch that has media and comes in no album.

    An item without media ends here: the summary is edited until it tells what has become of it.
    """
    if request.verdict is not Verdict.MEDIA:
        mark_answered(db, request.id, wall)
    elif not request.comes_in_album:
        queue.add(db, Kind.STATUS, wall, request=request)


def lead(db: Database, songs: Sequence[Request], wall: Wall) -> None:
    """Send songs as one album: the first gets a message, and the others come beside it."""
    leader, *others = songs
    for song in others:
        db.execute("UPDATE requests SET leader_id = ? WHERE id = ?", leader.id, song.id)
    queue.add(db, Kind.STATUS, wall, request=leader)


def _release(db: Database, leader_id: int) -> None:
    """Let the songs that were to come beside this one come with others, or alone."""
    db.execute(
        "UPDATE requests SET leader_id = NULL WHERE leader_id = ? AND answered_at IS NULL",
        leader_id,
    )


def note_songs_sent(db: Database, leader: Request, sent: Sequence[Delivered], wall: Wall) -> None:
    """Mark those songs of an album as answered whose files have been sent."""
    own = request_lookups.own_media(db, leader)
    start = len(own.files) - 1 if own else 0
    for song in request_lookups.followers(db, leader.id):
        media = request_lookups.own_media(db, song)
        end = start + (len(media.files) if media else 0)
        if media and song.answered_at is None and end <= len(sent):
            mark_answered(db, song.id, wall)
            media_cache.remember(db, song.media_key, media, tuple(sent[start:end]), wall)
        start = end


def _next_step(db: Database, request: Request) -> Kind:
    """The kind of the next job. The first of several files becomes the answer, and comes last."""
    if request.verdict is not Verdict.MEDIA:
        return Kind.EXPLAIN
    media = request_lookups.media_of(db, request)
    beside = len(media.files) - 1 if media else 0
    return Kind.GROUP if len(request.sent) < beside else Kind.DELIVER


def forget_of(db: Database, user_id: int) -> None:
    """Mark a person's requests, so that what they were about is deleted by `empty`."""
    db.execute(
        "UPDATE requests SET is_forgotten = 1 WHERE user_id = ? AND NOT is_forgotten", user_id
    )


def empty(db: Database, request_ids: Collection[int]) -> None:
    """Delete what some requests were about."""
    db.execute(
        "UPDATE requests SET url = '', media_key = '', sent = '[]'"
        " WHERE id IN (SELECT value FROM json_each(?))",
        json.dumps(list(request_ids)),
    )


def give_up(db: Database, request: Request, wall: Wall) -> list[int]:
    """End a request that cannot be answered. Returns the ids of running jobs to stop."""
    if request_lookups.is_unanswered(db, request.id):
        _release(db, request.id)
        db.execute("UPDATE requests SET verdict = 'unreachable' WHERE id = ?", request.id)
        mark_answered(db, request.id, wall)
    return queue.drop_all(db, request.id, wall) + drop_unwanted(db, request.download_id, wall)


def abandon(db: Database, request_id: int, error_id: str, wall: Wall) -> None:
    """End a request that cannot be read, and so can be neither answered nor counted."""
    _release(db, request_id)
    db.execute(
        "UPDATE requests SET verdict = ?, reason = ?, error_id = ?, answered_at = ?,"
        " leader_id = NULL WHERE id = ?",
        Verdict.UNREACHABLE,
        Reason.INTERNAL,
        error_id,
        wall,
        request_id,
    )


def mark_answered(db: Database, request_id: int, wall: Wall) -> None:
    """End a request that has its one answer, unless it has ended before."""
    request = request_lookups.get(db, request_id)
    if request.answered_at is not None:
        return
    answer = answers.facts_of(db, request, wall)
    db.execute(
        "UPDATE requests SET answered_at = ?, is_remembered = ?, media_bytes = ?, waited_s = ?,"
        " downloaded_s = ?, uploaded_s = ?, attempts = ? WHERE id = ?",
        wall,
        answer.is_remembered,
        answer.media_bytes,
        answer.waited_s,
        answer.downloaded_s,
        answer.uploaded_s,
        answer.attempts,
        request_id,
    )
    answers.add_to_counts(db, answer, request.url)
    db.news.append(answer)


def drop_unwanted(db: Database, download_id: int | None, wall: Wall) -> list[int]:
    """Drop a download if nobody waits for it any more. Returns its id if it has to be stopped."""
    waiting = request_lookups.unanswered(db, download_id)
    is_wanted = any(request.verdict in (None, Verdict.MEDIA) for request in waiting)
    if is_wanted or awaited_menus.is_awaited(db, download_id):
        fairness.charge(db, download_id)
        return []
    return queue.drop_download(db, download_id, wall)


def drop_unawaited(db: Database, download_id: int, wall: Wall) -> bool:
    """Drop a download that waits or runs if nobody waits for its outcome.

    One that runs is not stopped: its attempt has ended, or the bot that ran it. Returns whether it
    was dropped.
    """
    if request_lookups.has_undecided(db, download_id) or awaited_menus.is_awaited(db, download_id):
        return False
    queue.drop(db, download_id, wall)
    return True
