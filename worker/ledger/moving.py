"""Moving what waits for a group to the supergroup that the group has become.

The supergroup has an id of its own and numbers its messages anew, so an id of the group's means
nothing there, or somebody else's message. Telegram announces the change in both chats, and in its
answer to a call. Each function is part of its caller's transaction.
"""

from worker.clocks import Wall
from worker.ledger import preferences
from worker.ledger.jobs import queue
from worker.ledger.lists import batches
from worker.ledger.panels import panels
from worker.ledger.requests import admission, request_lookups, requests
from worker.ledger.storage.database import Database
from worker.protocol.effects import GroupMoved


def move(db: Database, moved: GroupMoved, wall: Wall) -> None:
    """Let all that waits for a group go on in its supergroup, in new messages.

    Calls that are on their way still end, and what they have posted is not edited any more.
    """
    old_id, new_id = moved.chat_id, moved.new_chat_id
    preferences.move(db, old_id, new_id)
    admission.move_ban(db, old_id, new_id)
    panels.close_in(db, old_id)
    batches.move(db, old_id, new_id)
    for request in request_lookups.unanswered_in(db, old_id):
        requests.move(db, request, new_id, wall)
    queue.move(db, old_id, new_id, wall)
