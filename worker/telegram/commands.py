"""The commands, and who is told of them; a command's text is in the catalogues.

Whatever lists commands derives from here: what handles them, the help, the suggestion after a
typing error, and Telegram's own menu.
"""

from difflib import get_close_matches
from enum import StrEnum


class Command(StrEnum):
    """The names of the commands, in the order in which people are told of them."""

    START = "start"
    AUDIO = "audio"
    VIDEO = "video"
    FILE = "file"
    COVER = "cover"
    SUBS = "subs"
    PLAYLIST = "playlist"
    CLIP = "clip"
    INFO = "info"
    SEARCH = "search"
    FRESH = "fresh"
    QUEUE = "queue"
    CANCEL = "cancel"
    SETTINGS = "settings"
    PRIVACY = "privacy"
    FORGET = "forget"
    HELP = "help"
    BAN = "ban"
    UNBAN = "unban"
    STATUS = "status"
    FAILED = "failed"
    WHO = "who"
    PAUSE = "pause"
    RESUME = "resume"
    UPDATE = "update"

    @property
    def is_for_admins(self) -> bool:
        """Whether only the bot's admins have this command."""
        return self in _FOR_ADMINS

    @property
    def is_listed(self) -> bool:
        """Whether people are told of it. /start is what Telegram's own button sends."""
        return self is not Command.START


_FOR_ADMINS = frozenset(
    {
        *(Command.BAN, Command.UNBAN, Command.WHO, Command.STATUS, Command.FAILED),
        *(Command.PAUSE, Command.RESUME, Command.UPDATE),
    }
)
FOR_ADMINS = tuple(command for command in Command if command.is_for_admins)
FOR_EVERYBODY = tuple(command for command in Command if not command.is_for_admins)
LISTED = tuple(command for command in FOR_EVERYBODY if command.is_listed)

_BY_NAME = {command.value: command for command in Command}


def find(name: str) -> Command | None:
    """The command of this name; None when there is none."""
    return _BY_NAME.get(name)


def nearest(name: str) -> Command | None:
    """The command that somebody may have meant with a name that no command has."""
    near = get_close_matches(name, FOR_EVERYBODY, n=1)
    return Command(near[0]) if near else None
