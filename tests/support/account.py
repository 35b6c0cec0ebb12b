"""A site that lets in who is logged in, and renews the session with each visit."""

from __future__ import annotations

from pathlib import Path

from tests.hostile.web import Handler, content, status
from tests.sandbox.clips import SAMPLE


class Session:
    """An answer of a `Web` to whoever has the last session of a cookie `name`.

    A visit begins the next; `visits` are how often that was, and more when the session is over.
    """

    def __init__(self) -> None:
        self.visits = 0

    def __call__(self, handler: Handler) -> None:
        """A clip, and the next session."""
        if handler.headers.get("Cookie", "") != f"name={self.value}":
            status(401)(handler)
            return
        self.visits += 1
        renewed = f"name={self.value}; Path=/"
        content(SAMPLE.read_bytes(), "video/mp4", Set_Cookie=renewed)(handler)

    def export(self, path: Path) -> Path:
        """Write a cookie file of the session as it is, as a browser's extension does."""
        line = f"127.0.0.1\tFALSE\t/\tFALSE\t0\tname\t{self.value}\n"
        path.write_text(f"# Netscape HTTP Cookie File\n{line}")
        return path

    @property
    def value(self) -> str:
        """The cookie's value that lets in; "value" at first."""
        return f"value{self.visits or ''}"
