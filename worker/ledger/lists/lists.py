"""What people do with a list that was the answer to their link. Part of the caller's transaction.

The list itself is kept with the download that found it, as the media of other answers is.
"""

from collections.abc import Collection
from dataclasses import replace

from worker.clocks import Wall
from worker.ledger.choices import open_pages
from worker.ledger.lists import batch_lookups, batches
from worker.ledger.records import Batch, Request, Verdict
from worker.ledger.requests import admission, media_cache, request_lookups
from worker.ledger.storage.database import Database
from worker.protocol import AnswerButton, Reply
from worker.protocol.effects import (
    CancelRest,
    NameItems,
    Press,
    ShowItems,
    TakeItems,
    TryFailedAgain,
)
from worker.protocol.lists import PAGE_ITEMS, ListMenu, MediaList
from worker.protocol.notices import About, Cancelled, Notice, Refusal, Topic

MAX_UNDER_WAY = 10
"""How many batches of a person may be unfinished at a time: they may wait for days."""

MAX_AN_HOUR = 20
"""How often a person may take items of lists in an hour. What was taken is kept for a while, even
if it is cancelled."""


def show(db: Database, effect: ShowItems, wall: Wall) -> AnswerButton:
    """Show a page of a list. Returns the answer to the press."""
    press = effect.press
    answered = _list_below(db, effect.request_id, press)
    if answered is None:
        return AnswerButton(press.callback_id, press.language, Notice(Topic.DEAD_BUTTON))
    request, found = answered
    size = len(found.items)
    menu = _first_menu(request, found)
    if effect.page is not None:
        page = min(effect.page, (size - 1) // PAGE_ITEMS)
        # The answer to a press is kept for a while, and a list may be long.
        items = found.items[page * PAGE_ITEMS : (page + 1) * PAGE_ITEMS]
        chosen = tuple(number for number in effect.chosen if number <= size)
        menu = replace(menu, page=page, items=items, chosen=chosen)
    _note_page(db, request, menu, wall)
    return AnswerButton(press.callback_id, press.language, None, list_menu=menu)


def _first_menu(request: Request, found: MediaList) -> ListMenu:
    message_id = request.status_message_id or 0
    return ListMenu(request.chat_id, message_id, request.id, len(found.items), found.is_whole)


def _note_page(db: Database, request: Request, menu: ListMenu, wall: Wall) -> None:
    """Note when the page that is about to be shown closes; the first buttons stay."""
    closing = None
    if menu.page is not None:
        ended = replace(menu, page=None, items=(), chosen=(), has_expired=True)
        closing = AnswerButton("", request.language, None, list_menu=ended)
    open_pages.note(db, request.id, closing, wall)


def take(db: Database, effect: TakeItems, wall: Wall) -> AnswerButton:
    """Take items of a list. Returns the answer to the press."""
    press = effect.press
    answered = _list_below(db, effect.request_id, press)
    if answered is None:
        return AnswerButton(press.callback_id, press.language, Notice(Topic.DEAD_BUTTON))
    request, found = answered
    menu = _first_menu(request, found)
    is_on_a_page = effect.numbers not in [tuple(range(1, last + 1)) for last in menu.offers]
    if is_on_a_page and open_pages.has_expired(db, request.id, wall):
        _note_page(db, request, menu, wall)
        notice = Notice(Topic.MENU_EXPIRED)
        return AnswerButton(press.callback_id, press.language, notice, list_menu=menu)
    about = _take_items(db, request, found, effect.numbers, press.user_id, press.language, wall)
    return AnswerButton(press.callback_id, press.language, Notice(about))


def take_named(db: Database, effect: NameItems, wall: Wall) -> Reply | None:
    """Take the items whose numbers somebody has written. Returns what to say, if anything."""
    request = request_lookups.answered_in(db, effect.reader.chat_id, effect.list_message_id)
    found = _list_of(db, request) if request else None
    if request is None or found is None:
        notice = Notice(Topic.HINT) if effect.says_nothing_found else None
    else:
        language = effect.reader.language
        about = _take_items(db, request, found, effect.numbers, effect.user_id, language, wall)
        # The items are there for all to see.
        notice = None if about is Topic.ON_ITS_WAY else Notice(about)
    return Reply(effect.reader, effect.message_id, (notice,)) if notice else None


def _take_items(
    db: Database,
    request: Request,
    found: MediaList,
    wanted: Collection[int],
    user_id: int,
    language: str,
    wall: Wall,
) -> About:
    numbers = [number for number in wanted if 1 <= number <= len(found.items)]
    if not numbers:
        return Topic.NO_SUCH_ITEMS if wanted else Topic.MARK_FIRST
    if refusal := _refusal(db, user_id, wall):
        return refusal
    if not batch_lookups.is_under_way(db, request.id, user_id, numbers):
        batches.open_batch(
            db, request, found, numbers, user_id, language, wall, fresh=request.fresh
        )
    return Topic.ON_ITS_WAY


def _refusal(db: Database, user_id: int, wall: Wall) -> Refusal | None:
    """Why a person cannot take more of lists; None if they can."""
    if admission.is_banned(db, user_id):
        return Refusal.BANNED
    if batch_lookups.under_way_of(db, user_id) >= MAX_UNDER_WAY:
        return Refusal.WAITING
    is_too_often = batch_lookups.made_by(db, user_id, Wall(wall - 3600), wall) >= MAX_AN_HOUR
    return Refusal.HOUR if is_too_often else None


def cancel_rest(db: Database, effect: CancelRest, wall: Wall) -> tuple[About, list[int]]:
    """Cancel what is left of a batch. Returns what to say, and the ids of jobs to stop."""
    batch = batch_lookups.find(db, effect.batch_id)
    if batch is None or batch.chat_id != effect.press.chat_id:
        return Topic.DEAD_BUTTON, []
    if not _is_theirs(batch, effect.press):
        return Topic.NOT_YOUR_ITEMS, []
    if batch.ended_at is not None:
        return Cancelled.TOO_LATE, []
    return Cancelled.DONE, batches.drop_rest(db, batch.id, wall)


def try_failed_again(db: Database, effect: TryFailedAgain, wall: Wall) -> About:
    """Take the failed items of a batch again. Returns what to say about it."""
    press = effect.press
    batch = batch_lookups.find(db, effect.batch_id)
    if batch is None or batch.chat_id != press.chat_id:
        return Topic.DEAD_BUTTON
    if not _is_theirs(batch, press):
        return Topic.NOT_YOUR_ITEMS
    request = request_lookups.find(db, batch.request_id)
    found = _list_of(db, request) if request else None
    if request is None or found is None:
        return Topic.DEAD_BUTTON
    if not batch_lookups.summary_of(db, batch).can_try_again:
        return Topic.ON_ITS_WAY if batch.tried_again else Topic.DEAD_BUTTON
    if refusal := _refusal(db, batch.user_id, wall):
        return refusal
    numbers = batches.try_again(db, batch)
    batches.open_batch(db, request, found, numbers, batch.user_id, press.language, wall, fresh=True)
    return Topic.ON_ITS_WAY


def _is_theirs(batch: Batch, press: Press) -> bool:
    """Whether a batch is this person's; one in the name of a chat is everybody's there."""
    return batch.user_id < 0 or batch.user_id == press.user_id


def _list_below(db: Database, request_id: int, press: Press) -> tuple[Request, MediaList] | None:
    """The request whose list has the pressed button; None if the press is forged."""
    request = request_lookups.answered_in(db, press.chat_id, press.message_id)
    if request is None or request.id != request_id:
        return None
    found = _list_of(db, request)
    return (request, found) if found else None


def _list_of(db: Database, request: Request) -> MediaList | None:
    # A press on Cancel may have come while Telegram already showed the list. A request without a
    # link was emptied by /forget.
    if request.verdict not in (Verdict.MEDIA, Verdict.CANCELLED) or not request.url:
        return None
    media = media_cache.media_of(db, request.media_key, request.download_id)
    return media.found_list if media else None
