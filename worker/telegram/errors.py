"""Turn a refusal by the Bot API into one typed failure.

The descriptions are not documented; these are known from the server's source
(tdlib/telegram-bot-api). Each is matched anywhere in the description, ignoring case.
"""

import math
import re

from worker.errors import (
    ChatClosed,
    ChatMoved,
    Fault,
    FileIdRefused,
    JobError,
    MessageDeleted,
    MessageGone,
    Reason,
    TelegramBusy,
    TelegramConflict,
    TelegramUnauthorized,
    TelegramUnreachable,
    TopicClosed,
)
from worker.telegram import fields

_DEFAULT_WAIT_S = 5.0
_MAX_WORDS = 200
_QUOTED = re.compile(r"\"[^\"]*\"?")
_TOKEN = re.compile(r"\d{3,}:[\w-]{10,}")


class NotModified(Exception):
    """An edit that changes nothing: the message already is what it should be."""


class MessageIsMedia(MessageGone):
    """The message has no text to edit, since it has become media."""


class StaleButton(Exception):
    """A button was pressed too long ago to be answered."""


_BY_WORDS: tuple[tuple[type[Exception], tuple[str, ...]], ...] = (
    (NotModified, ("message is not modified",)),
    (MessageIsMedia, ("there is no text in the message to edit",)),
    (
        MessageGone,
        (
            "message to edit not found",
            "message can't be edited",
            "message to delete not found",
            "message_id_invalid",
            "message_author_required",
            "message identifier is not specified",
        ),
    ),
    (StaleButton, ("query is too old", "query id is invalid", "query_id_invalid")),
    (
        TopicClosed,
        (
            "topic_closed",
            "topic_deleted",
            "message thread not found",
            "topic not found",
            "topic_id_invalid",
        ),
    ),
    (
        ChatClosed,
        (
            "chat not found",
            "group chat was deactivated",
            "upgraded to a supergroup",
            "peer_id_invalid",
            "channel_private",
            "chat_write_forbidden",
            "chat_restricted",
            "user_is_blocked",
            "user_banned_in_channel",
            "chat_guest_send_forbidden",
            "chat_send_plain_forbidden",
            "input_user_deactivated",
            "have no rights to send a message",
            "not enough rights to send text messages",
            "not enough rights to send messages",
            "need administrator rights",
        ),
    ),
    (
        FileIdRefused,
        (
            "wrong file identifier",
            "wrong file_id",
            "wrong remote file identifier",
            "invalid file_id",
            "file_reference_",
            "wrong http url specified",
            "invalid file uri specified",
            "can't use file of type",
            "type of file mismatch",
        ),
    ),
)


# The rights of a group's members, by the words that TDLib and the server have for them. Text is
# none of them: where the bot may not even write, the chat is closed to it.
_NO_RIGHT = re.compile(
    r"not enough rights to send (?P<what>(?!text|message|the )[a-z]+)"
    r"|chat_send_(?P<code>(?!plain)[a-z]+)_forbidden"
)
_RIGHTS = {
    **dict.fromkeys(("video", "videos"), Reason.NO_RIGHT_TO_VIDEOS),
    **dict.fromkeys(("photo", "photos"), Reason.NO_RIGHT_TO_PHOTOS),
    **dict.fromkeys(("audio", "audios", "music"), Reason.NO_RIGHT_TO_MUSIC),
    **dict.fromkeys(("document", "documents", "docs", "files"), Reason.NO_RIGHT_TO_FILES),
    **dict.fromkeys(("animation", "animations", "gifs"), Reason.NO_RIGHT_TO_GIFS),
}

_DELETED_AT_ONCE = "message was immediately deleted"

_WITH_FILES = frozenset(
    {
        *("editMessageMedia", "sendMediaGroup", "sendVideo", "sendAnimation"),
        *("sendAudio", "sendVoice", "sendPhoto", "sendDocument"),
    }
)


def failure(method: str, status: int, answer: object) -> Exception:
    """The exception for an answer that is not a success.

    `status` is the HTTP status, `answer` the parsed body or None where it was no JSON. What is
    returned holds neither the token nor anything that people wrote.
    """
    if not (isinstance(answer, dict) and answer.get("ok") is False):
        # A proxy's page, or a gateway's JSON. The one thing it can know about us is that the body
        # is too large.
        if status == 413:
            return _refusal(method, f"{method}: HTTP 413, the body is too large")
        return TelegramUnreachable(f"{method}: HTTP {status}, and no answer of the Bot API")
    code = fields.integer(answer, "error_code") or status
    description = fields.text(answer, "description")
    words = f"{method}: {_for_the_log(description)}"
    if code in (400, 403):
        return _known(description, words, answer) or (
            ChatClosed(words) if code == 403 else _refusal(method, words)
        )
    # A malformed token makes an unknown path.
    if code == 401 or (code == 404 and ("method not found" not in description.lower())):
        return TelegramUnauthorized(words)
    if code == 409:
        return TelegramConflict(words)
    if code == 429:
        return TelegramBusy(_wait_s(answer))
    if code == 413:
        return _refusal(method, words)
    if 400 < code < 500:
        return JobError(Reason.INTERNAL, Fault.PERMANENT, words)
    if _DELETED_AT_ONCE in description.lower():
        return MessageDeleted(words)
    return TelegramUnreachable(words)


def _known(description: str, words: str, answer: object) -> Exception | None:
    """The failure that a description stands for; None for an unknown one."""
    new_chat_id = fields.integer(fields.mapping(answer, "parameters"), "migrate_to_chat_id")
    if new_chat_id is not None:
        return ChatMoved(new_chat_id)
    said = description.lower()
    for kind, phrases in _BY_WORDS:
        if any(phrase in said for phrase in phrases):
            return kind(words)
    if missing := _NO_RIGHT.search(said):
        reason = _RIGHTS.get(missing["what"] or missing["code"], Reason.NO_RIGHT_TO_MEDIA)
        return JobError(reason, Fault.PERMANENT, words)
    return None


def _refusal(method: str, words: str) -> JobError:
    """A refusal that retrying will not fix. Never `TOO_LARGE`: a file was found to fit before."""
    reason = Reason.UPLOAD_REFUSED if method in _WITH_FILES else Reason.INTERNAL
    return JobError(reason, Fault.PERMANENT, words)


def _wait_s(answer: object) -> float:
    wait_s = fields.mapping(answer, "parameters").get("retry_after")
    if isinstance(wait_s, int | float) and math.isfinite(wait_s) and wait_s > 0:
        return float(wait_s)
    return _DEFAULT_WAIT_S


def _for_the_log(description: str) -> str:
    """A description on one line, without quotations, which may be a person's text."""
    plain = _TOKEN.sub("…", _QUOTED.sub('"…"', description))
    return " ".join(plain.split())[:_MAX_WORDS] or "no description"
