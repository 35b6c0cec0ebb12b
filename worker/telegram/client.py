"""The few Bot API methods that this bot uses, with typed failures that contain no secret.

A thin layer over pyTelegramBotAPI's `apihelper`, used by the workers.
"""

import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import quote

from telebot import apihelper, types

from worker.errors import ChatClosed, JobError, TelegramUnreachable
from worker.telegram import fields, transport
from worker.telegram.api_access import ApiAccess
from worker.telegram.buttons import Rows
from worker.telegram.errors import NotModified, StaleButton

T = TypeVar("T")

_NO_PREVIEW = types.LinkPreviewOptions(is_disabled=True)
_MAX_NOTICE = 200  # characters (Bot API 10.1, answerCallbackQuery)

# By the `type` of an InputMedia.
_SENDERS: Mapping[str, Callable[..., Any]] = {
    "video": apihelper.send_video,
    "animation": apihelper.send_animation,
    "audio": apihelper.send_audio,
    "voice": apihelper.send_voice,
    "photo": apihelper.send_photo,
    "document": functools.partial(apihelper.send_data, data_type="document"),
}


class Client:
    """Calls to the Bot API. One per process, since pyTelegramBotAPI's settings are global.

    Every method may raise `TelegramUnreachable` (whether the call took effect is unknown),
    `TelegramBusy`, `TelegramUnauthorized`, and `JobError` for a refusal that retrying will not fix.
    Those that write to a chat may raise `ChatClosed` and `TopicClosed`, those that edit
    `MessageGone`. A group that has become a supergroup is not followed there, where the ids of its
    messages are those of others: that raises `ChatMoved`. Calls may come from any thread; an
    exception that a signal handler raises comes out of them as it is.
    """

    def __init__(self, connection: ApiAccess) -> None:
        self.local = connection.local
        self._token = connection.token
        self._files = f"{connection.base_url}/file/bot{connection.token}/"
        self._proxies = connection.proxies
        _install(connection)

    def get_me(self) -> Mapping[str, Any]:
        """The bot's own User object."""
        return _object("getMe", apihelper.get_me(self._token))

    def is_chat_admin(self, chat_id: int, user_id: int) -> bool:
        """Whether a person is an admin of a group; not if Telegram does not say so.

        It asks for the list of all admins, since Telegram may say what another person is only to a
        bot that is an admin itself (Bot API 10.1, getChatMember).
        """
        try:
            members = apihelper.get_chat_administrators(self._token, chat_id)
        except (ChatClosed, JobError):
            return False
        people = (fields.mapping(member, "user") for member in members or ())
        return any(fields.integer(person, "id") == user_id for person in people)

    def send_text(
        self,
        chat_id: int,
        text: str,
        reply_to_id: int | None = None,
        buttons: Rows = (),
        thread_id: int | None = None,
    ) -> int:
        """Send plain text and return its message_id. Not safe to repeat.

        A message that is gone is no longer replied to, nor is one whose id is 0: see `Request`.
        """
        result = apihelper.send_message(
            self._token,
            chat_id,
            text,
            reply_markup=_keyboard(buttons),
            reply_parameters=_reply(reply_to_id),
            message_thread_id=thread_id,
            link_preview_options=_NO_PREVIEW,
        )
        message_id = fields.integer(result, "message_id")
        if message_id is None:
            raise TelegramUnreachable("sendMessage: the result is no message")
        return message_id

    def edit_text(
        self,
        chat_id: int,
        message_id: int,
        text: str,
        buttons: Rows = (),
        read_timeout_s: float = transport.READ_TIMEOUT_S,
    ) -> None:
        """Replace a message's text and its buttons.

        Raises `MessageIsMedia` (a `MessageGone`) if the message has no text any more.
        """
        _edit(
            lambda: apihelper.edit_message_text(
                self._token,
                text,
                chat_id,
                message_id,
                reply_markup=_keyboard(buttons),
                link_preview_options=_NO_PREVIEW,
                timeout=read_timeout_s,
            ),
        )

    def edit_media(
        self,
        chat_id: int,
        message_id: int,
        media: types.InputMedia,
        read_timeout_s: float,
        buttons: Rows = (),
    ) -> Mapping[str, Any] | None:
        """Turn a message into media with these buttons (Bot API 10.1, editMessageMedia).

        Returns the Message as it is now, or None if it was so already. Safe to repeat. Raises
        `FileIdRefused` as well.
        """
        result = _edit(
            lambda: apihelper.edit_message_media(
                self._token,
                media,
                chat_id,
                message_id,
                reply_markup=_keyboard(buttons),
                timeout=read_timeout_s,
            ),
        )
        return None if result is None else _object("editMessageMedia", result)

    def edit_buttons(self, chat_id: int, message_id: int, buttons: Rows) -> None:
        """Replace a message's buttons, and nothing else of it. Safe to repeat."""
        _edit(
            lambda: apihelper.edit_message_reply_markup(
                self._token, chat_id, message_id, reply_markup=_keyboard(buttons)
            )
        )

    def send_media(
        self,
        chat_id: int,
        media: types.InputMedia,
        reply_to_id: int | None,
        read_timeout_s: float,
        thread_id: int | None = None,
        buttons: Rows = (),
    ) -> Mapping[str, Any]:
        """Send one file and return its Message. Not safe to repeat. Raises `FileIdRefused` too."""
        given = media.to_dict()
        kind = given.pop("type")
        send = _SENDERS[kind]
        if media.thumbnail is not None:
            given["thumbnail"] = media.thumbnail
        result = send(
            self._token,
            chat_id,
            media.media,
            reply_markup=_keyboard(buttons),
            reply_parameters=_reply(reply_to_id),
            message_thread_id=thread_id,
            timeout=read_timeout_s,
            **{name: value for name, value in given.items() if name != "media"},
        )
        return _object(f"send {kind}", result)

    def send_group(
        self,
        chat_id: int,
        media: Sequence[types.InputMedia],
        reply_to_id: int,
        read_timeout_s: float,
        thread_id: int | None = None,
    ) -> list[Mapping[str, Any]]:
        """Send two to ten files as an album and return its Messages; otherwise as `send_media`."""
        result = apihelper.send_media_group(
            self._token,
            chat_id,
            list(media),
            reply_parameters=_reply(reply_to_id),
            message_thread_id=thread_id,
            timeout=read_timeout_s,
        )
        if isinstance(result, list) and len(result) == len(media):
            return [_object("sendMediaGroup", message) for message in result]
        raise TelegramUnreachable("sendMediaGroup: the result is no such album")

    def get_file(self, file_id: str, max_bytes: int) -> bytes | None:
        """The content of a file that somebody has sent; None if it is larger than that.

        Raises `FileIdRefused` as well, and OSError for one of a local server that cannot be read.
        """
        found = _object("getFile", apihelper.get_file(self._token, file_id))
        path = fields.text(found, "file_path")
        if (fields.integer(found, "file_size") or 0) > max_bytes:
            return None
        if self.local:
            with open(path, "rb") as file:
                content = file.read(max_bytes + 1)
        else:
            content = transport.fetch(self._files + quote(path), self._proxies)
        return content if len(content) <= max_bytes else None

    def delete_message(self, chat_id: int, message_id: int) -> None:
        """Remove a message from its chat."""
        apihelper.delete_message(self._token, chat_id, message_id)

    def send_action(self, chat_id: int, action: str, thread_id: int | None = None) -> None:
        """Show what the bot is doing, for 5 s or until its next message (Bot API 10.1)."""
        apihelper.send_chat_action(
            self._token,
            chat_id,
            action,
            timeout=transport.SHOWING_TIMEOUT_S,
            message_thread_id=thread_id,
        )

    def set_commands(
        self,
        commands: Sequence[tuple[str, str]],
        scope: str,
        chat_id: int | None = None,
        language: str | None = None,
    ) -> None:
        """Set the commands of a BotCommandScope; with none of them, remove those that it has."""
        given = types.BotCommandScope(scope, chat_id)
        if not commands:
            apihelper.delete_my_commands(self._token, given, language)
            return
        listed = [types.BotCommand(name, text) for name, text in commands]
        apihelper.set_my_commands(self._token, listed, given, language)

    def answer_button(self, callback_id: str, text: str = "") -> None:
        """Show a short notice to the person who pressed a button, unless that was too long ago.

        Without a text the button just stops spinning.
        """
        with suppress(StaleButton):
            apihelper.answer_callback_query(self._token, callback_id, text[:_MAX_NOTICE] or None)


def _install(connection: ApiAccess) -> None:
    """Set pyTelegramBotAPI up."""
    base = connection.base_url.replace("{", "{{").replace("}", "}}")
    vars(apihelper).update(
        API_URL=base + "/bot{0}/{1}",
        FILE_URL=base + "/file/bot{0}/{1}",
        proxy=connection.proxies,
        CUSTOM_REQUEST_SENDER=transport.send,
        READ_TIMEOUT=transport.READ_TIMEOUT_S,
    )
    # Its log lines contain URLs with the token, and message texts, at every level.
    transport.keep_quiet()
    logging.getLogger("TeleBot").setLevel(logging.CRITICAL + 1)


def _edit(call: Callable[[], T]) -> T | None:
    """Make a call that edits. None stands for one that changed nothing."""
    try:
        return call()
    except NotModified:
        return None


def _object(method: str, result: object) -> Mapping[str, Any]:
    if isinstance(result, Mapping):
        return result
    raise TelegramUnreachable(f"{method}: the result is no object")


def _reply(message_id: int | None) -> types.ReplyParameters | None:
    if not message_id:
        return None
    return types.ReplyParameters(message_id, allow_sending_without_reply=True)


def _keyboard(rows: Rows) -> types.InlineKeyboardMarkup | None:
    keyboard = [
        [types.InlineKeyboardButton(button.text, callback_data=button.data) for button in row]
        for row in rows
    ]
    return types.InlineKeyboardMarkup(keyboard) if keyboard else None
