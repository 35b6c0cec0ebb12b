"""The dataclasses of `worker.protocol` as JSON, for the ledger and for pipes."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from worker.protocol import (
    AnswerButton,
    Delivered,
    Media,
    MediaFacts,
    MediaFile,
    MediaKind,
    Note,
    Reader,
    RemoveStatus,
    Reply,
    SetMenus,
)
from worker.protocol.choices import menu_from_json, offer_from_json
from worker.protocol.lists import list_from_json, list_menu_from_json
from worker.protocol.looks import look_from_json
from worker.protocol.notices import notice_from_json


def to_json(message: Any) -> dict[str, Any]:
    """A dataclass as plain JSON values."""
    return dataclasses.asdict(message)


def media_to_json(media: Media) -> dict[str, Any]:
    """Media as plain JSON values, without a level for its offer: ledgers have it so."""
    values = to_json(media)
    offer = values.pop("offer")
    return {**values, **offer}


def media_from_json(value: Mapping[str, Any]) -> Media:
    """The inverse of `media_to_json`. Raises TypeError or ValueError on rubbish."""
    files = tuple(map(_file_from_json, value["files"]))
    found = value.get("found_list")
    found_list = list_from_json(found) if found else None
    look = look_from_json(value["look"]) if value.get("look") else None
    return Media(files, offer_from_json(value), found_list, look)


def delivered_from_json(value: Mapping[str, Any]) -> Delivered:
    """The inverse of `to_json` for a `Delivered`."""
    kind = value["kind"]
    return Delivered(value["file_id"], MediaKind(kind) if kind else None)


def reply_to_json(reply: Reply) -> dict[str, Any]:
    """A reply as plain JSON values. The ledger's statements know the message's id by this key."""
    values = to_json(reply)
    return {"reader": values["reader"], "reply_to": reply.reply_to_id, "notices": values["notices"]}


def reply_from_json(value: Mapping[str, Any]) -> Reply:
    """The inverse of `reply_to_json`."""
    notices = tuple(map(notice_from_json, value["notices"]))
    return Reply(Reader(**value["reader"]), value["reply_to"], notices)


def answer_from_json(value: Mapping[str, Any]) -> AnswerButton:
    """The inverse of `to_json` for an `AnswerButton`."""
    notice = notice_from_json(value["notice"]) if value["notice"] else None
    menu = menu_from_json(value["menu"]) if value.get("menu") else None
    given = value.get("list_menu")
    list_menu = list_menu_from_json(given) if given else None
    return AnswerButton(value["callback_id"], value["language"], notice, menu, list_menu)


def menus_from_json(value: Mapping[str, Any]) -> SetMenus:
    """The inverse of `to_json` for a `SetMenus`."""
    return SetMenus(value["fingerprint"], tuple(value["admins"]), tuple(value["former_admins"]))


def removal_from_json(value: Mapping[str, Any]) -> RemoveStatus:
    """The inverse of `to_json` for a `RemoveStatus`."""
    return RemoveStatus(value["chat_id"], value["message_id"])


def _file_from_json(value: Mapping[str, Any]) -> MediaFile:
    return MediaFile(**{**value, "facts": _facts_from_json(value["facts"])})


def _facts_from_json(value: Mapping[str, Any]) -> MediaFacts:
    kind, note = MediaKind(value["kind"]), value["note"]
    return MediaFacts(**{**value, "kind": kind, "note": Note(note) if note else None})
