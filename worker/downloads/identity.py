"""Decide which links lead to the same media.

A link to a known site names its media: `youtu.be/X` and `watch?v=X&t=5` lead to the same video.
Not every site names a part of a post or of a series, so the name counts only if it is also the
name of what yt-dlp found there. Runs in the downloads worker, which is trusted.
"""

from collections.abc import Mapping
from typing import Any

from worker import media_keys
from worker.downloads.channel import Found
from worker.protocol import Download


def media_key(task: Download, found: Found, extractors: Mapping[str, Any]) -> str | None:
    """The key of the media that the task's link names; None if the link does not name it.

    `found` comes from a process that has read a stranger's page, and other people's links may be
    answered by this key. So it counts only if the extractor's URL pattern, which no page can
    change, finds the same id in the link.
    """
    extractor = extractors.get(found.extractor)
    match = extractor._match_valid_url(task.url) if extractor else None
    named = match.groupdict() if match else {}
    if not found.media_id or named.get("id") != found.media_id:
        return None
    # Whatever else the pattern distinguishes, such as the number of a picture, stays distinct.
    details = (f"{name}={value}" for name, value in sorted(named.items()) if value)
    return media_keys.of_media(found.extractor, *details, form=task.form)
