"""Notices: what people are told besides the answers to links, as topics and not as sentences.

The catalogues of `worker.telegram.texts` have a text for each.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from worker.errors import LinkFlaw


class Topic(StrEnum):
    """What people are told besides refusals, flaws of links and the answers to links.

    VERBATIM is a finished text for admins, who are told in English, like the log and the commands:
    an alert, or an answer of maintenance. The text of HELP_PICTURE is the caption of a picture, see
    `worker.telegram.illustrations`.
    """

    HELP = "help"
    HELP_PICTURE = "help picture"
    HINT = "hint"
    WHICH_WORDS = "which words"
    WHICH_LINK = "which link"
    PRIVATE_BOT = "private bot"
    LINKS_LEFT_OUT = "links left out"
    DEAD_BUTTON = "dead button"
    CANCELLED_ALL = "cancelled all"
    NOTHING_TO_CANCEL = "nothing to cancel"
    WHICH_HEIGHT = "which height"
    WHICH_SOUND = "which sound"
    WHICH_LANGUAGE = "which language"
    WHICH_CLIP = "which clip"
    DID_YOU_MEAN = "did you mean"
    NO_OTHER_QUALITY = "no other quality"
    NOT_LOOKED_UP = "not looked up"
    ON_ITS_WAY = "on its way"
    ENOUGH_AWAITED = "enough awaited"
    MARK_FIRST = "mark first"
    NO_SUCH_ITEMS = "no such items"
    NOT_YOUR_ITEMS = "not your items"
    DESCRIPTION = "description"
    MENU_EXPIRED = "menu expired"
    BAN_WHOM = "ban whom"
    BAN_ADMIN = "ban admin"
    BAN_DONE = "ban done"
    UNBAN_DONE = "unban done"
    WHO_WHOM = "who whom"
    UPDATE_BEGINS = "update begins"
    PAUSED = "downloads paused"
    PAUSED_ALREADY = "downloads paused already"
    RESUMED = "downloads resumed"
    NOT_PAUSED = "downloads not paused"
    COOKIES_KEPT = "cookies kept"
    COOKIES_EXPIRED = "cookies expired"
    COOKIES_UNREADABLE = "cookies unreadable"
    COOKIES_TOO_LARGE = "cookies too large"
    COOKIES_NOT_FETCHED = "cookies not fetched"
    COOKIES_NOT_STORED = "cookies not stored"
    COOKIES_REMOVED = "cookies removed"
    COOKIES_LEFT = "cookies left"
    COOKIES_PRIVATELY = "cookies privately"
    COOKIES_OF_OTHERS = "cookies of others"
    PANEL_EXPIRED = "panel expired"
    PANEL_NOT_YOURS = "panel not yours"
    QUEUE_TITLE = "queue title"
    QUEUE_LINE = "queue line"
    QUEUE_LINE_AHEAD = "queue line with a place"
    QUEUE_LINE_RUNNING = "queue line running"
    QUEUE_LINE_SENDING = "queue line sending"
    QUEUE_MORE = "queue more"
    QUEUE_OF_LISTS = "queue of lists"
    QUEUE_EMPTY = "queue empty"
    SETTINGS_TITLE = "settings title"
    GROUP_SETTINGS_TITLE = "group settings title"
    SETTINGS_FOR_ADMINS = "settings for admins"
    SETTINGS_NOT_ANONYMOUS = "settings not anonymous"
    SETTING_KEPT = "setting kept"
    SETTING_QUALITY = "quality explained"
    SETTING_SOUND = "sound explained"
    SETTING_SEND = "send explained"
    SETTING_CAPTIONS = "captions explained"
    SETTING_DESCRIPTION = "description explained"
    SETTING_SPONSORS = "sponsors explained"
    SETTING_SUBTITLES = "subtitles explained"
    SETTING_LANGUAGE = "language explained"
    SETTING_BUTTONS = "buttons explained"
    PRIVACY = "privacy"
    PRIVACY_LINKS = "privacy links"
    FORGET = "forget"
    FORGOTTEN = "forgotten"
    VERBATIM = "verbatim"


ADMIN_TOPICS = frozenset(
    {
        *(Topic.BAN_WHOM, Topic.BAN_ADMIN, Topic.BAN_DONE, Topic.UNBAN_DONE, Topic.WHO_WHOM),
        *(Topic.PAUSED, Topic.PAUSED_ALREADY, Topic.RESUMED, Topic.NOT_PAUSED),
        *(Topic.COOKIES_KEPT, Topic.COOKIES_EXPIRED, Topic.COOKIES_UNREADABLE),
        *(Topic.COOKIES_TOO_LARGE, Topic.COOKIES_NOT_FETCHED, Topic.COOKIES_NOT_STORED),
        *(Topic.COOKIES_PRIVATELY, Topic.UPDATE_BEGINS, Topic.VERBATIM),
    }
)
"""The topics with which messages to admins begin, and no other messages."""


class Refusal(StrEnum):
    """Why a link was not accepted."""

    BANNED = "banned"
    WAITING = "too many waiting"
    MINUTE = "too many this minute"
    HOUR = "too many this hour"
    DAY = "too many today"


class Cancelled(StrEnum):
    """What pressing Cancel came to."""

    DONE = "done"
    NOT_YOURS = "not yours"
    TOO_LATE = "too late"


class Label(StrEnum):
    """What the button of a panel or below an answer says."""

    CLOSE = "close button"
    REFRESH = "refresh button"
    CANCEL_NUMBER = "cancel number button"
    BACK = "back button"
    CHOSEN = "chosen button"
    TITLED = "titled button"
    SETTING_QUALITY = "quality setting"
    SETTING_SOUND = "sound setting"
    SETTING_SEND = "send setting"
    SETTING_CAPTIONS = "captions setting"
    SETTING_DESCRIPTION = "description setting"
    SECOND_MESSAGE = "second message"
    SETTING_SPONSORS = "sponsors setting"
    SETTING_SUBTITLES = "subtitles setting"
    SETTING_LANGUAGE = "language setting"
    SETTING_BUTTONS = "buttons setting"
    LANGUAGE_NAME = "language name"
    AS_IN_TELEGRAM = "as in Telegram"
    BEST = "best"
    ASK_FIRST = "ask first"
    HEIGHT = "height"
    USUAL_SOUND = "usual sound"
    M4A = "m4a"
    MP3 = "mp3"
    VOICE = "voice"
    VIDEO = "video"
    FILE = "file"
    FULL = "full"
    TITLE = "title"
    NONE = "none"
    ON = "on"
    OFF = "off"
    MARK_SPONSORS = "mark sponsors"
    CUT_SPONSORS = "cut sponsors"
    FORGET = "forget button"
    DELETE = "delete button"
    MORE = "more button"
    AS_MP3 = "as mp3 button"
    AS_VOICE = "as voice button"
    AS_FILE = "as file button"
    COVER = "cover button"
    DESCRIPTION = "description button"
    CHAPTERS = "chapters button"
    LANGUAGES = "languages button"
    SUBTITLES = "subtitles button"
    AUTOMATIC = "automatic button"
    IN_VIDEO = "in video button"
    ORIGINAL = "original button"
    DUBBED = "dubbed button"
    MENU_EXPIRED = "menu expired button"


About = Topic | Refusal | Cancelled | LinkFlaw | Label
"""What a notice can be about. No two of these values are alike, since the ledger stores them."""


@dataclass(frozen=True)
class Notice:
    """Something to be said besides the answers to links, in any language.

    `values` are put into its text by their names; `count` also chooses the plural form.
    """

    about: About
    values: Mapping[str, int | str] = field(default_factory=dict)


def notice_from_json(value: Mapping[str, Any]) -> Notice:
    """The inverse of `worker.protocol.as_json.to_json` for a `Notice`."""
    return Notice(_ABOUT[value["about"]], value["values"])


_ABOUT: Mapping[str, About] = {
    about.value: about for kind in (Topic, Refusal, Cancelled, LinkFlaw, Label) for about in kind
}
