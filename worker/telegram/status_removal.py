"""Remove the status message of an answer that came as a message of its own."""

from contextlib import suppress

from worker.errors import JobError, MessageGone, TelegramError
from worker.protocol import RemoveStatus
from worker.telegram.client import Client


def remove(client: Client, task: RemoveStatus) -> None:
    """Remove it or, where Telegram refuses that, its buttons. Safe to repeat.

    A bot may remove a message for 48 hours (Bot API 10.1, deleteMessage).
    """
    with suppress(MessageGone):
        try:
            client.delete_message(task.chat_id, task.message_id)
        except JobError:
            client.edit_buttons(task.chat_id, task.message_id, ())


def try_remove(client: Client, task: RemoveStatus) -> bool:
    """Remove it if that can be done now. Returns whether it is gone, or has no buttons any more."""
    try:
        remove(client, task)
    except (TelegramError, JobError):
        return False
    return True
