"""The panel of /privacy and /forget: what is kept of a person, and the button that deletes it."""

from worker.clocks import Wall
from worker.ledger.records import Pressed
from worker.ledger.requests import request_lookups
from worker.ledger.storage.database import Database
from worker.ledger.storage.retention import KEPT_S
from worker.protocol.effects import Forget, Press
from worker.protocol.notices import Label, Notice, Topic
from worker.protocol.panels import Panel, PanelButton, View

ASKED, DONE = "asked", "done"
"""The pages before and after the deletion; without a page, the panel says what is kept."""

_ASK, _DELETE, _BACK = "ask", "delete", "back"
_DAYS = round(KEPT_S / 86_400)


def view(db: Database, panel: Panel, _wall: Wall) -> View:
    """What is kept, what deleting it means, or that it is done."""
    # Where several people write under one name, none of them may delete what the others have.
    page = panel.state.get("page") if panel.user_id > 0 else None
    if page == DONE:
        return View((Notice(Topic.FORGOTTEN, {"days": _DAYS}),))
    if page == ASKED:
        delete = PanelButton(Notice(Label.DELETE), _DELETE)
        back = PanelButton(Notice(Label.BACK), _BACK)
        return View((Notice(Topic.FORGET, {"days": _DAYS}),), ((delete,), (back,)))
    count = request_lookups.count_of(db, panel.user_id)
    told = (Notice(Topic.PRIVACY, {"days": _DAYS}), Notice(Topic.PRIVACY_LINKS, {"count": count}))
    asks = (PanelButton(Notice(Label.FORGET), _ASK),)
    return View(told, (asks,) if panel.user_id > 0 else ())


def press(_db: Database, panel: Panel, _press: Press, code: str) -> Pressed | None:
    """Turn the page, or delete what is kept, on the page that has said what that means."""
    if panel.user_id < 0:
        return None
    page = panel.state.get("page")
    if page is None and code == _ASK:
        return Pressed(state={"page": ASKED})
    if page == ASKED and code == _BACK:
        return Pressed(state={})
    if page == ASKED and code == _DELETE:
        forget = Forget(panel.user_id, panel.id)
        return Pressed(state={"page": DONE}, effects=(forget,), is_closed=True)
    return None
