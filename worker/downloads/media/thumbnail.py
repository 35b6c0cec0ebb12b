"""A thumbnail that is begun before its film is there.

Of the 65 ms that one takes, ffmpeg spends 50 before its first instruction, on 215 shared libraries.
So it is started when a download begins, and waits meanwhile: it opens its inputs one after the
other, and the first is a pipe that nobody writes to and that is closed when the film is there.
"""

import contextlib
import os
from pathlib import Path

from worker.downloads.media import ffmpeg

THUMBNAIL_AT_S = 3.0
"""A first frame is often black; three seconds in, a film has begun."""


class ThumbnailDrawing:
    """One picture to be, in the working directory. Use once: `begin` and `finish`, or `cancel`."""

    def __init__(self) -> None:
        """Start ffmpeg. Raises OSError when it cannot be started."""
        directory = Path.cwd()
        self.picture = directory / "drawing.jpg"
        self._source = directory / "drawing.source"
        self._process = ffmpeg.start_thumbnail(
            self._source, self.picture, THUMBNAIL_AT_S, waits=True
        )

    def look(self) -> None:
        """To be called now and then: one that was killed while it waits would stay a zombie."""
        self._process.poll()

    def begin(self, film: Path) -> None:
        """Draw the key frame before `THUMBNAIL_AT_S`, of a film beside it. Raises OSError."""
        os.link(film, self._source)
        self._open_gate()

    def finish(self) -> None:
        """Wait until it is drawn. Raises programs.ProgramFailed when there will be no picture."""
        try:
            ffmpeg.wait_for(self._process)
        finally:
            # A file with a second name is not sent.
            self._source.unlink(missing_ok=True)

    def cancel(self) -> None:
        """End without a picture, for want of a film."""
        self._open_gate()
        with contextlib.suppress(ffmpeg.ProgramFailed):
            self.finish()

    def _open_gate(self) -> None:
        assert self._process.stdin is not None  # noqa: S101 - a pipe, since it waits
        self._process.stdin.close()
        self._process.stdin = None  # or `communicate` would flush it
