"""Ask SponsorBlock which parts of a video are advertising.

yt-dlp asks with the first digits of a hash of the video's name, so that the service does not learn
which of many videos it is.
"""

import contextlib
from collections.abc import Mapping
from typing import Any

from yt_dlp.postprocessor.sponsorblock import (  # type: ignore[import-not-found]
    SponsorBlockPP,
)

from worker.downloads.ytdlp.network import small_fetches
from worker.downloads.ytdlp.network.page_limits import LimitedYoutubeDL
from worker.form import Sponsors

API = "https://sponsor.ajay.app"

_CATEGORIES: Mapping[Sponsors, tuple[str, ...]] = {
    Sponsors.CUT: ("sponsor",),
    Sponsors.MARK: ("sponsor", "selfpromo", "interaction", "intro", "outro", "preview"),
}
_UNANSWERED = "fetchbot_unanswered"
# What is raised if an answer is not what it should be.
_ODD = (LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)


def ask(ydl: LimitedYoutubeDL, info: Mapping[str, Any], wanted: Sponsors) -> dict[str, Any]:
    """Ask about a video, if SponsorBlock covers its site, and add what it says to the fields.

    Never fails: `is_unanswered` tells whether SponsorBlock could not be asked.
    """
    if info.get("extractor_key") not in SponsorBlockPP.EXTRACTORS:
        return dict(info)
    with contextlib.suppress(*_ODD), small_fetches.without_failures():
        _, found = SponsorBlockPP(ydl, _CATEGORIES[wanted], API).run({**info})
        return dict(found)
    return {**info, _UNANSWERED: True}


def is_unanswered(info: Mapping[str, Any]) -> bool:
    """Whether SponsorBlock was asked in vain."""
    return bool(info.get(_UNANSWERED))
