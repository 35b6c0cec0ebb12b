"""The chat page: the people's side of the conversations, in a browser, on loopback only."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass, field
from typing import Any

from .api import BotApi
from .page_handler import PageHandler
from .people import CAST
from .server import LoopbackServer
from .shown import shown, shown_call
from .trouble import Trouble
from .world import Event

_SHOWN_CALLS = 40


@dataclass(frozen=True)
class Sample:
    """A link that the page offers."""

    url: str
    what: str


@dataclass
class _Activity:
    """What the bot does in a chat now, and what it said in answer to a button."""

    action: str = ""
    actions: int = 0
    notices: list[str] = field(default_factory=list)


class ChatPage:
    """The page over the chats of `api`; serves at `port` between `start` and `stop`."""

    def __init__(
        self, api: BotApi, samples: list[Sample], port: int = 0, trouble: Trouble | None = None
    ) -> None:
        self.api = api
        self.samples = samples
        self._trouble = trouble
        self._activity: defaultdict[int, _Activity] = defaultdict(_Activity)
        self._server = LoopbackServer(port, PageHandler, self)
        self._unsubscribe = api.events.subscribe(self._note)

    @property
    def url(self) -> str:
        """The address to open."""
        return self._server.url

    def start(self) -> None:
        """Start serving."""
        self._server.start()

    def stop(self) -> None:
        """Stop serving."""
        self._unsubscribe()
        self._server.stop()

    def state(self, chat_id: int, user_id: int) -> dict[str, Any]:
        """All that this person sees in this chat, as JSON. LookupError when there is no such."""
        self._check(chat_id)
        version = self.api.version
        messages = self.api.chat(chat_id)
        activity = self._activity[chat_id]
        updates = (update.get("message", {}) for update in self.api.pending_updates)
        waiting = {update.get("message_id") for update in updates}
        return {
            "version": version,
            "chat": chat_id,
            "user": user_id,
            "people": [asdict(person) for person in CAST],
            "chats": [self._listed(chat_id) for chat_id in self.api.chat_ids],
            "messages": [
                shown(each, self._sender(each.user_id), each.message_id not in waiting)
                for each in messages
            ],
            "samples": [asdict(sample) for sample in self.samples],
            "menu": self.api.menu(chat_id, user_id),
            "action": activity.action,
            "actions": activity.actions,
            "notices": activity.notices[-20:],
            "noticed": len(activity.notices),
            "calls": [shown_call(call) for call in self.api.latest_calls(_SHOWN_CALLS)],
            "trouble": self._trouble.shown() if self._trouble else None,
        }

    def act(self, what: str, given: dict[str, Any]) -> None:
        """Do what a person asked for on the page. LookupError or ValueError when it cannot be."""
        if what == "trouble" and self._trouble:
            self._trouble.make(str(given["name"]))
            return
        chat_id, user_id = int(given["chat"]), int(given["user"])
        self._check(chat_id)
        if what == "say":
            text = str(given["text"]).strip()
            reply_to = given.get("replyTo")
            if text:
                self.api.say(text, chat_id, user_id, reply_to=reply_to and int(reply_to))
        elif what == "press":
            self.api.press(chat_id, int(given["message"]), str(given["data"]), user_id)
        elif what == "delete":
            self.api.delete_message(chat_id, int(given["message"]))
        else:
            raise LookupError(what)

    def _check(self, chat_id: int) -> None:
        if chat_id not in self.api.chat_ids:
            raise LookupError(f"no chat {chat_id}")

    def _listed(self, chat_id: int) -> dict[str, Any]:
        messages = self.api.chat(chat_id)
        last = messages[-1] if messages else None
        words = "" if last is None else last.text or last.caption or last.kind
        return {
            "id": chat_id,
            "name": self.api.chat_name(chat_id),
            "last": words.partition("\n")[0][:80],
            "fromBot": sum(message.from_bot for message in messages),
        }

    def _sender(self, user_id: int | None) -> str:
        return next((person.name for person in CAST if person.user_id == user_id), "")

    def _note(self, event: Event) -> None:
        activity = self._activity[event.chat_id]
        if event.kind == "action":
            activity.action = event.text
            activity.actions += 1
        elif event.kind == "message":
            activity.action = ""
        elif event.kind == "answer" and event.text:
            activity.notices.append(event.text)
