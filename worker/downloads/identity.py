"""Whether a link leads to media that other links lead to as well.

A link of a known site names its media: `youtu.be/X` and `watch?v=X&t=5` are the same. What yt-dlp
found there tells whether the name is the whole truth, for a part of a series or of a post is not
named by all sites.
"""

from collections.abc import Mapping
from typing import Any

from worker import media_keys
from worker.downloads.channel import Found
from worker.protocol import Download


def media_key(task: Download, found: Found, extractors: Mapping[str, Any]) -> str | None:
    """The key of the media that a link names itself, None when only the link names it.

    What was found is the word of a process that has read a stranger's page, and answers to other
    people's links may depend on it. So it counts only if the extractor's pattern, of which no
    page can know or change anything, finds the same name in the link.
    """
    extractor = extractors.get(found.extractor)
    match = extractor._match_valid_url(task.url) if extractor else None
    named = match.groupdict() if match else {}
    if not found.media_id or named.get("id") != found.media_id:
        return None
    # What else the pattern tells apart, such as the number of a picture, stays apart.
    details = (f"{name}={value}" for name, value in sorted(named.items()) if value)
    return media_keys.of_media(found.extractor, *details, sound_only=task.sound_only)
