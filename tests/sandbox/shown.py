"""What the chat page is told of messages and of calls, as JSON."""

from __future__ import annotations

import json
from typing import Any

from .chats import ChatMessage, MediaSent
from .faults import Call

_LONGEST_PARAMS = 1500
_TELLING = ("text", "action", "caption")


def shown(message: ChatMessage, sender: str, is_taken: bool) -> dict[str, Any]:
    """A message as the page draws it; `is_taken` if the bot has confirmed it."""
    return {
        "id": message.message_id,
        "bot": message.from_bot,
        "user": message.user_id,
        "sender": sender,
        "date": message.edit_date or message.date,
        "edits": len(message.history),
        "deleted": message.deleted,
        "taken": is_taken,
        "text": message.text or message.caption or "",
        "entities": message.entities,
        "buttons": message.buttons,
        "replyTo": message.reply_to,
        "album": message.fields.get("media_group_id"),
        "media": None if message.media is None else _shown_media(message, message.media),
    }


def _shown_media(message: ChatMessage, media: MediaSent) -> dict[str, Any]:
    at = f"{message.chat_id}/{message.message_id}?{media.file_unique_id}"
    return {
        "kind": media.kind,
        "url": f"/media/{at}",
        "subtitles": f"/subtitles/{message.chat_id}/{message.message_id}",
        "poster": f"/thumbnail/{at}" if media.thumbnail else None,
        "name": media.title or media.file_name,
        "performer": media.performer,
        "size": media.size,
        "width": media.width,
        "height": media.height,
        "duration": media.duration,
    }


def shown_call(call: Call) -> dict[str, Any]:
    """A call of the bot's as the page lists it; `status` is None until it is answered."""
    params = json.dumps(call.params, ensure_ascii=False, indent=2, default=str)
    uploads = [f"{name}: {it.file_name}, {it.size} bytes" for name, it in call.uploads.items()]
    return {
        "number": call.number,
        "method": call.method,
        "chat": call.params.get("chat_id"),
        "about": str(next((told for name in _TELLING if (told := call.params.get(name))), ""))[:80],
        "time": call.time.timestamp(),
        "status": call.status,
        "description": call.description,
        "params": params[:_LONGEST_PARAMS] + ("…" if len(params) > _LONGEST_PARAMS else ""),
        "uploads": uploads,
    }
