"""Text as Telegram sees it: HTML markup to entities, and the links that it finds by itself.

Offsets and lengths count UTF-16 units. The rules and messages are those of the Bot API's HTML
style ("Formatting options") and of its server.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import Any

from .errors import ApiError, bad_request

Entity = dict[str, Any]

_TAGS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "span": "spoiler",
    "tg-spoiler": "spoiler",
    "a": "text_link",
    "tg-emoji": "custom_emoji",
    "tg-time": "date_time",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
}
_TAG_NAME = re.compile(r"[^\s>]*")
_ATTRIBUTE = re.compile(r"""\s*([^\s=>/]+)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s>"']+))?""")
_REFERENCE = re.compile(r"&(?:#\d{1,7}|#x[0-9a-fA-F]{1,6}|lt|gt|amp|quot);")

# Enough of the top-level domains for links as people type them; with a scheme any of them counts.
_TLDS = (
    "com|net|org|info|biz|io|me|tv|be|ly|co|app|dev|gg|to|cc|fm|xyz|site|online|club|video|live|"
    "uk|de|fr|it|es|nl|pl|ru|ua|by|kz|se|no|fi|dk|ch|at|cz|us|ca|br|mx|ar|au|nz|jp|kr|cn|in|tr|ir"
)
_LABEL = r"[\w](?:[\w-]{0,61}[\w])?"
_HOST = rf"(?:(?:{_LABEL}\.)+(?:[^\W\d_]{{2,}}|xn--[\w-]+)|\d{{1,3}}(?:\.\d{{1,3}}){{3}})"
_BARE_HOST = rf"(?:{_LABEL}\.)+(?:{_TLDS})(?![\w-])"
_TAIL = r"(?::\d{1,5})?(?:[/?#][^\s<>\"«»“”]*)?"
_FOUND = re.compile(
    rf"(?P<email>[\w.+-]+@(?:{_LABEL}\.)+[a-z]{{2,}}\b)"
    rf"|(?P<url>(?:https?|ftp)://(?:[^\s/@<>\"]*@)?{_HOST}{_TAIL}"
    rf"|(?<![\w@/.$-]){_BARE_HOST}{_TAIL})"
    r"|(?P<bot_command>(?<![\w/<>])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z]\w{2,31})?(?![\w/]))"
    r"|(?P<mention>(?<!\w)@[A-Za-z]\w{3,31})"
    r"|(?P<hashtag>(?<!\w)#\w*[^\W\d]\w*)",
    re.IGNORECASE,
)
_CLOSING = {")": "(", "]": "[", "}": "{"}


def utf16_length(text: str) -> int:
    """The length of `text` in UTF-16 units, which is how Telegram counts."""
    return len(text) + sum(char > "\uffff" for char in text)


def find_entities(text: str) -> list[Entity]:
    """The links, commands, mentions, hashtags and addresses that clients mark by themselves."""
    found: list[Entity] = []
    for match in _FOUND.finditer(text):
        kind = str(match.lastgroup)
        value = match[0]
        if kind == "url":
            value = _without_trailing_marks(value)
        found.append(
            {
                "type": kind,
                "offset": utf16_length(text[: match.start()]),
                "length": utf16_length(value),
            }
        )
    return found


def _without_trailing_marks(url: str) -> str:
    while url[-1] in ".,:;!?'`…" or (
        url[-1] in _CLOSING and url.count(url[-1]) > url.count(_CLOSING[url[-1]])
    ):
        url = url[:-1]
    return url


@dataclass(frozen=True)
class _OpenTag:
    name: str
    kind: str
    offset: int
    extra: Entity


def format_text(
    text: str, parse_mode: str | None, entities: list[Entity] | None
) -> tuple[str, list[Entity]]:
    """The plain text and its entities, white space at both ends removed, as the server does."""
    if parse_mode:
        if parse_mode.lower() != "html":
            raise bad_request("unsupported parse_mode")
        text, entities = parse_html(text)
    text, entities = _trimmed(text.replace("\r", ""), entities or [])
    covered = [(e["offset"], e["offset"] + e["length"]) for e in entities]
    for entity in find_entities(text):
        start, end = entity["offset"], entity["offset"] + entity["length"]
        if all(end <= a or start >= b for a, b in covered):
            entities.append(entity)
    return text, sorted(entities, key=lambda e: (e["offset"], -e["length"]))


def _trimmed(text: str, entities: list[Entity]) -> tuple[str, list[Entity]]:
    plain = text.strip()
    start = utf16_length(text[: len(text) - len(text.lstrip())])
    end = utf16_length(plain)
    kept: list[Entity] = []
    for entity in entities:
        first = max(entity["offset"] - start, 0)
        last = min(entity["offset"] + entity["length"] - start, end)
        if last > first:
            kept.append({**entity, "offset": first, "length": last - first})
    return plain, kept


def parse_html(text: str) -> tuple[str, list[Entity]]:
    """The plain text of an HTML-style message and its entities; a mistake in it is a 400."""
    plain: list[str] = []
    length = 0
    entities: list[Entity] = []
    open_tags: list[_OpenTag] = []
    at = 0
    while at < len(text):
        if text[at] != "<":
            piece, at = _text_piece(text, at)
            plain.append(piece)
            length += utf16_length(piece)
        elif text.startswith("</", at):
            at = _close_tag(text, at, length, open_tags, entities)
        else:
            tag, at = _open_tag(text, at, length)
            open_tags.append(tag)
    if open_tags:
        name = open_tags[-1].name
        raise _cannot_parse(f'Can\'t find end tag corresponding to start tag "{name}"')
    return "".join(plain), entities


def _text_piece(text: str, at: int) -> tuple[str, int]:
    if text[at] == "&" and (match := _REFERENCE.match(text, at)):
        return html.unescape(match[0]), match.end()
    ends = [end for end in (text.find("<", at + 1), text.find("&", at + 1)) if end > 0]
    end = min(ends, default=len(text))
    return text[at:end], end


def _open_tag(text: str, at: int, length: int) -> tuple[_OpenTag, int]:
    match = _TAG_NAME.match(text, at + 1)
    assert match is not None
    name = match[0].lower()
    if match.end() >= len(text):
        raise _cannot_parse(f"Unclosed start tag at byte offset {_byte(text, at)}")
    if name not in _TAGS:
        raise _cannot_parse(f'Unsupported start tag "{name}" at byte offset {_byte(text, at)}')
    attributes: dict[str, str] = {}
    position = match.end()
    while (found := _ATTRIBUTE.match(text, position)) and found[1]:
        attributes[found[1].lower()] = html.unescape((found[2] or "").strip("\"'"))
        position = found.end()
    end = text.find(">", position)
    if end < 0 or text[position:end].strip():
        raise _cannot_parse(f"Unclosed start tag at byte offset {_byte(text, at)}")
    if name == "span" and attributes.get("class") != "tg-spoiler":
        reason = f'Tag "span" must have class "tg-spoiler" at byte offset {_byte(text, at)}'
        raise _cannot_parse(reason)
    return _OpenTag(name, _TAGS[name], length, _tag_details(name, attributes)), end + 1


def _tag_details(name: str, attributes: dict[str, str]) -> Entity:
    if name == "a":
        return {"url": attributes.get("href", "")}
    if name == "tg-emoji":
        return {"custom_emoji_id": attributes.get("emoji-id", "")}
    if name == "blockquote" and "expandable" in attributes:
        return {"type": "expandable_blockquote"}
    if name == "code" and attributes.get("class", "").startswith("language-"):
        return {"language": attributes["class"].removeprefix("language-")}
    return {}


def _close_tag(
    text: str, at: int, length: int, open_tags: list[_OpenTag], entities: list[Entity]
) -> int:
    offset = _byte(text, at)
    if not open_tags:
        raise _cannot_parse(f"Unexpected end tag at byte offset {offset}")
    end = text.find(">", at)
    if end < 0:
        raise _cannot_parse(f"Unclosed end tag at byte offset {offset}")
    name = text[at + 2 : end].strip().lower()
    tag = open_tags.pop()
    if name and name != tag.name:
        expected = f'expected "</{tag.name}>", found "</{name}>"'
        raise _cannot_parse(f"Unmatched end tag at byte offset {offset}, {expected}")
    # A link without an address is plain text.
    if length > tag.offset and not (tag.name == "a" and not tag.extra["url"]):
        shape = {"type": tag.kind, "offset": tag.offset, "length": length - tag.offset}
        entities.append({**shape, **tag.extra})
    return end + 1


def _byte(text: str, at: int) -> int:
    return len(text[:at].encode())


def _cannot_parse(reason: str) -> ApiError:
    return bad_request(f"can't parse entities: {reason}")
