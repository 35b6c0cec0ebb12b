"""The picture that a page is about, where the page says that it is about a picture.

Nearly every page names a picture for those who share it (`og:image`, ogp.me; `twitter:image`): an
article its illustration, a shop its logo. It is what somebody wants who sends the link only if the
page is the picture's own: `og:type` or `twitter:card` says so, or its JSON-LD (schema.org) is an
`ImageObject` or a work of art, or the host is one for pictures. JSON-LD of several pictures only
says whose they are.
"""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin, urlsplit

from worker.downloads.pictures import post
from worker.downloads.pictures.post import Post
from worker.downloads.pictures.reading import (
    SiteAnswer,
    address,
    at,
    parsed,
    scripts,
    several,
    title,
    words,
)

LEAST_SIDE_PX = 200
"""How wide and high the picture has to be. Logos and buttons are smaller."""

_MAX_CHARS = 1024 * 1024
# Nothing is looked at twice, however a page repeats the beginnings of these.
_META = re.compile(r"<meta\b([^<>]{1,4000})>", re.IGNORECASE)
_ATTRIBUTE = re.compile(
    r"""(?<![\w:-])([a-z:-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE
)
_JSON_LD = re.compile(r"<script\b[^<>]{0,300}\bapplication/ld\+json\b[^<>]{0,300}>", re.IGNORECASE)
_OF_PICTURE = re.compile(r"(.*[:.])?(photo|photograph|image|picture|pin|artwork)", re.IGNORECASE)
_WORKS = frozenset({"ImageObject", "Photograph", "VisualArtwork", "Painting", "Drawing"})
_URLS = ("og:image:secure_url", "og:image:url", "og:image", "twitter:image", "twitter:image:src")
_NO_PICTURE = re.compile(r"logo|favicon|sprite|placeholder|avatar|\.svg$", re.IGNORECASE)
# People call what they put there as they like.
_NO_PICTURE_OF_HOST = re.compile(r"\.svg$", re.IGNORECASE)

# Hosts and paths of pages for a picture each.
_HOSTS = re.compile(
    r"https?://(www\.)?("
    r"flickr\.com/photos/[^/]+/\d+|unsplash\.com/photos/|pexels\.com/([\w-]+/)?photo/"
    r"|pixabay\.com/([\w-]+/)?(photos|illustrations|vectors)/|500px\.com/photo/"
    r"|deviantart\.com/[^/]+/art/|artstation\.com/artwork/|9gag\.com/gag/|vsco\.co/[^/]+/media/"
    r"|(ibb\.co|postimg\.cc|prnt\.sc|gyazo\.com|imgbox\.com)/\w"
    r"|commons\.wikimedia\.org/wiki/File:|[a-z-]+\.(m\.)?wikipedia\.org/wiki/\w+:[^/]+\.(jpe?g|png)$"
    r")",
    re.IGNORECASE,
)


def is_of_picture(link: str) -> bool:
    """Whether a link leads to a page of a host for pictures."""
    return _HOSTS.match(link) is not None


def read(answer: SiteAnswer) -> Post | None:
    """The picture that the page is about; None if it is about anything else, or has a video."""
    text = answer.text[:_MAX_CHARS]
    meta = _meta(text)
    works = _works(text)
    says_so = (meta.get("og:type", ""), meta.get("twitter:card", ""))
    is_picture = is_of_picture(answer.url) or works or any(map(_OF_PICTURE.fullmatch, says_so))
    if not is_picture or any(name.startswith("og:video") for name in meta) or _is_small(meta):
        return None
    named = [
        *(words(work, "contentUrl") for work in works),
        *(meta.get(name, "") for name in _URLS),
    ]
    picture = post.picture(*(_absolute(answer.url, url) for url in named))
    if picture is None:
        return None
    heading = title(meta.get("og:title", ""))
    return Post("Page", "picture", (picture,), heading, min_side=LEAST_SIDE_PX)


def _meta(text: str) -> dict[str, str]:
    """The page's properties, the first of each name."""
    found: dict[str, str] = {}
    for tag in _META.finditer(text):
        values = {name.lower(): "".join(value) for name, *value in _ATTRIBUTE.findall(tag[1])}
        name = values.get("property") or values.get("name") or ""
        found.setdefault(name.lower(), values.get("content", "").strip())
    return found


def _works(text: str) -> list[Any]:
    """What the page's JSON-LD says of its picture; nothing if that is of several."""
    works = [part for part in _data(text) if _is_work(part)]
    pictures = {words(work, "contentUrl") for work in works} - {""}
    return works if len(pictures) < 2 else []


def _is_work(part: Any) -> bool:
    kinds = several(part, "@type") or [at(part, "@type")]
    return any(words(kind) in _WORKS for kind in kinds)


def _data(text: str) -> Iterator[Any]:
    """What the page's JSON-LD describes, without what it mentions on the way (`@graph`)."""
    for found in map(parsed, scripts(text, _JSON_LD)):
        for described in found if isinstance(found, list) else [found]:
            yield from (described, at(described, "mainEntity"))


def _is_small(meta: dict[str, str]) -> bool:
    sides = (meta.get("og:image:width", ""), meta.get("og:image:height", ""))
    return any(side.isdecimal() and int(side[:9]) < LEAST_SIDE_PX for side in sides)


def _absolute(page: str, url: str) -> str:
    """The address of a picture that a page names; empty if it is no picture to show."""
    try:
        absolute = address(urljoin(page, url)) if url else ""
        name = urlsplit(absolute).path.rpartition("/")[2]
    except ValueError:
        return ""
    unwanted = _NO_PICTURE_OF_HOST if is_of_picture(page) else _NO_PICTURE
    return "" if unwanted.search(name) else absolute
