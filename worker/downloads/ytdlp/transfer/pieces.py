"""What the pieces of a stream say about its size while most of them are still to come.

yt-dlp's own estimate takes all bytes that have come for those of the first piece until that one
is finished, though several are on their way, and so is several times too high.
"""

import math
import threading
from dataclasses import dataclass

PIECES = "pieces"
"""The key for a stream's `Pieces` in its information while it is downloaded."""

ENOUGH = 8
"""How many pieces say something about the others: about half a minute. Fewer may be no more than
the beginning: a logo that takes next to nothing, or a fast intro before somebody who sits and
speaks."""

# The latest pieces show where it goes: many films begin with what takes most.
_LATEST_SHARE = 0.25


@dataclass(frozen=True)
class Estimate:
    """A size in bytes: the least that it is, what it probably is, and an early estimate."""

    least: int
    likely: int
    early: int
    """The early estimate; 0 while too few pieces are known."""


class Pieces:
    """The lengths of one stream's pieces, as the site gives them when the pieces are requested."""

    def __init__(self) -> None:
        self._known: set[object] = set()
        self._sums = [0]  # of the first pieces: none, one, two …
        self._lock = threading.Lock()  # each thread of yt-dlp's fetches a piece

    def note(self, piece: object, length: int) -> None:
        """Note a piece's length; only once, since a second request asks for the rest of it."""
        with self._lock:
            if piece not in self._known:
                self._known.add(piece)
                self._sums.append(self._sums[-1] + length)

    def estimate(self, count: int) -> Estimate | None:
        """The size of all `count` pieces; None while no length is known.

        It tends to be too low, which does no harm: it is looked at again with each block.
        """
        with self._lock:
            known, total = len(self._sums) - 1, self._sums[-1]
            if not known:
                return None
            latest = math.ceil(known * _LATEST_SHARE)
            of_latest = total - self._sums[-1 - latest]
        left = max(0, count - known)
        likely = total + int(left * min(total / known, of_latest / latest))
        return Estimate(total, likely, likely if known >= ENOUGH or not left else 0)
