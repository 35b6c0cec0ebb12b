"""Rank what can be downloaded: first what plays everywhere and is high enough. All pure."""

from collections.abc import Iterable

from worker.downloads.media import conversion
from worker.downloads.media.contents import Contents, Video, positive, side
from worker.downloads.media.conversion import Budget, Unaffordable
from worker.downloads.ytdlp.formats import streams
from worker.downloads.ytdlp.formats.choices import Choice
from worker.downloads.ytdlp.formats.streams import Format

# Formats that need no conversion are preferred to higher ones that do, down to this height.
_GOOD_HEIGHT = 720


class Ranking:
    """Ranks choices, the best lowest. Among equals yt-dlp's order stays."""

    def __init__(self, formats: Iterable[Format], budget: Budget) -> None:
        best = max((side(media.get("height")) or 0 for media in formats), default=0)
        self._good_height = min(_GOOD_HEIGHT, best)
        self._budget = budget

    def __call__(self, choice: Choice) -> int:
        if not choice.has_video:
            return 3
        if streams.plays(choice.streams[0]):
            return 0 if (choice.height or self._good_height) >= self._good_height else 1
        # A video that has to be converted ranks like one that plays but is small.
        return 1 if self._can_be_converted(choice) else 2

    def _can_be_converted(self, choice: Choice) -> bool:
        """Whether there is time to convert it."""
        width, height = side(choice.streams[0].get("width")), choice.height
        if not (width and height and choice.duration_s):
            return True
        rate = positive(choice.streams[0].get("fps")) or 30.0
        video = Video("", "", width, height, rate)
        contents = Contents(frozenset(), video, "aac", choice.duration_s)
        try:
            conversion.for_video(contents, video, 0, self._budget)
        except Unaffordable:
            return False
        return True
