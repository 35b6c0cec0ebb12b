"""How an attempt to solve a challenge went, which one process prints and another reads."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ChallengeAttempt:
    """A solution by a JavaScript runtime, or why there is none.

    `peak_bytes` is the most memory of all its processes together; `trouble` is "" if it worked.
    """

    runtime: str = ""
    took_s: float = 0.0
    peak_bytes: int = 0
    trouble: str = ""
