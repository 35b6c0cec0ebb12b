"""The panel of /queue: a person's links that are not done, their places, and Cancel for each."""

from urllib.parse import urlsplit

from worker.clocks import Wall
from worker.ledger.jobs import job_lookups, queue_position
from worker.ledger.lists import batch_lookups
from worker.ledger.records import Pressed, Request, Verdict
from worker.ledger.requests import request_lookups
from worker.ledger.storage.database import Database
from worker.protocol.effects import CancelRequest, Press
from worker.protocol.notices import Label, Notice, Topic
from worker.protocol.panels import Panel, PanelButton, View

MOST_LINKS = 10
"""How many links are listed; the others are counted."""

_REFRESH = "refresh"
_BUTTONS_A_ROW = 3
_MAX_LINK = 40


def view(db: Database, panel: Panel, wall: Wall) -> View:
    """The person's links in this chat; in a private chat, their links in all chats."""
    found = request_lookups.open_of(db, panel.user_id, _chat_of(panel))
    of_lists = batch_lookups.unopened_of(db, panel.user_id, _chat_of(panel))
    rest = [Notice(Topic.QUEUE_OF_LISTS, {"count": of_lists})] if of_lists else []
    if not found:
        return View(tuple(rest) or (Notice(Topic.QUEUE_EMPTY),))
    ahead = {each.request.id: each.ahead for each in queue_position.read(db, wall, 0.0)}
    listed = list(enumerate(found[:MOST_LINKS], start=1))
    lines = [_line(db, number, request, ahead.get(request.id)) for number, request in listed]
    if more := len(found) - len(listed):
        lines.append(Notice(Topic.QUEUE_MORE, {"count": more}))
    buttons = [
        PanelButton(Notice(Label.CANCEL_NUMBER, {"number": number}), str(request.id))
        for number, request in listed
    ]
    rows = [
        tuple(buttons[at : at + _BUTTONS_A_ROW]) for at in range(0, len(buttons), _BUTTONS_A_ROW)
    ]
    refresh = (PanelButton(Notice(Label.REFRESH), _REFRESH),)
    title = Notice(Topic.QUEUE_TITLE, {"count": len(found)})
    return View((title, *lines, *rest), (*rows, refresh))


def press(_db: Database, panel: Panel, pressed: Press, code: str) -> Pressed | None:
    """Cancel a link that the person who pressed may cancel anywhere; or show the queue again."""
    if code == _REFRESH:
        return Pressed()
    if not code.isdecimal() or len(code) > 18:
        return None
    cancel = CancelRequest(
        int(code),
        pressed.user_id,
        pressed.callback_id,
        pressed.language,
        panel.reader.chat_id,
    )
    return Pressed(effects=(cancel,), is_answered=True)


def _chat_of(panel: Panel) -> int | None:
    """The chat whose links are listed; None for all chats."""
    return panel.reader.chat_id if panel.reader.chat_id < 0 else None


def _line(db: Database, number: int, request: Request, ahead: int | None) -> Notice:
    values: dict[str, int | str] = {"number": number, "link": _short(request.url)}
    if request.verdict is Verdict.MEDIA:
        return Notice(Topic.QUEUE_LINE_SENDING, values)
    if request.download_id and job_lookups.find_running(db, request.download_id):
        return Notice(Topic.QUEUE_LINE_RUNNING, values)
    if ahead:
        return Notice(Topic.QUEUE_LINE_AHEAD, {**values, "count": ahead})
    return Notice(Topic.QUEUE_LINE, values)


def _short(url: str) -> str:
    """A link as people recognise it, without what every link begins with."""
    parts = urlsplit(url)
    host = (parts.hostname or "").removeprefix("www.")
    text = host + parts.path.rstrip("/") + (f"?{parts.query}" if parts.query else "")
    return text if len(text) <= _MAX_LINK else f"{text[: _MAX_LINK - 1]}…"
