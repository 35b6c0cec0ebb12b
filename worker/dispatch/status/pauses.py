"""The last edit of status messages before the bot stops: their requests go on when it is back."""

from collections.abc import Collection, Mapping

from worker.clocks import Monotonic
from worker.dispatch.rate_limits import RateLimits
from worker.ledger import Ledger, Request, Verdict
from worker.protocol import EditStatus, Progress, Stage


class Pauses:
    """Requests whose status messages are still to be edited to "Paused", each with its chat."""

    def __init__(self, chat_ids: Mapping[int, int]) -> None:
        """`chat_ids` are the chats by the ids of their requests."""
        self._chat_ids = dict(chat_ids)

    def __len__(self) -> int:
        return len(self._chat_ids)

    def take_edit(
        self,
        ledger: Ledger,
        rate_limits: RateLimits,
        busy_request_ids: Collection[int],
        now: Monotonic,
    ) -> EditStatus | None:
        """Take the next edit whose chat's rate limit allows it; None when there is none.

        Requests in `busy_request_ids` wait: another call may change their message meanwhile.
        """
        for request_id, chat_id in list(self._chat_ids.items()):
            if request_id in busy_request_ids:
                continue
            request = ledger.request(request_id)
            message_id = _message_to_edit(request) if request else None
            if request is None or message_id is None:
                del self._chat_ids[request_id]
            elif rate_limits.is_quiet(chat_id, now):
                del self._chat_ids[request_id]
                return EditStatus(request_id, request.reader, message_id, Progress(Stage.PAUSED))
        return None


def _message_to_edit(request: Request) -> int | None:
    """The status message of a request that still gets its media, as far as is known."""
    goes_on = request.answered_at is None and request.verdict in (None, Verdict.MEDIA)
    return request.status_message_id if goes_on else None
