"""The calls of the Bot API that the main process makes itself: the long poll, and `getMe`.

They do without `Client`, which all other calls need: importing pyTelegramBotAPI takes 5 MB, and
the main process would use nothing else of it.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from worker.errors import TelegramUnreachable
from worker.telegram import transport
from worker.telegram.api_access import ApiAccess

# How much longer than a poll its answer may take.
_LATE_S = 5


class LongPoll:
    """Polls for updates.

    Its methods may raise `TelegramUnreachable`, `TelegramBusy`, `TelegramUnauthorized`,
    `TelegramConflict` and `JobError`. An exception that a signal handler raises comes out of them
    as it is.
    """

    def __init__(self, access: ApiAccess) -> None:
        self._access = access
        transport.keep_quiet()

    def get_updates(
        self, offset: int, timeout_s: int, allowed_updates: Sequence[str]
    ) -> list[dict[str, Any]]:
        """Fetch the updates from `offset` on, waiting at most `timeout_s` seconds for the first.

        Confirms all updates below `offset`. The types allowed are sent each time, because the
        server remembers the last ones (Bot API 10.1, getUpdates).
        """
        allowed = json.dumps(list(allowed_updates))
        params = {"offset": offset or None, "timeout": timeout_s, "allowed_updates": allowed}
        patience_s = max(timeout_s + _LATE_S, transport.READ_TIMEOUT_S)
        updates = self._call("getUpdates", params, patience_s)
        if isinstance(updates, list) and all(isinstance(update, dict) for update in updates):
            return updates
        raise TelegramUnreachable("getUpdates: the result is no list of updates")

    def get_me(self) -> Mapping[str, Any]:
        """The bot's own User object."""
        me = self._call("getMe", {}, transport.READ_TIMEOUT_S)
        if isinstance(me, Mapping):
            return me
        raise TelegramUnreachable("getMe: the result is no object")

    def _call(self, method: str, params: Mapping[str, Any], patience_s: float) -> object:
        url = f"{self._access.base_url}/bot{self._access.token}/{method}"
        answer = transport.call(url, params, patience_s, self._access.proxies)
        return answer.json()["result"]
