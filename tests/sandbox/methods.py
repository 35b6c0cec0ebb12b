"""What each method of the stand-in does, given checked parameters (Bot API 10.1)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

from .bodies import Upload
from .chats import Chat, ChatMessage, MediaSent, message_result
from .entities import Entity, format_text, utf16_length
from .errors import ApiError, bad_request
from .files import DOWNLOAD_LIMIT, media_result
from .world import World

Params = dict[str, Any]
Uploads = dict[str, Upload]

_ACTIONS = {
    "typing",
    "upload_photo",
    "record_video",
    "upload_video",
    "record_voice",
    "upload_voice",
    "upload_document",
    "choose_sticker",
    "find_location",
    "record_video_note",
    "upload_video_note",
}
_BUTTON_LOOKS = {"text", "icon_custom_emoji_id", "style"}
_DETAILS = ("width", "height", "duration", "title", "performer", "supports_streaming")


class Methods:
    """The methods by name. Each call takes effect at once, under the world's lock."""

    def __init__(self, world: World, local: bool) -> None:
        self._world = world
        self._local = local
        self._methods: dict[str, Callable[[Params, Uploads], Any]] = {
            "getMe": lambda p, u: world.bot,
            "getUpdates": self._get_updates,
            "deleteWebhook": self._delete_webhook,
            "setMyCommands": self._set_my_commands,
            "deleteMyCommands": self._delete_my_commands,
            "sendMessage": self._send_message,
            "editMessageText": self._edit_text,
            "editMessageReplyMarkup": self._edit_markup,
            "editMessageCaption": self._edit_caption,
            "editMessageMedia": self._edit_media,
            "deleteMessage": self._delete_message,
            "sendMediaGroup": self._send_group,
            "sendChatAction": self._send_action,
            "answerCallbackQuery": self._answer_query,
            "getFile": self._get_file,
            "getChat": self._get_chat,
            "getChatAdministrators": self._get_admins,
        }
        for kind in ("video", "audio", "voice", "document", "photo", "animation"):
            self._methods[f"send{kind.capitalize()}"] = self._sender(kind)

    def run(self, method: str, params: Params, uploads: Uploads) -> Any:
        """The method's result; `ApiError` when it is refused."""
        if method == "getUpdates":
            return self._get_updates(params, uploads)
        with self._world.changed:
            return self._methods[method](params, uploads)

    # Updates and the bot itself

    def _get_updates(self, params: Params, uploads: Uploads) -> Any:
        return self._world.updates.poll(
            params.get("offset", 0),
            params.get("limit", 100),
            params.get("timeout", 0),
            params.get("allowed_updates"),
        )

    def _delete_webhook(self, params: Params, uploads: Uploads) -> bool:
        if params.get("drop_pending_updates"):
            self._world.updates.drop()
        return True

    def _set_my_commands(self, params: Params, uploads: Uploads) -> bool:
        for command in params["commands"]:
            if not re.fullmatch(r"[a-z0-9_]{1,32}", command["command"]):
                raise bad_request("BOT_COMMAND_INVALID")
            if not 1 <= len(command["description"]) <= 256:
                raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
        if len(params["commands"]) > 100:
            raise bad_request("BOT_COMMANDS_TOO_MUCH")
        if chat_id := params.get("scope", {}).get("chat_id"):
            self._world.chats.to_write(chat_id)
        self._world.menus[_menu_key(params)] = params["commands"]
        return True

    def _delete_my_commands(self, params: Params, uploads: Uploads) -> bool:
        self._world.menus.pop(_menu_key(params), None)
        return True

    # New messages

    def _send_message(self, params: Params, uploads: Uploads) -> Any:
        chat = self._world.chats.to_write(params["chat_id"])
        text, entities = _text(params)
        return self._post(chat, params, kind="text", text=text, entities=entities)

    def _sender(self, kind: str) -> Callable[[Params, Uploads], Any]:
        def send(params: Params, uploads: Uploads) -> Any:
            chat = self._world.chats.to_write(params["chat_id"])
            # The value is an upload in the field of that name, or text that says where it is.
            given = {"type": kind, **params}
            for name in (kind, "thumbnail", "cover"):
                if name in uploads:
                    given[name] = f"attach://{name}"
            given["media"] = given[kind]
            return self._post(chat, params, **self._media_state(given, uploads))

        return send

    def _send_group(self, params: Params, uploads: Uploads) -> Any:
        chat = self._world.chats.to_write(params["chat_id"])
        items = params["media"]
        if not 2 <= len(items) <= 10:
            raise bad_request("an album must have 2-10 items")
        kinds = {item["type"] for item in items}
        if "animation" in kinds or (len(kinds) > 1 and kinds != {"photo", "video"}):
            raise bad_request("this kind of media can't be grouped so")
        states = [self._media_state(item, uploads) for item in items]
        album = {"media_group_id": str(time.time_ns())}
        return [self._post(chat, params, fields=album, **state) for state in states]

    def _post(self, chat: Chat, params: Params, **state: Any) -> Any:
        message = ChatMessage(
            message_id=0,
            chat_id=chat.chat_id,
            from_bot=True,
            date=int(time.time()),
            markup=_markup(params),
            reply_to=self._reply_to(chat, params.get("reply_parameters")),
            **state,
        )
        self._world.chats.add(chat, message)
        self._world.tell("message", chat.chat_id, message, "")
        return self._result(chat, message)

    def _result(self, chat: Chat, message: ChatMessage) -> Any:
        result = message_result(chat, message, self._world.bot)
        replied = chat.messages.get(message.reply_to or 0)
        if replied is not None:
            result["reply_to_message"] = message_result(chat, replied, self._world.sender(replied))
        return result

    def _reply_to(self, chat: Chat, reply: Params | None) -> int | None:
        if reply is None:
            return None
        message = chat.messages.get(reply["message_id"])
        if message is not None and not message.deleted:
            return message.message_id
        if reply.get("allow_sending_without_reply"):
            return None
        raise bad_request("message to be replied not found")

    def _media_state(self, given: Params, uploads: Uploads) -> Params:
        caption, entities = _caption(given)
        media = self._media(given, uploads)
        return {"kind": media.kind, "caption": caption, "entities": entities, "media": media}

    def _media(self, given: Params, uploads: Uploads) -> MediaSent:
        files = self._world.files
        value = given["media"]
        if value in self._world.media:
            files.resolve(value, given["type"], uploads)
            return self._world.media[value]
        file = files.resolve(value, given["type"], uploads)
        thumbnail = given.get("thumbnail")
        thumb = files.resolve(thumbnail, "thumbnail", uploads) if thumbnail else None
        if given.get("cover"):
            files.resolve(given["cover"], "photo", uploads)
        details = {name: given[name] for name in _DETAILS if name in given}
        if file.kind == "photo":
            details = {"width": file.width, "height": file.height}
        media = MediaSent(
            kind=file.kind,
            file_id=file.file_id,
            file_unique_id=file.file_unique_id,
            path=file.path,
            size=file.size,
            file_name=file.file_name,
            mime_type=file.mime_type,
            thumbnail=thumb.path if thumb else None,
            result=media_result(file, details, thumb),
            **details,
        )
        self._world.media[file.file_id] = media
        return media

    # Messages that are there

    def _to_edit(self, params: Params) -> tuple[Chat, ChatMessage]:
        if "chat_id" not in params:
            raise bad_request("chat_id is empty")
        if "message_id" not in params:
            raise bad_request("message identifier is not specified")
        chat = self._world.chats.to_write(params["chat_id"])
        return chat, self._world.chats.to_edit(chat, params["message_id"])

    def _edited(self, chat: Chat, message: ChatMessage, **changes: Any) -> Any:
        self._world.chats.edit(message, **changes)
        self._world.tell("edit", chat.chat_id, message, "")
        return self._result(chat, message)

    def _edit_text(self, params: Params, uploads: Uploads) -> Any:
        if "text" not in params:
            raise bad_request("message text is empty")
        chat, message = self._to_edit(params)
        if message.kind != "text":
            raise bad_request("there is no text in the message to edit")
        text, entities = _text(params)
        return self._edited(chat, message, text=text, entities=entities, markup=_markup(params))

    def _edit_markup(self, params: Params, uploads: Uploads) -> Any:
        chat, message = self._to_edit(params)
        return self._edited(chat, message, markup=_markup(params))

    def _edit_caption(self, params: Params, uploads: Uploads) -> Any:
        chat, message = self._to_edit(params)
        if message.media is None:
            raise bad_request("there is no caption in the message to edit")
        caption, entities = _caption(params)
        markup = _markup(params)
        return self._edited(chat, message, caption=caption, entities=entities, markup=markup)

    def _edit_media(self, params: Params, uploads: Uploads) -> Any:
        chat, message = self._to_edit(params)
        state = self._media_state(params["media"], uploads)
        return self._edited(chat, message, text=None, markup=_markup(params), **state)

    def _delete_message(self, params: Params, uploads: Uploads) -> bool:
        chat = self._world.chats.to_write(params["chat_id"])
        message = chat.messages.get(params["message_id"])
        if message is None or message.deleted:
            raise bad_request("message to delete not found")
        self._world.chats.delete(message)
        self._world.tell("delete", chat.chat_id, message, "")
        return True

    # The rest

    def _send_action(self, params: Params, uploads: Uploads) -> bool:
        chat = self._world.chats.to_write(params["chat_id"])
        if params["action"] not in _ACTIONS:
            raise bad_request("wrong parameter action in request")
        self._world.tell("action", chat.chat_id, None, params["action"])
        return True

    def _answer_query(self, params: Params, uploads: Uploads) -> bool:
        chat_id = self._world.queries.get(params["callback_query_id"])
        if chat_id is None:
            raise bad_request(
                "query is too old and response timeout expired or query ID is invalid"
            )
        if utf16_length(params.get("text", "")) > 200:
            raise bad_request("MESSAGE_TOO_LONG")
        self._world.tell("answer", chat_id, None, params.get("text", ""))
        return True

    def _get_file(self, params: Params, uploads: Uploads) -> Any:
        file = self._world.files.by_id(params["file_id"])
        if file.size > DOWNLOAD_LIMIT and not self._local:
            raise bad_request("file is too big")
        return {
            **file.described(),
            "file_path": str(file.path) if self._local else file.served_as,
        }

    def _get_admins(self, params: Params, uploads: Uploads) -> Any:
        chat = self._world.chats.find(params["chat_id"])
        if chat.kind == "private":
            raise bad_request("there are no administrators in the private chat")
        return [
            {"status": "administrator", "user": {"id": user_id, "is_bot": False}}
            for user_id in sorted(chat.admins)
        ]

    def _get_chat(self, params: Params, uploads: Uploads) -> Any:
        chat = self._world.chats.find(params["chat_id"])
        return {
            **chat.described(),
            "accent_color_id": 0,
            "max_reaction_count": 11,
            "accepted_gift_types": {
                "unlimited_gifts": False,
                "limited_gifts": False,
                "unique_gifts": False,
                "premium_subscription": False,
                "gifts_from_channels": False,
            },
        }


def attached(method: str, params: Params) -> set[str]:
    """The names of the uploads that a call may bring."""
    names = {"sendMediaGroup": params.get("media", []), "editMessageMedia": [params.get("media")]}
    values = [params.get(name) for name in ("thumbnail", "cover")]
    values += [params.get(method.removeprefix("send").lower())]
    for item in names.get(method, []):
        values += [item.get(name) for name in ("media", "thumbnail", "cover")] if item else []
    return {v.removeprefix("attach://") for v in values if v and v.startswith("attach://")}


def _text(params: Params) -> tuple[str, list[Entity]]:
    text, entities = format_text(params["text"], params.get("parse_mode"), params.get("entities"))
    if not text:
        raise bad_request("text must be non-empty")
    if utf16_length(text) > 4096:
        raise bad_request("message is too long")
    return text, entities


def _menu_key(params: Params) -> str:
    """Whom the commands of a call are for: a scope, its chat and a language, as far as told."""
    scope = params.get("scope", {})
    parts = (scope.get("type", "default"), scope.get("chat_id"), params.get("language_code"))
    return ":".join(str(part) for part in parts if part is not None)


def _caption(params: Params) -> tuple[str | None, list[Entity]]:
    caption, entities = format_text(
        params.get("caption", ""), params.get("parse_mode"), params.get("caption_entities")
    )
    if utf16_length(caption) > 1024:
        raise bad_request("message caption is too long")
    return caption or None, entities


def _markup(params: Params) -> dict[str, Any] | None:
    markup: dict[str, Any] | None = params.get("reply_markup")
    if not markup or "inline_keyboard" not in markup:
        return None
    for button in (button for row in markup["inline_keyboard"] for button in row):
        _check_button(button)
    rows = [row for row in markup["inline_keyboard"] if row]
    return {"inline_keyboard": rows} if rows else None


def _check_button(button: dict[str, Any]) -> None:
    if not button["text"].strip():
        raise bad_request("can't parse inline keyboard button: text must be non-empty")
    if len(button.keys() - _BUTTON_LOOKS) != 1:
        raise bad_request(
            "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard"
        )
    if "callback_data" in button and not 1 <= len(button["callback_data"].encode()) <= 64:
        raise bad_request("BUTTON_DATA_INVALID")
    if "url" in button and not re.match(r"(https?|tg|tonsite)://\S+", button["url"]):
        raise ApiError(400, "Bad Request: BUTTON_URL_INVALID")
