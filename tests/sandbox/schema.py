"""The parameters of each method served, and the check of a call against them (Bot API 10.1).

The real server ignores a parameter that it does not know and reads a number that is none as 0.
This one refuses both, so that a slip of the bot shows in a test and not in a chat.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import ApiError, bad_request

# A line for each method or object: `name:Type`; `*` is required, `[]` an array, `@x` a group.
_GROUPS = {
    "@sent": """
        business_connection_id:String chat_id*:Chat message_thread_id:Integer
        direct_messages_topic_id:Integer disable_notification:Boolean protect_content:Boolean
        allow_paid_broadcast:Boolean message_effect_id:String reply_parameters:ReplyParameters""",
    "@offered": "suggested_post_parameters:Object reply_markup:ReplyMarkup",
    "@edited": """
        business_connection_id:String chat_id:Chat message_id:Integer inline_message_id:String
        reply_markup:InlineKeyboardMarkup""",
    "@caption": "caption:String parse_mode:String caption_entities:MessageEntity[]",
    "@size": "duration:Integer width:Integer height:Integer",
    "@look": "show_caption_above_media:Boolean has_spoiler:Boolean",
    "@media": "type*:String media*:String @caption",
}

_METHODS = {
    "getMe": "",
    "getUpdates": "offset:Integer limit:Integer timeout:Integer allowed_updates:String[]",
    "deleteWebhook": "drop_pending_updates:Boolean",
    "setMyCommands": "commands*:BotCommand[] scope:Object language_code:String",
    "deleteMyCommands": "scope:Object language_code:String",
    "sendMessage": """@sent @offered text*:String parse_mode:String entities:MessageEntity[]
        link_preview_options:LinkPreviewOptions""",
    "editMessageText": """@edited text:String parse_mode:String entities:MessageEntity[]
        link_preview_options:LinkPreviewOptions rich_message:Object""",
    "editMessageReplyMarkup": "@edited",
    "editMessageCaption": "@edited @caption show_caption_above_media:Boolean",
    "editMessageMedia": "@edited media*:InputMedia",
    "deleteMessage": "chat_id*:Chat message_id*:Integer",
    "sendVideo": """@sent @offered @caption @size @look video*:File thumbnail:File cover:File
        start_timestamp:Integer supports_streaming:Boolean""",
    "sendAudio": """@sent @offered @caption audio*:File thumbnail:File duration:Integer
        performer:String title:String""",
    "sendVoice": "@sent @offered @caption voice*:File duration:Integer",
    "sendDocument": """@sent @offered @caption document*:File thumbnail:File
        disable_content_type_detection:Boolean""",
    "sendPhoto": "@sent @offered @caption @look photo*:File",
    "sendAnimation": "@sent @offered @caption @size @look animation*:File thumbnail:File",
    "sendMediaGroup": "@sent media*:InputMedia[]",
    "sendChatAction": """business_connection_id:String chat_id*:Chat message_thread_id:Integer
        action*:String""",
    "answerCallbackQuery": """callback_query_id*:String text:String show_alert:Boolean url:String
        cache_time:Integer""",
    "getFile": "file_id*:String",
    "getChat": "chat_id*:Chat",
    "getChatAdministrators": "chat_id*:Chat return_bots:Boolean",
}

_OBJECTS = {
    "BotCommand": "command*:String description*:String",
    "MessageEntity": """type*:String offset*:Integer length*:Integer url:String user:Object
        language:String custom_emoji_id:String unix_time:Integer date_time_format:String""",
    "LinkPreviewOptions": """is_disabled:Boolean url:String prefer_small_media:Boolean
        prefer_large_media:Boolean show_above_text:Boolean""",
    "ReplyParameters": """message_id*:Integer chat_id:Chat allow_sending_without_reply:Boolean
        quote:String quote_parse_mode:String quote_entities:MessageEntity[] quote_position:Integer
        checklist_task_id:Integer poll_option_id:String""",
    "InlineKeyboardMarkup": "inline_keyboard*:InlineKeyboardButton[][]",
    "InlineKeyboardButton": """text*:String icon_custom_emoji_id:String style:String url:String
        callback_data:String web_app:Object login_url:Object switch_inline_query:String
        switch_inline_query_current_chat:String switch_inline_query_chosen_chat:Object
        copy_text:Object callback_game:Object pay:Boolean""",
    "InputMediaVideo": """@media @size @look thumbnail:String cover:String
        start_timestamp:Integer supports_streaming:Boolean""",
    "InputMediaAudio": """@media thumbnail:String duration:Integer performer:String
        title:String""",
    "InputMediaDocument": "@media thumbnail:String disable_content_type_detection:Boolean",
    "InputMediaPhoto": "@media @look",
    "InputMediaAnimation": "@media @size @look thumbnail:String",
}

_KEYBOARDS = ("inline_keyboard", "keyboard", "remove_keyboard", "force_reply")
_NUMBER = re.compile(r"[+-]?\d{1,19}")
_EMPTY = {"chat_id": "chat_id is empty", "text": "message text is empty"}


@dataclass(frozen=True)
class Field:
    """One parameter: its name, its type as the documentation writes it, whether it must be."""

    name: str
    kind: str
    required: bool


def _fields(line: str) -> dict[str, Field]:
    found: dict[str, Field] = {}
    for word in line.split():
        if word.startswith("@"):
            found |= _fields(_GROUPS[word])
        else:
            name, _, kind = word.partition(":")
            plain = name.removesuffix("*")
            found[plain] = Field(plain, kind, required=name != plain)
    return found


METHODS = {name: _fields(line) for name, line in _METHODS.items()}
OBJECTS = {name: _fields(line) for name, line in _OBJECTS.items()}
_BY_LOWER = {name.lower(): name for name in METHODS}


def method_named(name: str) -> str:
    """The method's own spelling; names are matched in any case. Unknown: 404."""
    try:
        return _BY_LOWER[name.lower()]
    except KeyError:
        raise ApiError(404, "Not Found: method not found") from None


def check_call(method: str, raw: Mapping[str, Any], files: Collection[str]) -> dict[str, Any]:
    """The typed parameters of a call. `files` are the names of its uploaded parts.

    Values may be text (query, form, multipart) or JSON values. Raises a 400 that says which
    parameter is missing, unknown or of the wrong type.
    """
    fields = METHODS[method]
    for name in raw:
        if name not in fields:
            raise bad_request(f'unknown parameter "{name}" in {method}')
    uploaded = {name for name, field in fields.items() if field.kind == "File" and name in files}
    values: dict[str, Any] = {}
    for name, field in fields.items():
        value = raw.get(name)
        if value is None or value == "":
            if field.required and name not in uploaded:
                raise bad_request(_EMPTY.get(name, f'parameter "{name}" is required'))
            continue
        values[name] = _convert(value, field.kind, name)
    return values


def _convert(value: Any, kind: str, where: str) -> Any:
    if kind.endswith("[]"):
        items = _from_json(value, where)
        if not isinstance(items, list):
            raise bad_request(f'parameter "{where}" must be an Array')
        return [_convert(item, kind[:-2], f"{where}[{i}]") for i, item in enumerate(items)]
    if kind in ("String", "File"):
        return _string(value, where)
    if kind == "Integer":
        return _integer(value, where)
    if kind == "Boolean":
        return _boolean(value, where)
    if kind == "Chat":
        return _chat(value, where)
    return _object(_from_json(value, where), kind, where)


def _string(value: Any, where: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise bad_request(f'parameter "{where}" must be String')
    return str(value)


def _integer(value: Any, where: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return int(value)
    raise bad_request(f'parameter "{where}" must be Integer')


def _boolean(value: Any, where: str) -> bool:
    if isinstance(value, bool):
        return value
    known = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if isinstance(value, str | int) and str(value).lower() in known:
        return known[str(value).lower()]
    raise bad_request(f'parameter "{where}" must be Boolean')


def _chat(value: Any, where: str) -> int | str:
    if isinstance(value, str) and value.startswith("@"):
        return value
    return _integer(value, where)


def _from_json(value: Any, where: str) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise bad_request(f'can\'t parse parameter "{where}": it is not JSON') from None


def _object(value: Any, kind: str, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise bad_request(f'parameter "{where}" must be an Object')
    if kind == "Object":
        return value
    if kind == "ReplyMarkup":
        if not any(name in value for name in _KEYBOARDS):
            raise bad_request("object expected as reply markup")
        if "inline_keyboard" not in value:
            return value
        kind = "InlineKeyboardMarkup"
    if kind == "InputMedia":
        kind = "InputMedia" + str(value.get("type", "")).capitalize()
        if kind not in OBJECTS:
            raise bad_request("can't parse InputMedia: type of the media is unsupported")
    fields = OBJECTS[kind]
    for name in value:
        if name not in fields:
            raise bad_request(f'unknown field "{name}" in {where} ({kind})')
    typed: dict[str, Any] = {}
    for name, field in fields.items():
        item = value.get(name)
        if item is not None:
            typed[name] = _convert(item, field.kind, f"{where}.{name}")
        elif field.required:
            raise bad_request(f'field "{name}" of {where} ({kind}) is required')
    return typed
