"""How many parts an oversized video is cut into."""

import math

# Parts are equally long but begin at key frames, so some are larger than others.
_SHARE = 0.9


def parts_needed(size_bytes: float, limit_bytes: int) -> int:
    """The fewest parts, at least two, that are likely to stay within the limit."""
    return max(2, math.ceil(size_bytes / (limit_bytes * _SHARE)))
