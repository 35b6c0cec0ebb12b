"""The table `preferences`: what people and groups have set. A part of somebody's transaction."""

import json
from dataclasses import replace

from worker import media_keys
from worker.effects import OpenRequest
from worker.form import WHOLE
from worker.ledger.database import Database
from worker.preferences import Preferences


def of(db: Database, owner_id: int) -> Preferences:
    """What a person, or a group by its negative id, has set."""
    text = db.value("SELECT chosen FROM preferences WHERE owner_id = ?", owner_id)
    return Preferences.from_json(json.loads(text)) if text else Preferences()


def put(db: Database, owner_id: int, chosen: Preferences) -> None:
    """Keep what a person or a group has set."""
    db.execute(
        "INSERT OR REPLACE INTO preferences VALUES (?, ?)", owner_id, json.dumps(chosen.to_json())
    )


def forget(db: Database, owner_id: int) -> None:
    """Everything is as usual for a person again."""
    db.execute("DELETE FROM preferences WHERE owner_id = ?", owner_id)


def applied(db: Database, link: OpenRequest) -> OpenRequest:
    """A link in the form in which its person wants links, unless it is exact."""
    form = link.form if link.is_exact else of(db, link.user_id).form_of(link.form)
    if form == link.form:
        return link
    return replace(link, form=form, media_key=media_keys.of_link(link.url, form))


def has_buttons(db: Database, link: OpenRequest) -> bool:
    """Whether the answer to a link is to have buttons: one that asks for nothing special."""
    chat = of(db, link.chat_id)
    is_usual = not link.is_exact or link.form == WHOLE
    return is_usual and chat.wants_buttons(is_private=link.chat_id > 0)
