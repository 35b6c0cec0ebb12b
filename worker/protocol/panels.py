"""Panels: messages of the bot's own with buttons, edited in place when one of them is pressed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from worker.clocks import Wall
from worker.protocol import Reader
from worker.protocol.notices import Label, Notice

LIFE_S = 900.0
"""How long a panel's buttons work after it was posted or pressed last."""

CLOSE = "close"
"""What the button that closes a panel sends back."""


class PanelKind(StrEnum):
    """What a panel is about."""

    QUEUE = "queue"
    SETTINGS = "settings"
    GROUP_SETTINGS = "group settings"
    PRIVACY = "privacy"


@dataclass(frozen=True)
class PanelButton:
    """What a button says, and the code that it sends back: ASCII letters, digits, `.`, `_`, `-`.

    Anybody can forge the code. `title` names the setting whose value the text is. A button that
    `is_chosen` is marked.
    """

    text: Notice
    code: str
    title: Label | None = None
    is_chosen: bool = False


@dataclass(frozen=True)
class View:
    """What a panel shows: a line for each notice, and rows of buttons.

    When the buttons are gone, what some of them said is `told` in lines.
    """

    notices: tuple[Notice, ...]
    rows: tuple[tuple[PanelButton, ...], ...] = ()
    told: tuple[PanelButton, ...] = ()

    def without_buttons(self, *more: Notice) -> "View":
        """This view without its buttons, once they do nothing, and with `more` to be said."""
        told = tuple(button for row in self.rows for button in row if button.title)
        return View((*self.notices, *more), told=told)


@dataclass(frozen=True)
class Panel:
    """A panel as the ledger keeps it.

    Only the person `user_id` may press its buttons; a negative id stands for everybody who sees
    them. `message_id` and `ends_at` are None until it is posted. `state` is what its kind
    remembers.
    """

    id: int
    kind: PanelKind
    reader: Reader
    user_id: int
    reply_to_id: int
    message_id: int | None = None
    ends_at: Wall | None = None
    is_closed: bool = False
    state: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ShowPanel:
    """Post a panel below `reply_to_id`, or show it in its message. Answers with `Posted`."""

    panel_id: int
    reader: Reader
    reply_to_id: int
    message_id: int | None
    view: View
