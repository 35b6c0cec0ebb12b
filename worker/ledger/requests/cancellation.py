"""How a person cancels links: by the button, by a command, or by editing their message.

Each function is part of its caller's transaction.
"""

from collections.abc import Iterable

from worker.clocks import Wall
from worker.ledger import preferences
from worker.ledger.jobs import queue
from worker.ledger.records import Request, Verdict, read_request
from worker.ledger.requests import awaited_menus, request_lookups, requests
from worker.ledger.storage.database import Database
from worker.protocol.effects import CancelAll, CancelRequest, EditLinks, OpenRequest
from worker.protocol.notices import Cancelled


def cancel(db: Database, effect: CancelRequest, wall: Wall) -> tuple[Cancelled, list[int]]:
    """Cancel the request of a pressed button. Returns what came of it, and ids of jobs to stop."""
    request = request_lookups.find(db, effect.request_id)
    if request and not may_cancel(request, effect.user_id, effect.chat_id):
        return Cancelled.NOT_YOURS, []
    if not request or not request_lookups.is_open(request):
        return Cancelled.TOO_LATE, []
    return Cancelled.DONE, withdraw(db, request, wall)


def cancel_undecided(db: Database, request_ids: Iterable[int], wall: Wall) -> list[int]:
    """Cancel those requests whose outcome is still open. Returns the ids of jobs to stop."""
    # A request that has ended may be one that only a newer bot can read.
    undecided_ids = [each for each in request_ids if request_lookups.is_undecided(db, each)]
    undecided = [request_lookups.get(db, request_id) for request_id in undecided_ids]
    return [job_id for request in undecided for job_id in withdraw(db, request, wall)]


def cancel_all(db: Database, effect: CancelAll, wall: Wall) -> tuple[int, list[int]]:
    """Cancel all links of a person in a chat. Returns how many, and the ids of jobs to stop."""
    mine = request_lookups.open_of(db, effect.user_id, effect.reader.chat_id)
    return len(mine), [job_id for request in mine for job_id in withdraw(db, request, wall)]


def cancel_all_of(db: Database, user_id: int, wall: Wall) -> list[int]:
    """Cancel all that a person waits for. Returns the ids of running jobs to stop."""
    mine = request_lookups.open_of(db, user_id, None)
    to_stop = [job_id for request in mine for job_id in withdraw(db, request, wall)]
    for look_job_id in awaited_menus.forget_of(db, user_id):
        to_stop += requests.drop_unwanted(db, look_job_id, wall)
    return to_stop


def may_cancel(request: Request, user_id: int, chat_id: int | None) -> bool:
    """Whether a person who presses a button in this chat may cancel a request.

    Nobody knows who sent a link in the name of a chat, so everybody in that chat may press its
    button. The chat is compared, because a client can send any button's data from anywhere.
    """
    if request.user_id < 0:
        return request.chat_id == chat_id
    return request.user_id == user_id


def edit(db: Database, effect: EditLinks, wall: Wall) -> tuple[list[OpenRequest], list[int]]:
    """Cancel the requests for links that are no longer in an edited message.

    Returns its new links, and the ids of running jobs to stop.
    """
    rows = db.execute(
        "SELECT * FROM requests WHERE chat_id = ? AND message_id = ? AND NOT withdrawn",
        effect.chat_id,
        effect.message_id,
    )
    known = list(map(read_request, rows))
    to_stop: list[int] = []
    for request in known:
        is_wanted = any(_asks_for(db, link, request) for link in effect.links)
        if request_lookups.is_open(request) and not is_wanted:
            requests.set_withdrawn(db, request.id)
            to_stop += withdraw(db, request, wall)
    asked = {(link.url, link.form): link for link in effect.links}.values()
    new = [link for link in asked if not any(_asks_for(db, link, each) for each in known)]
    return new, to_stop


def _asks_for(db: Database, link: OpenRequest, request: Request) -> bool:
    """Whether a link asks for what a request asked for, whatever its person has set since then.

    A link that wants fresh media does not ask for what an earlier answer has brought.
    """
    is_same = not link.is_exact and link.form == request.asked_form
    is_same = is_same or preferences.applied(db, link).form == request.form
    is_fresh = not link.fresh or request.fresh or request.answered_at is None
    return is_same and is_fresh and link.url == request.url


def withdraw(db: Database, request: Request, wall: Wall) -> list[int]:
    """Cancel an open request. Returns the ids of running jobs to stop."""
    to_stop = queue.drop_deliveries(db, request.id, wall)
    for song in request_lookups.followers(db, request.id):
        if song.answered_at is None:
            # It may be in the chat already, so it must not come a second time.
            requests.decide(db, song.id, requests.Resolution(Verdict.CANCELLED), wall)
    requests.decide(db, request.id, requests.Resolution(Verdict.CANCELLED), wall)
    return to_stop + requests.drop_unwanted(db, request.download_id, wall)
