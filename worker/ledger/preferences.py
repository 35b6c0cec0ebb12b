"""The table `preferences`: what people and groups have set. Part of the caller's transaction."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from worker import media_keys
from worker.form import ABOUT, SOUND, WHOLE, Form
from worker.ledger.storage.database import Database
from worker.protocol.effects import OpenRequest
from worker.protocol.preferences import Preferences

# SQLite's integers are smaller, and so is every id of Telegram's.
_BEYOND_IDS = 1 << 63


def of(db: Database, owner_id: int) -> Preferences:
    """What a person, or a group by its negative id, has set."""
    text = db.value("SELECT chosen FROM preferences WHERE owner_id = ?", owner_id)
    return Preferences.from_json(json.loads(text)) if text else Preferences()


def language_for(db: Database, update: Mapping[str, Any]) -> str | None:
    """The language that the sender of an update has set; the update may hold anything."""
    for kind in ("message", "edited_message", "callback_query"):
        event = update.get(kind)
        sender = event.get("from") if isinstance(event, dict) else None
        sender_id = sender.get("id") if isinstance(sender, dict) else None
        if isinstance(sender_id, int) and abs(sender_id) < _BEYOND_IDS:
            return of(db, sender_id).language
    return None


def put(db: Database, owner_id: int, chosen: Preferences) -> None:
    """Keep what a person or a group has set."""
    db.execute(
        "INSERT OR REPLACE INTO preferences VALUES (?, ?)", owner_id, json.dumps(chosen.to_json())
    )


def move(db: Database, owner_id: int, new_id: int) -> None:
    """Give a group's settings to its supergroup, unless that has some of its own."""
    db.execute("UPDATE OR IGNORE preferences SET owner_id = ? WHERE owner_id = ?", new_id, owner_id)
    forget(db, owner_id)


def forget(db: Database, owner_id: int) -> None:
    """Delete what a person or a group has set, so that the defaults apply."""
    db.execute("DELETE FROM preferences WHERE owner_id = ?", owner_id)


def applied(db: Database, link: OpenRequest, *, may_ask: bool = True) -> OpenRequest:
    """A link in the form in which its person wants links, unless it is exact.

    A person who wants to be asked first gets what can be chosen, if the chat wants buttons. Nobody
    is asked about a link that is to be fetched again: the choice could lead to what Telegram has.
    """
    if link.is_exact:
        return link
    chosen = of(db, link.user_id)
    may_ask = may_ask and not link.fresh and _are_buttons_wanted(db, link)
    if may_ask and chosen.asks_first and link.form == WHOLE:
        return _in_form(replace(link, asks_first=True), ABOUT)
    return _in_form(link, chosen.form_of(link.form, link.url))


def without_asking(db: Database, user_id: int, url: str) -> Form:
    """The form in which a person gets a link if there is nothing to choose from."""
    return of(db, user_id).form_of(WHOLE, url)


def of_choice(db: Database, user_id: int, url: str, form: Form) -> Form:
    """The form chosen by a person who was asked first: with a quality, or the sound."""
    usual = of(db, user_id)
    if form == Form(max_height=form.max_height):
        return replace(usual.form_of(WHOLE, url), max_height=form.max_height)
    return usual.form_of(form, url) if form == SOUND else form


def has_buttons(db: Database, link: OpenRequest) -> bool:
    """Whether the answer to a link gets buttons, as it does if nothing special was asked for."""
    usual = without_asking(db, link.user_id, link.url)
    is_usual = not link.is_exact or link.form in (WHOLE, usual)
    return is_usual and _are_buttons_wanted(db, link)


def describes(db: Database, link: OpenRequest) -> bool:
    """Whether the description is to follow the answer to a link."""
    return not link.is_exact and of(db, link.user_id).describes


def _are_buttons_wanted(db: Database, link: OpenRequest) -> bool:
    return of(db, link.chat_id).wants_buttons(is_private=link.chat_id > 0)


def _in_form(link: OpenRequest, form: Form) -> OpenRequest:
    if form == link.form:
        return link
    return replace(link, form=form, media_key=media_keys.of_link(link.url, form))
