"""Decide which links lead to the same media.

A link to a known site names its media: `youtu.be/X` and `watch?v=X&t=5` lead to the same video.
Not every site names a part of a post or of a series, so the name counts only if it is also the
name of what yt-dlp found there, or if the site is one whose links are known to name the whole
answer. Parameters that are not known keep links apart, for they may be what opens them. So does
what follows the name, which may be a file of the folder with that name. Runs in the downloads
worker, which is trusted.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from worker import media_keys
from worker.downloads.readable_links import readable
from worker.downloads.reports import FoundMedia
from worker.protocol import Download
from worker.sites import site_of_url

_PARTS_OF_A_NAME: Mapping[str, tuple[str, ...]] = {
    # By extractor: the groups of its URL pattern and the parameters (`?name`) that together name
    # one media of the site. The rest of a link does not matter then: a user's name, the words of a
    # title, where the link was shared. yt-dlp's own ids of these media are not in the links: they
    # name a post's video, or a page of a series.
    "BiliBili": ("prefix", "id", "?p"),
    "Instagram": ("id",),
    "Reddit": ("id",),
    # A private track has a secret in its link, and people without it may not have the track.
    "Soundcloud": ("uploader", "title", "token", "track_id", "?secret_token"),
    "TikTok": ("id",),
    "TwitchClips": ("id",),
    "TwitchVod": ("id",),
    "Twitter": ("id", "index"),
    # With the access key of a private list, which not everybody has.
    "VK": ("@site", "videoid", "oid", "id", "list_id", "?hash"),
}

_SAME_SITE = {"FacebookReel": "Facebook"}
"""Extractors that only lead to another one of the same site, where the same id names the media."""

_DECORATION = frozenset({"url", "slug", "display_id", "title", "user", "username", "uploader"})
"""Groups of a pattern that add nothing to yt-dlp's own id of the media, if that is in the link."""


_NO_PART_OF_A_NAME = frozenset(
    {"t", "start", "end", "time_continue", "list", "index", "playlist", "autoplay"}
)
"""Parameters that say where a player begins, or in which list somebody has found the media."""

_OPENED_BY_ID = frozenset({"Youtube"})
"""Extractors for whose media the id is enough, so that nothing else in the link matters."""

_ENDS_A_PATH = re.compile(r"[?#]")
_ENDS_A_PARAMETER = re.compile(r"[?&#]")


def media_key(task: Download, found: FoundMedia, extractors: Mapping[str, Any]) -> str | None:
    """The key of the media that the task's link names; None if the link does not name it.

    `found` comes from a process that has read a stranger's page, and other people's links may be
    answered by this key. So the key is made of the link alone, by the extractor's URL pattern,
    which no page can change; `found` only says which extractor's.
    """
    url = readable(task.url)
    for name in (
        found.extractor,
        *(n for n, site in _SAME_SITE.items() if site == found.extractor),
    ):
        extractor = extractors.get(name)
        if match := extractor and extractor._match_valid_url(url):
            details = _details(found, match)
            if details is None:
                return None
            return media_keys.of_media(found.extractor, *details, form=task.form)
    return None


def _details(found: FoundMedia, match: re.Match[str]) -> list[str] | None:
    named: Mapping[str, str | None] = match.groupdict()
    url = match.string
    if parts := _PARTS_OF_A_NAME.get(found.extractor):
        values = dict(_named_parts(parts, named, url))
    elif found.media_id and named.get("id") == found.media_id:
        # Whatever else the pattern distinguishes, such as the number of a picture, stays distinct.
        values = {name: value for name, value in named.items() if name not in _DECORATION}
        if found.extractor not in _OPENED_BY_ID:
            values |= dict(_other_parameters(url, found.media_id))
            values["@behind"] = _behind(match)
    else:
        return None
    return [f"{name}={value}" for name, value in sorted(values.items()) if value]


def _behind(match: re.Match[str]) -> str:
    """The rest of the path or parameter in which a pattern's match ends.

    For instance the name of a file in the folder that the pattern names.
    """
    link, end = match.string, match.end()
    if link[end - 1] in "?&#":
        return ""
    ends = _ENDS_A_PARAMETER if "?" in link[:end] else _ENDS_A_PATH
    return ends.split(link[end:], maxsplit=1)[0].strip("/")


def _other_parameters(url: str, media_id: str) -> Iterator[tuple[str, str]]:
    """The parameters of a link that may say more than the id, such as `?h=` of an unlisted video.

    They may give access to what other people's links without them do not.
    """
    for name, values in parse_qs(urlsplit(media_keys.without_tracking(url)).query).items():
        if name not in _NO_PART_OF_A_NAME and values != [media_id]:
            yield f"?{name}", ",".join(values)


def _named_parts(
    parts: tuple[str, ...], named: Mapping[str, str | None], url: str
) -> Iterator[tuple[str, str | None]]:
    query = parse_qs(urlsplit(url).query)
    for part in parts:
        if part == "@site":
            yield part, site_of_url(url)
        elif part.startswith("?"):
            yield part, ",".join(query.get(part[1:], ()))
        else:
            yield part, named.get(part)
