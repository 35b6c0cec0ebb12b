"""What a pressed button asks for. Pure, as `handlers` is for all other updates."""

import re
from collections.abc import Mapping
from typing import Any

from worker.form import Form
from worker.protocol import AnswerButton
from worker.protocol.choices import Page
from worker.protocol.effects import (
    CancelRequest,
    CancelRest,
    ChooseForm,
    ChooseResult,
    Effect,
    Effects,
    Press,
    PressPanel,
    ShowChoices,
    ShowItems,
    StopRecording,
    TakeItems,
    TellDescription,
    TryFailedAgain,
)
from worker.protocol.lists import unpacked
from worker.protocol.looks import VIDEO_ID
from worker.protocol.notices import Notice, Topic
from worker.telegram import buttons, fields
from worker.telegram.people import People

_PAGES = frozenset(page.value for page in Page)
_REQUEST_ID = re.compile(r"[0-9]{1,18}")
_SHEET = re.compile(r"[0-9]{1,2}")
_PAGE = re.compile(r"([0-9]{1,2})\.(.+)")


def handle_press(query: Mapping[str, Any], people: People) -> Effects:
    """What a press asks for: nothing if it cannot be answered, otherwise at least an answer."""
    sender = fields.mapping(query, "from")
    callback_id, user_id = fields.text(query, "id"), fields.integer(sender, "id")
    if not callback_id or user_id is None:
        return ()
    language = people.language_of(sender)
    if not people.may_use(user_id):
        return (AnswerButton(callback_id, language, Notice(Topic.PRIVATE_BOT)),)
    action, argument = buttons.unpack(fields.text(query, "data"))
    if choice := _read_choice(query, action, argument, language):
        return (choice,)
    if action == "cancel" and _REQUEST_ID.fullmatch(argument):
        chat = fields.mapping(fields.mapping(query, "message"), "chat")
        chat_id = fields.integer(chat, "id")
        return (CancelRequest(int(argument), user_id, callback_id, language, chat_id),)
    return (AnswerButton(callback_id, language, Notice(Topic.DEAD_BUTTON)),)


def _read_choice(
    query: Mapping[str, Any], action: str, argument: str, language: str
) -> Effect | None:
    """What a button of an answer or of a panel asks for; None for any other."""
    message, sender = fields.mapping(query, "message"), fields.mapping(query, "from")
    chat_id = fields.integer(fields.mapping(message, "chat"), "id")
    message_id, user_id = fields.integer(message, "message_id"), fields.integer(sender, "id")
    request_id, _, code = argument.partition(".")
    if chat_id is None or message_id is None or user_id is None:
        return None
    if not _REQUEST_ID.fullmatch(request_id):
        return None
    press = Press(fields.text(query, "id"), user_id, chat_id, message_id, language)
    if pressed := _read_list(action, request_id, code, press):
        return pressed
    if action == "form":
        try:
            return ChooseForm(int(request_id), Form.parse(code), press)
        except ValueError:
            return None
    if action == "stop" and not code:
        return StopRecording(int(request_id), press)
    if action == "found" and VIDEO_ID.fullmatch(code):
        return ChooseResult(int(request_id), code, press)
    if action == "panel" and code:
        return PressPanel(int(request_id), code, press)
    if action == "description" and not code:
        return TellDescription(int(request_id), press)
    if action in _PAGES and not code:
        return ShowChoices(int(request_id), Page(action), press)
    if action == Page.CHAPTERS and _SHEET.fullmatch(code):
        return ShowChoices(int(request_id), Page.CHAPTERS, press, int(code))
    return None


def _read_list(action: str, found_id: str, code: str, press: Press) -> Effect | None:
    """What a button of a list or of its summary asks for; None for any other."""
    try:
        if action == "take":
            return TakeItems(int(found_id), unpacked(code), press)
        if action == "items" and (page := _PAGE.fullmatch(code)):
            return ShowItems(int(found_id), int(page[1]), unpacked(page[2]), press)
    except ValueError:
        return None
    if code:
        return None
    match action:
        case "list":
            return ShowItems(int(found_id), None, (), press)
        case "rest":
            return CancelRest(int(found_id), press)
        case "again":
            return TryFailedAgain(int(found_id), press)
    return None
