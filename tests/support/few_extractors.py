"""Makes yt-dlp know few sites. A fork server imports it first, and starts in half the time.

The patterns of all sites take a second to compile and their modules another half. Tests that send
links to a site on loopback, which only the generic extractor accepts, need none of them.
"""

from __future__ import annotations

from typing import Any

from yt_dlp import extractor

KEPT = frozenset(
    {"Dailymotion", "Generic", "HTML5MediaEmbed", "Vimeo", "Youtube", "YoutubeSearchURL"}
)

_gen_extractor_classes = extractor.gen_extractor_classes


def gen_extractor_classes() -> list[Any]:
    """Some of yt-dlp's extractors, in its order."""
    return [found for found in _gen_extractor_classes() if found.ie_key() in KEPT]


extractor.gen_extractor_classes = gen_extractor_classes
