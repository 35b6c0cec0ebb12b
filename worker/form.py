"""What of the media behind a link is wanted."""

import re
from dataclasses import dataclass
from typing import Self

_HEIGHT = re.compile(r"([1-9][0-9]{1,3})p", re.ASCII)
_WHOLE, _SOUND = "all", "sound"


@dataclass(frozen=True)
class Form:
    """What of the media is wanted; without arguments all of it, as good as it can be sent.

    `max_height` counts pixels as 720p does: the height, or of an upright video the width. Raises
    ValueError for one that is not between 10 and 9999, and for one of sound.

    `code` says the same in a few letters, for keys, the ledger and button data. A code never
    changes its meaning.

        >>> Form(max_height=720).code
        '720p'
        >>> Form.parse("sound")
        Form(sound_only=True, max_height=None)
    """

    sound_only: bool = False
    max_height: int | None = None

    def __post_init__(self) -> None:
        """Refuse what has no code."""
        if self.max_height is not None and (self.sound_only or not is_height(self.max_height)):
            raise ValueError(f"no such form: {self}")

    @property
    def code(self) -> str:
        """At most five ASCII letters and digits; the inverse of `parse`."""
        if self.max_height is not None:
            return f"{self.max_height}p"
        return _SOUND if self.sound_only else _WHOLE

    @classmethod
    def parse(cls, code: str) -> Self:
        """The form with this code. Raises ValueError when there is none."""
        if code in (_WHOLE, _SOUND):
            return cls(sound_only=code == _SOUND)
        height = _HEIGHT.fullmatch(code)
        if height is None:
            raise ValueError(f"no code of a form: {code!r}")
        return cls(max_height=int(height[1]))


def is_height(pixels: int) -> bool:
    """Whether there is a form with this `max_height`."""
    return _HEIGHT.fullmatch(f"{pixels}p") is not None


WHOLE = Form()
"""What is wanted when nobody says otherwise."""
