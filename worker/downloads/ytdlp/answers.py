"""Keep what yt-dlp's extractors have read lately, for the readers of `worker.downloads.pictures`.

What is fetched in pieces, as media is, is not kept.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from worker.downloads.pictures.reading import SiteAnswer

_MAX_ANSWERS = 6
_MAX_BYTES = 8 * 1024 * 1024
# The generic extractor looks at this many bytes before it reads a page.
_MAX_BEGINNING_BYTES = 512


class Answers:
    """The latest answers that were read to their end."""

    def __init__(self) -> None:
        self._kept: deque[SiteAnswer] = deque(maxlen=_MAX_ANSWERS)

    def __iter__(self) -> Iterator[SiteAnswer]:
        return iter(self._kept)

    def forget(self) -> None:
        self._kept.clear()

    def watch(self, response: Any, link: str) -> None:
        """Keep what will be read of a response on the way from `link` to its media."""
        response.read = self._watched(response.url, link, response.read)

    def _watched(self, url: str, link: str, read: Callable[..., bytes]) -> Callable[..., bytes]:
        beginning: bytes | None = b""

        def read_on(amt: int | None = None) -> bytes:
            nonlocal beginning
            data = read(amt)
            if beginning is not None and amt is None:
                self._keep(SiteAnswer(url, beginning + data, link))
            is_short = amt is not None and amt <= _MAX_BEGINNING_BYTES and not beginning
            beginning = data if is_short else None
            return data

        return read_on

    def _keep(self, answer: SiteAnswer) -> None:
        if len(answer.body) <= _MAX_BYTES:
            self._kept.append(answer)
        while sum(len(kept.body) for kept in self._kept) > _MAX_BYTES:
            self._kept.popleft()
