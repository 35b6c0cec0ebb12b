"""Where a download gets solved players: inherited from its worker, or asked for once."""

import io
import os
import time
from collections.abc import Callable

from yt_dlp.networking.common import Response

from worker.downloads.players import FILE_NAME, KNOWN, Player, parse
from worker.downloads.reports import NeedsPlayer

_POLL_EVERY_S = 0.05


class PlayerSource:
    """Asks the worker for one player at most, and waits for it for `patience_s`."""

    def __init__(self, ask: Callable[[NeedsPlayer], None], patience_s: float) -> None:
        self._ask = ask
        self._patience_s = patience_s
        self._has_asked = False

    def find(self, address: str) -> Player | None:
        """The player at an address; None where the download has to solve it itself."""
        if not KNOWN.is_settled(address) and not self._has_asked:
            self._has_asked = True
            self._ask(NeedsPlayer(address))
            # This process's own copy: the worker has the other.
            KNOWN.add(address, self._wait())
        return KNOWN.get(address)

    def _wait(self) -> Player | None:
        ends_at = time.monotonic() + self._patience_s
        while time.monotonic() < ends_at:
            if os.path.exists(FILE_NAME):
                with open(FILE_NAME, "rb") as file:
                    return parse(file.read())
            time.sleep(_POLL_EVERY_S)
        return None


def response_of(address: str, player: Player) -> Response:
    """A stand-in for a player's script, with all that yt-dlp looks at besides its solution."""
    script = f"signatureTimestamp:{player.timestamp}".encode()
    return Response(io.BytesIO(script), address, {"Content-Type": "text/javascript"})
