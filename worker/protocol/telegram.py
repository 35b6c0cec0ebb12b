"""What a job that calls Telegram is told and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from worker.errors import Reason
from worker.protocol.choices import Menu
from worker.protocol.lists import ListMenu, MediaList, Summary
from worker.protocol.looks import MediaLook
from worker.protocol.media import MediaFile, MediaKind
from worker.protocol.notices import Notice
from worker.protocol.preferences import Captions
from worker.protocol.progress import Progress, Stage

DEFAULT_LANGUAGE = "en"


@dataclass(frozen=True)
class Place:
    """Where a message is shown: in a chat, and in one topic of it if it has topics.

    `thread_id` is the topic's `message_thread_id` in the Bot API.
    """

    chat_id: int
    thread_id: int | None = None


@dataclass(frozen=True)
class Reader:
    """Who reads a message: a chat, and the IETF tag of the language in which it is written.

    `thread_id` as in `Place`.
    """

    chat_id: int
    language: str = DEFAULT_LANGUAGE
    thread_id: int | None = None


@dataclass(frozen=True)
class HandleUpdate:
    """Decide what an update asks for. Answers with a tuple of effects; calls nobody.

    `language` is the one that its sender has set, as in `Reader`; None if they have set none.
    """

    update: Mapping[str, Any]
    language: str | None = None


@dataclass(frozen=True)
class PostStatus:
    """Send the status message of a request, as a reply to the link. Answers with `Posted`."""

    request_id: int
    reader: Reader
    reply_to_id: int
    stage: Stage = Stage.ACCEPTED


@dataclass(frozen=True)
class EditStatus:
    """Show progress in the status message; worth nothing once the next one is due."""

    request_id: int
    reader: Reader
    message_id: int
    progress: Progress


class Action(StrEnum):
    """What a chat shows the bot doing for five seconds; the value is the name in the Bot API."""

    UPLOAD_VIDEO = "upload_video"
    UPLOAD_VOICE = "upload_voice"
    UPLOAD_PHOTO = "upload_photo"
    UPLOAD_DOCUMENT = "upload_document"


@dataclass(frozen=True)
class ShowAction:
    """Show that the bot is at work; worth nothing once the next one is due."""

    place: Place
    action: Action


@dataclass(frozen=True)
class Deliver:
    """Turn the status message into the file. Answers with `Delivered`.

    It gets the buttons of its `menu`. With `reply_to_id`, the link's message, it comes as a message
    of its own instead, and the status message is removed.
    """

    request_id: int
    reader: Reader
    message_id: int
    file: MediaFile
    reply_to_id: int | None = None
    menu: Menu | None = None
    captions: Captions = Captions.FULL


@dataclass(frozen=True)
class SendGroup:
    """Send files that belong to the answer beside it. Answers with `GroupSent`.

    At most ten, which one album may hold (`worker.dispatch.albums`). If Telegram does not take them
    together, it may send only the first of them.
    """

    request_id: int
    reader: Reader
    reply_to_id: int
    files: tuple[MediaFile, ...]
    captions: Captions = Captions.FULL


@dataclass(frozen=True)
class LiveOffer:
    """What is offered for a live stream: `code` is the form in which it was asked for.

    To record it for one of `minutes`, or to tell when it starts if it has not started.
    """

    code: str
    minutes: tuple[int, ...]


@dataclass(frozen=True)
class ShowLook:
    """Turn the status message into what is known about media.

    Answers with a `Delivered` without file. `reply_to_id` as in `Explain`.
    """

    request_id: int
    reader: Reader
    message_id: int
    look: MediaLook
    reply_to_id: int | None = None
    offer: LiveOffer | None = None


@dataclass(frozen=True)
class Explain:
    """Turn the status message into one plain sentence that says why there is no media.

    None for `reason` stands for a request that its own sender has cancelled. `wait_s` is the time
    after which the same link may work, if that is known; `limit_mb` is how large a file may be, and
    `languages` are those that exist in place of the one that is wanted. With `reply_to_id`, the
    link's message, the sentence comes as a message of its own instead, which `SentApart` answers;
    else None does.
    """

    request_id: int
    reader: Reader
    message_id: int
    reason: Reason | None
    error_id: str = ""
    wait_s: float | None = None
    limit_mb: int | None = None
    reply_to_id: int | None = None
    languages: tuple[str, ...] = ()
    offer: LiveOffer | None = None


@dataclass(frozen=True)
class RemoveStatus:
    """Remove the status message of an answer that came as a message of its own."""

    chat_id: int
    message_id: int


@dataclass(frozen=True)
class ShowList:
    """Turn the status message into what is known about a list. Answers with `Delivered`.

    With `reply_to_id`, the link's message, that comes as a message of its own instead.
    """

    reader: Reader
    message_id: int
    found: MediaList
    menu: ListMenu
    reply_to_id: int | None = None


@dataclass(frozen=True)
class ShowSummary:
    """Say how far the items of a batch are, in a new message if there is none.

    Answers with `Posted`.
    """

    batch_id: int
    reader: Reader
    reply_to_id: int
    message_id: int | None
    summary: Summary


@dataclass(frozen=True)
class Reply:
    """Say something that is not the answer to a link, a line for each notice."""

    reader: Reader
    reply_to_id: int | None
    notices: tuple[Notice, ...]


@dataclass(frozen=True)
class AnswerButton:
    """Stop the spinning of a pressed button, with a short notice to the person who pressed it.

    Before that a `menu`, or a `list_menu`, is shown in place of the buttons that were there.
    Without a `callback_id` nothing was pressed, and the menu has ended by itself.
    """

    callback_id: str
    language: str
    notice: Notice | None
    menu: Menu | None = None
    list_menu: ListMenu | None = None

    @property
    def menu_chat_id(self) -> int | None:
        """The chat in which a menu is shown, if one is."""
        menu = self.menu or self.list_menu
        return menu.chat_id if menu else None


@dataclass(frozen=True)
class SetMenus:
    """Tell Telegram the menus of commands, and remove those of people who are no longer admins.

    `fingerprint` names what they hold, see `worker.telegram.command_menus`.
    """

    fingerprint: str
    admins: tuple[int, ...]
    former_admins: tuple[int, ...]


@dataclass(frozen=True)
class Posted:
    """The status message is in the chat."""

    message_id: int


@dataclass(frozen=True)
class Delivered:
    """A file is in the chat. `file_id` is None when Telegram did not repeat it.

    `kind` is what Telegram made of it (a silent video becomes an animation): the only kind as which
    it takes this `file_id` again. `message_id` is that of the message if the file came as one of
    its own. `leaves_status`: the status message of such an answer could not be removed.
    """

    file_id: str | None
    kind: MediaKind | None = None
    message_id: int | None = None
    leaves_status: bool = False


@dataclass(frozen=True)
class SentApart:
    """A sentence came as a message of its own.

    `leaves_status`: the status message that it replaces could not be removed.
    """

    message_id: int
    leaves_status: bool = False


@dataclass(frozen=True)
class GroupSent:
    """The first files of a group are in the chat, in their order; mostly all of them."""

    sent: tuple[Delivered, ...]


TelegramTask = (
    HandleUpdate
    | PostStatus
    | EditStatus
    | ShowAction
    | Deliver
    | SendGroup
    | ShowLook
    | Explain
    | RemoveStatus
    | ShowList
    | ShowSummary
    | Reply
    | AnswerButton
    | SetMenus
)
