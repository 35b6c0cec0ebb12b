"""What stays known of a video where something that its site has beside it is downloaded."""

from collections.abc import Mapping
from typing import Any

_KEPT = ("id", "title", "fulltitle", "uploader", "channel", "extractor", "extractor_key")


def kept(info: Mapping[str, Any]) -> dict[str, Any]:
    """What is said about a video and holds for its cover and its subtitles as well."""
    return {name: info[name] for name in _KEPT if name in info}
