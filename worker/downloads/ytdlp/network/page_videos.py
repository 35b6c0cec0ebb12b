"""Pass over the videos that only decorate a page, where it has another one."""

import re
from typing import Any

from yt_dlp.extractor.common import InfoExtractor
from yt_dlp.utils import extract_attributes

_VIDEO = re.compile(r"<((?:amp-)?video)(?=[\s>/])[^>]*>", re.IGNORECASE)
# Browsers play this by itself, over and over, and let nobody hear or stop it (HTML, 4.8.11).
_DECORATES = frozenset({"muted", "loop", "autoplay"})

_parse_of_ytdlp = InfoExtractor._parse_html5_media_entries


def install() -> None:
    """Let yt-dlp find the films of a page before its decorations."""
    InfoExtractor._parse_html5_media_entries = _parse  # type: ignore[assignment, method-assign]


def _parse(extractor: InfoExtractor, base_url: Any, webpage: Any, *args: Any, **more: Any) -> Any:
    """Replaces `InfoExtractor._parse_html5_media_entries`."""
    films = without_decorations(webpage)
    found = _parse_of_ytdlp(extractor, base_url, films, *args, **more)
    is_all = found or films == webpage
    return found if is_all else _parse_of_ytdlp(extractor, base_url, webpage, *args, **more)


def without_decorations(page: str) -> str:
    """The page with another name for its elements that hold a video as a decoration."""
    return _VIDEO.sub(lambda tag: "<x-video>" if _is_decoration(tag[0]) else tag[0], page)


def _is_decoration(tag: str) -> bool:
    attributes = extract_attributes(tag)
    return attributes.keys() >= _DECORATES and "controls" not in attributes
