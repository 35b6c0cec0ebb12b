"""Chat actions: what a chat shows beside the bot's name while the bot works for it."""

from collections.abc import Mapping

from worker.clocks import Monotonic
from worker.dispatch.rate_limits import RateLimits
from worker.protocol import Action, MediaKind, Place, Progress, ShowAction

ACTION_INTERVAL_S = 3.5
"""Telegram shows an action for 5 s (Bot API 10.1, sendChatAction). The rest is slack: the next step
may be a second late, and after an edit the chat is closed for another second."""

_ACTIONS: Mapping[MediaKind | None, Action] = {
    MediaKind.VIDEO: Action.UPLOAD_VIDEO,
    MediaKind.ANIMATION: Action.UPLOAD_VIDEO,
    MediaKind.AUDIO: Action.UPLOAD_VOICE,
    MediaKind.VOICE: Action.UPLOAD_VOICE,
    MediaKind.PHOTO: Action.UPLOAD_PHOTO,
}


class ChatActions:
    """Keeps one action on show in each place, as far as its chat's rate limit allows."""

    def __init__(self) -> None:
        """Begin with no action shown anywhere."""
        self._shown_at: dict[Place, Monotonic] = {}

    def take_action(
        self, at_work: Mapping[Place, Progress], rate_limits: RateLimits, now: Monotonic
    ) -> ShowAction | None:
        """Take the next action that is due in one of the places `at_work`; None when none is."""
        over = now - ACTION_INTERVAL_S
        self._shown_at = {place: at for place, at in self._shown_at.items() if at > over}
        for place, progress in at_work.items():
            if place not in self._shown_at and rate_limits.is_quiet(place.chat_id, now):
                self._shown_at[place] = now
                # Until a file is there, nobody knows its kind.
                return ShowAction(place, _ACTIONS.get(progress.kind, Action.UPLOAD_DOCUMENT))
        return None
