"""What an update asks for: each effect is recorded together with the update's completion."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from worker.form import WHOLE, Form
from worker.protocol import DEFAULT_LANGUAGE, AnswerButton, Reader, Reply
from worker.protocol.admin_questions import Question
from worker.protocol.choices import Page
from worker.protocol.panels import PanelKind
from worker.protocol.site_cookies import KeepCookies


@dataclass(frozen=True)
class OpenRequest:
    """A person wants the media behind a link. `media_key` names the media.

    `user_id` is the person on whose account it is, negative for a chat in whose name it was sent.
    `fresh`: nothing that is remembered may be used. `is_exact`: the form is what was asked for,
    whatever the person has set. `asks_first`: the person has set that they first want to see what
    can be chosen. `language` and `thread_id` as in `Reader`. `sent_at`: when the message with
    the link was sent or edited, by Telegram's clock; None for a press of a button.
    """

    chat_id: int
    user_id: int
    message_id: int
    url: str
    media_key: str
    form: Form = WHOLE
    fresh: bool = False
    is_exact: bool = False
    asks_first: bool = False
    language: str = DEFAULT_LANGUAGE
    thread_id: int | None = None
    sent_at: float | None = None


@dataclass(frozen=True)
class EditLinks:
    """A person has edited a message, which now has these links.

    `replies` say what is wrong with others.
    """

    chat_id: int
    message_id: int
    links: tuple[OpenRequest, ...]
    replies: tuple[Reply, ...] = ()


@dataclass(frozen=True)
class CancelRequest:
    """A person pressed Cancel on a request, in the chat `chat_id` if that is known."""

    request_id: int
    user_id: int
    callback_id: str
    language: str = DEFAULT_LANGUAGE
    chat_id: int | None = None


@dataclass(frozen=True)
class CancelAll:
    """A person wants none of their links in a chat any more, by the message `message_id` there.

    `says_nothing_found`: the person is answered even if there is no such link.
    """

    reader: Reader
    user_id: int
    message_id: int
    says_nothing_found: bool


@dataclass(frozen=True)
class Press:
    """Who pressed a button, and below which message. `language` as in `Reader`."""

    callback_id: str
    user_id: int
    chat_id: int
    message_id: int
    language: str = DEFAULT_LANGUAGE


@dataclass(frozen=True)
class ChooseForm:
    """A person wants the media of an answer in another form as well."""

    request_id: int
    form: Form
    press: Press


@dataclass(frozen=True)
class StopRecording:
    """A person wants what has been recorded of a live stream so far, and no more of it."""

    request_id: int
    press: Press


@dataclass(frozen=True)
class ChooseResult:
    """A person wants a video that a search has found, by YouTube's id for it."""

    request_id: int
    video_id: str
    press: Press


@dataclass(frozen=True)
class ShowChoices:
    """A person wants to see a page of the menu below an answer, and which `sheet` of that."""

    request_id: int
    page: Page
    press: Press
    sheet: int = 0


@dataclass(frozen=True)
class TellDescription:
    """A person wants to read what a site says about the media of an answer."""

    request_id: int
    press: Press


@dataclass(frozen=True)
class OpenPanel:
    """A person wants a panel, by the message `message_id`.

    `user_id` is who may press its buttons, see `Panel`; `state` is what its kind begins with.
    """

    reader: Reader
    user_id: int
    message_id: int
    kind: PanelKind
    state: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PressPanel:
    """A person pressed the button of a panel that sends back this code."""

    panel_id: int
    code: str
    press: Press


@dataclass(frozen=True)
class ShowItems:
    """A person wants to see a page of a list's items with the `chosen` marked.

    With None for `page`, they want its first buttons again.
    """

    request_id: int
    page: int | None
    chosen: tuple[int, ...]
    press: Press


@dataclass(frozen=True)
class TakeItems:
    """A person wants the items of a list with these numbers."""

    request_id: int
    numbers: tuple[int, ...]
    press: Press


@dataclass(frozen=True)
class NameItems:
    """A person has answered the message `list_message_id` with numbers of items, as `message_id`.

    `says_nothing_found`: the person is answered even if that message is no list.
    """

    reader: Reader
    user_id: int
    message_id: int
    list_message_id: int
    numbers: tuple[int, ...]
    says_nothing_found: bool


@dataclass(frozen=True)
class CancelRest:
    """A person wants no more of the items that were taken from a list at once."""

    batch_id: int
    press: Press


@dataclass(frozen=True)
class TryFailedAgain:
    """A person wants the items that failed to be tried again."""

    batch_id: int
    press: Press


@dataclass(frozen=True)
class Forget:
    """A person wants all that is kept about them deleted, by a press in the panel `panel_id`."""

    user_id: int
    panel_id: int


@dataclass(frozen=True)
class PauseDownloads:
    """An admin lets all links wait, or go on again, by the message `message_id`."""

    reader: Reader
    message_id: int
    is_paused: bool


@dataclass(frozen=True)
class Ban:
    """An admin bans a person, or lifts the ban."""

    user_id: int
    is_banned: bool


@dataclass(frozen=True)
class GroupMoved:
    """A group has become a supergroup, which has another id (Bot API 10.1, Message)."""

    chat_id: int
    new_chat_id: int


Effect = (
    OpenRequest
    | EditLinks
    | CancelRequest
    | CancelAll
    | ChooseForm
    | StopRecording
    | ChooseResult
    | ShowChoices
    | ShowItems
    | TakeItems
    | NameItems
    | CancelRest
    | TryFailedAgain
    | TellDescription
    | OpenPanel
    | PressPanel
    | Forget
    | Ban
    | GroupMoved
    | PauseDownloads
    | Question
    | KeepCookies
    | Reply
    | AnswerButton
)

Effects = tuple[Effect, ...]
"""All that one update asks for, in the order in which it is done."""
