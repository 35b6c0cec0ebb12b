"""What is known about media that was only looked at, and not downloaded."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from worker.protocol.choices import Quality, qualities_from_json

VIDEO_ID = re.compile(r"[\w-]{11}", re.ASCII)
"""YouTube's id of a video."""

LIFE_S = 1800.0
"""For how many seconds what was found behind a link is used: sites' addresses of media mostly work
for an hour or more. If one has expired sooner, a download asks the site again."""

MAX_RESULTS = 5
"""How many results a search gives."""


class Live(StrEnum):
    """Whether a broadcast is running, still to come, or over."""

    NOW = "now"
    SOON = "soon"
    OVER = "over"


@dataclass(frozen=True)
class SearchResult:
    """A video that a search has found, by YouTube's id for it."""

    video_id: str
    title: str
    uploader: str | None = None
    duration_s: float | None = None


@dataclass(frozen=True)
class MediaLook:
    """What a site says about media. `uploaded_on` is a date as in ISO 8601.

    `qualities` are as in `worker.protocol.Media`. For a search there are only the `results`, in the
    site's order.
    """

    title: str = ""
    uploader: str | None = None
    uploaded_on: str | None = None
    duration_s: float | None = None
    views: int | None = None
    description: str = ""
    live: Live | None = None
    qualities: tuple[Quality, ...] = ()
    results: tuple[SearchResult, ...] = ()


def url_of_video(video_id: str) -> str:
    """The link to a video of YouTube's."""
    return f"https://www.youtube.com/watch?v={video_id}"


def look_from_json(value: Mapping[str, Any]) -> MediaLook:
    """The inverse of `worker.protocol.as_json.to_json` for a `MediaLook`."""
    read = {
        "live": Live(value["live"]) if value["live"] else None,
        "qualities": qualities_from_json(value["qualities"]),
        "results": tuple(SearchResult(**each) for each in value["results"]),
    }
    return MediaLook(**{**value, **read})
