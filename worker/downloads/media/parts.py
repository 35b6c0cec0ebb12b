"""How many parts a file is cut into that is too large to be sent as one."""

import math

# Parts are as long as each other but begin at key frames, so some come out larger than others.
_SHARE = 0.9


def parts_needed(size_bytes: float, limit_bytes: int) -> int:
    """How many parts can be expected to stay within the limit, at least two."""
    return max(2, math.ceil(size_bytes / (limit_bytes * _SHARE)))
