"""The table `panels`: messages of the bot's own with buttons.

Each function is part of its caller's transaction. Each open panel has a job that waits to show it:
at once if something was pressed, otherwise when its buttons expire. What it shows is decided when
the job is taken, so the last job shows the latest state.
"""

import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from worker.clocks import Wall
from worker.ledger.jobs import queue
from worker.ledger.jobs.jobs import Kind, PanelJob
from worker.ledger.panels import privacy_panel, queue_panel, settings_panel
from worker.ledger.records import Pressed, read_panel
from worker.ledger.requests import admission
from worker.ledger.storage.database import Database
from worker.protocol import AnswerButton
from worker.protocol.effects import Effects, OpenPanel, Press, PressPanel
from worker.protocol.notices import Label, Notice, Topic
from worker.protocol.panels import CLOSE, LIFE_S, Panel, PanelButton, PanelKind, View


@dataclass(frozen=True)
class _Handling:
    """What a kind of panel shows, and what a press on its button with some code leads to."""

    view: Callable[[Database, Panel, Wall], View]
    press: Callable[[Database, Panel, Press, str], Pressed | None]


_KINDS: Mapping[PanelKind, _Handling] = {
    PanelKind.QUEUE: _Handling(queue_panel.view, queue_panel.press),
    PanelKind.SETTINGS: _Handling(settings_panel.view, settings_panel.press),
    PanelKind.GROUP_SETTINGS: _Handling(settings_panel.view, settings_panel.press),
    PanelKind.PRIVACY: _Handling(privacy_panel.view, privacy_panel.press),
}


def open_panel(db: Database, effect: OpenPanel, wall: Wall) -> None:
    """Post a panel, unless its reader is banned or has had enough messages for now."""
    if not admission.may_be_told(db, effect.reader.chat_id, wall):
        return
    panel_id = db.insert(
        "panels",
        kind=effect.kind,
        chat_id=effect.reader.chat_id,
        thread_id=effect.reader.thread_id,
        language=effect.reader.language,
        user_id=effect.user_id,
        reply_to=effect.message_id,
        state=json.dumps(effect.state),
        opened_at=wall,
    )
    _add_job(db, Kind.PANEL, _get(db, panel_id), wall)


def find(db: Database, panel_id: int) -> Panel | None:
    """The panel with this id; None when there is none."""
    row = db.execute("SELECT * FROM panels WHERE id = ?", panel_id).fetchone()
    return row and read_panel(row)


def take(db: Database, job: sqlite3.Row, wall: Wall) -> tuple[Panel, View]:
    """Find what the panel of a job shows now, and close it if its time is over."""
    panel = _get(db, json.loads(job["payload"])["panel_id"])
    has_expired = not panel.is_closed and panel.ends_at is not None and wall >= panel.ends_at
    if has_expired:
        close(db, panel.id)
        panel = replace(panel, is_closed=True)
    view = _KINDS[panel.kind].view(db, panel, wall)
    if has_expired:
        return panel, view.without_buttons(Notice(Topic.PANEL_EXPIRED))
    if panel.is_closed:
        return panel, view.without_buttons()
    closing = (PanelButton(Notice(Label.CLOSE), CLOSE),)
    return panel, View(view.notices, (*view.rows, closing))


def finish(db: Database, job: PanelJob, message_id: int, wall: Wall) -> None:
    """Note that a panel is shown as it was when the job was taken.

    The next job shows what has changed since, or that the panel's time is over.
    """
    panel = job.panel
    if panel.message_id is None:
        _prolong(db, panel.id, wall, message_id)
    panel = _get(db, panel.id)
    job_id = db.value("SELECT job_id FROM panels WHERE id = ?", panel.id)
    if not panel.is_closed and job_id == job.id:
        _add_job(db, Kind.PANEL_EDIT, panel, wall, panel.ends_at)


def press(db: Database, effect: PressPanel, wall: Wall) -> Effects:
    """Carry out a press, which may be forged. Returns what follows, at least an answer to it."""
    pressed = effect.press
    panel = find(db, effect.panel_id)
    where = pressed.chat_id, pressed.message_id
    if panel is None or (panel.reader.chat_id, panel.message_id) != where:
        return _answer(pressed, Notice(Topic.DEAD_BUTTON))
    if panel.is_closed or panel.ends_at is None or wall >= panel.ends_at:
        return _answer(pressed, Notice(Topic.PANEL_EXPIRED))
    if panel.user_id > 0 and pressed.user_id != panel.user_id:
        return _answer(pressed, Notice(Topic.PANEL_NOT_YOURS))
    outcome = _carry_out(db, panel, effect)
    if outcome is None:
        return _answer(pressed, Notice(Topic.DEAD_BUTTON))
    _note(db, panel, outcome, wall)
    _show(db, panel, wall)
    answer = () if outcome.is_answered else _answer(pressed, outcome.notice)
    return (*outcome.effects, *answer)


def _carry_out(db: Database, panel: Panel, effect: PressPanel) -> Pressed | None:
    if effect.code == CLOSE:
        return Pressed(is_closed=True)
    return _KINDS[panel.kind].press(db, panel, effect.press, effect.code)


def close(db: Database, panel_id: int) -> None:
    """Close a panel: its buttons do nothing any more."""
    db.execute("UPDATE panels SET is_closed = 1 WHERE id = ?", panel_id)


def close_in(db: Database, chat_id: int | None) -> None:
    """Close the panels of a chat in which nothing can be shown any more."""
    db.execute("UPDATE panels SET is_closed = 1 WHERE chat_id = ?", chat_id)


def forget_of(db: Database, user_id: int, other_than_id: int) -> None:
    """Close and empty a person's panels, except the one in which they asked for it."""
    db.execute(
        "UPDATE panels SET is_closed = 1, state = '{}' WHERE user_id = ? AND id != ?",
        user_id,
        other_than_id,
    )


def _note(db: Database, panel: Panel, outcome: Pressed, wall: Wall) -> None:
    _prolong(db, panel.id, wall, panel.message_id)
    if outcome.state is not None:
        db.execute("UPDATE panels SET state = ? WHERE id = ?", json.dumps(outcome.state), panel.id)
    if outcome.is_closed:
        close(db, panel.id)


def _get(db: Database, panel_id: int) -> Panel:
    return read_panel(db.execute("SELECT * FROM panels WHERE id = ?", panel_id).fetchone())


def _prolong(db: Database, panel_id: int, wall: Wall, message_id: int | None) -> None:
    db.execute(
        "UPDATE panels SET message_id = ?, ends_at = ? WHERE id = ?",
        message_id,
        wall + LIFE_S,
        panel_id,
    )


def _show(db: Database, panel: Panel, wall: Wall) -> None:
    """Show a panel again, after the job that may be showing it now."""
    job_id = db.value("SELECT job_id FROM panels WHERE id = ?", panel.id)
    if not queue.hurry(db, job_id, wall):
        _add_job(db, Kind.PANEL_EDIT, panel, wall)


def _add_job(
    db: Database, kind: Kind, panel: Panel, wall: Wall, not_before: Wall | None = None
) -> None:
    job_id = queue.add(
        db,
        kind,
        wall,
        chat_id=panel.reader.chat_id,
        payload={"panel_id": panel.id},
        not_before=not_before,
    )
    db.execute("UPDATE panels SET job_id = ? WHERE id = ?", job_id, panel.id)


def _answer(press: Press, notice: Notice | None) -> Effects:
    return (AnswerButton(press.callback_id, press.language, notice),)
