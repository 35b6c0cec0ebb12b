"""Find the links of a message, as Telegram marks or shows them or as they stand in its text."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from worker.errors import InvalidLink, LinkFlaw
from worker.media_keys import without_tracking
from worker.sites import site_of
from worker.telegram import fields
from worker.urls import normalise

_IN_TEXT = re.compile(r"(?<![a-z0-9+.-])[a-z][a-z0-9+.-]*://[^\s<>\"]+", re.IGNORECASE)
_PUNCTUATION = ".,;:!?'\"*_~`»”’"
# In monospace a link may also lack its scheme, but then it has a path: `main.py` is no link.
_IN_CODE = re.compile(
    rf"{_IN_TEXT.pattern}|(?<![\w./@:-])(?:[a-z0-9-]+\.)+[a-z]{{2,}}/[^\s<>\"]+", re.IGNORECASE
)
# Telegram marks no links inside these, and other bots' forwarded messages have them there.
_MONOSPACE = ("code", "pre")
# The middle dot of Katakana stands within names.
_WITHIN_WORDS = "\u30fb\uff65"
_LATIN_MARKS = "…»”’“„"
_DOTS = "。．｡"
_WITHIN_TELEGRAM = re.compile(r"tg:", re.IGNORECASE)
# A post's number stands last; before it a chat, and perhaps the post's topic.
_POST_PATH = re.compile(r"(?:/[^/]+)+/\d+/?", re.ASCII)
_UP_TO_PATH = re.compile(r"^(?:[a-z0-9+.-]+://)?[^/?#]*", re.IGNORECASE)


@dataclass(frozen=True)
class Links:
    """The good links of a message, normalised, in order, without repeats.

    `flaws` says what is wrong with the others. Links to chats of Telegram are left out beside
    better ones: channels put them below their posts.
    """

    good: tuple[str, ...] = ()
    flaws: tuple[LinkFlaw, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.good or self.flaws)


class _Found(NamedTuple):
    """A link as it stands in a message; hidden if words are shown in its place."""

    url: str
    is_hidden: bool = False


def find_links(message: Mapping[str, Any], *, with_buttons: bool = True) -> Links:
    """The links of a message. Never raises, whatever the message holds.

    Telegram's own reading counts (Bot API 10.1, MessageEntity: `url` and `text_link`, and
    RichTextUrl). The text is searched where Telegram marks no links: in monospace, in the question
    of a poll, and in a text without any entity. If nothing in it leads to media, the card below it
    counts, and then, `with_buttons`, the buttons of a forwarded message.
    """
    good, wrong = _judged(_found_links(message))
    best = _besides_chats(good) or _besides_chats(_judged(_card(message))[0])
    if not best and with_buttons and "forward_origin" in message:
        best = _besides_chats(_judged(_buttons(message))[0])
    good = best or good
    flaws = dict.fromkeys(flaw for found, flaw in wrong if not (good and _is_aside(found, flaw)))
    return Links(good, tuple(flaws))


def _judged(links: Iterable[_Found]) -> tuple[tuple[str, ...], list[tuple[_Found, LinkFlaw]]]:
    """The good ones, normalised and without repeats, and the others with their flaws.

    Links that differ only in where they were shared lead to the same answer.
    """
    good: dict[str, str] = {}
    wrong: list[tuple[_Found, LinkFlaw]] = []
    for found in links:
        try:
            link = normalise(found.url)
            good.setdefault(without_tracking(link), link)
        except InvalidLink as error:
            wrong.append((found, error.flaw))
    return tuple(good.values()), wrong


def _besides_chats(links: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(link for link in links if not _is_of_a_chat(link))


def _is_of_a_chat(link: str) -> bool:
    """Whether a link leads to a channel, a group or a bot of Telegram, and to no post in it."""
    parts = urlsplit(link)
    is_of_telegram = site_of(parts.hostname or "") == "t.me"
    return is_of_telegram and not _POST_PATH.fullmatch(parts.path)


def _is_aside(found: _Found, flaw: LinkFlaw) -> bool:
    """Whether this flaw is not worth telling beside a good link, as in a post's last line.

    Channels write there how to reach them, by mail or within Telegram.
    """
    return flaw is LinkFlaw.SCHEME and (
        found.is_hidden or _WITHIN_TELEGRAM.match(found.url) is not None
    )


def _found_links(message: Mapping[str, Any]) -> Iterator[_Found]:
    for whole, text_key, entities_key in _texts(message):
        text = fields.text(whole, text_key)
        if entities := fields.items(whole, entities_key):
            yield from _links_of_entities(text, entities)
        else:
            yield from _links_of_text(text, _IN_TEXT)
    yield from _links_of_rich_text(fields.items(fields.mapping(message, "rich_message"), "blocks"))


def _texts(message: Mapping[str, Any]) -> Iterator[tuple[object, str, str]]:
    """Where words may stand: what has them, the key of their text, and that of their entities."""
    yield message, "text", "entities"
    yield message, "caption", "caption_entities"
    poll = fields.mapping(message, "poll")
    yield poll, "question", ""  # its entities are emoji, whatever else it holds
    yield poll, "description", "description_entities"
    yield poll, "explanation", "explanation_entities"
    checklist = fields.mapping(message, "checklist")
    yield checklist, "title", "title_entities"
    for task in fields.items(checklist, "tasks"):
        yield task, "text", "text_entities"


def _card(message: Mapping[str, Any]) -> Iterator[_Found]:
    """The link whose card Telegram shows below a text that need not have it."""
    options = fields.mapping(message, "link_preview_options")
    if (url := fields.text(options, "url")) and not fields.is_true(options, "is_disabled"):
        yield _Found(url, is_hidden=True)


def _buttons(message: Mapping[str, Any]) -> Iterator[_Found]:
    markup = fields.mapping(message, "reply_markup")
    for row in fields.items(markup, "inline_keyboard"):
        for button in row if isinstance(row, list) else ():
            if url := fields.text(button, "url"):
                yield _Found(url, is_hidden=True)


def _links_of_entities(text: str, entities: Sequence[object]) -> Iterator[_Found]:
    # Offsets and lengths count UTF-16 code units (Bot API 10.1, MessageEntity).
    units = text.encode("utf-16-le", "surrogatepass")
    for entity in entities:
        kind = fields.text(entity, "type")
        offset, length = fields.integer(entity, "offset"), fields.integer(entity, "length")
        if kind == "text_link" and fields.text(entity, "url"):
            yield _Found(fields.text(entity, "url"), is_hidden=True)
        elif offset is not None and length is not None and offset >= 0 < length:
            marked = units[2 * offset : 2 * (offset + length)].decode("utf-16-le", "replace")
            if kind == "url" and marked:
                yield _Found(_before_the_sentence_goes_on(marked))
            elif kind in _MONOSPACE:
                yield from _links_of_text(marked, _IN_CODE)


def _links_of_rich_text(blocks: Sequence[object]) -> Iterator[_Found]:
    """The links of a message made of blocks, in which texts are nested (Bot API 10.1, RichText)."""
    for part in _parts(blocks):
        kind = fields.text(part, "type")
        if kind == "url" and fields.text(part, "url"):
            yield _Found(fields.text(part, "url"), is_hidden=True)
        elif kind in _MONOSPACE:
            text = "".join(each for each in _parts([part]) if isinstance(each, str))
            yield from _links_of_text(text, _IN_CODE)


def _parts(whole: Sequence[object]) -> Iterator[object]:
    """Texts, and the lists and objects around them, an outer part before its inner ones."""
    left = [*reversed(whole)]
    while left:
        part = left.pop()
        yield part
        if isinstance(part, Mapping):
            left += reversed([part[key] for key in part if key == "text" or _is_outer(part[key])])
        elif isinstance(part, list):
            left += reversed(part)


def _is_outer(part: object) -> bool:
    return isinstance(part, Mapping | list)


def _links_of_text(text: str, pattern: re.Pattern[str]) -> Iterator[_Found]:
    for link in pattern.findall(text):
        yield _Found(_without_punctuation(_before_the_sentence_goes_on(link)))


def _before_the_sentence_goes_on(link: str) -> str:
    """The link up to the first punctuation of a script that writes no space after it.

    Chinese and Japanese texts go on right after a link (`…/a/X，复制`), and Telegram takes that
    into it, as it does Arabic and Indic punctuation at its end.
    """
    host_ends = len(link) - len(_UP_TO_PATH.sub("", link))
    for place, character in enumerate(link):
        # A name may be written with its script's own dots (IDNA), but then with no others.
        is_dot = character in _DOTS and "." not in link[:place]
        if _ends_a_phrase(character) and not (is_dot and place < host_ends):
            return link[:place]
    return link.rstrip(_LATIN_MARKS)


def _ends_a_phrase(character: str) -> bool:
    """Whether it is punctuation of neither ASCII, nor Latin, nor within a word."""
    if character < "\u037e" or "\u2000" <= character <= "\u206f":
        return False  # Latin titles have dashes and quotation marks in their paths.
    is_mark = unicodedata.category(character) in ("Po", "Ps", "Pe", "Pi", "Pf")
    return (is_mark and character not in _WITHIN_WORDS) or character in "\uff5c\uff5e"


def _without_punctuation(link: str) -> str:
    """The link without the end of the sentence or the brackets around it."""
    while link:
        last = link[-1]
        unopened = last in ")]}" and link.count(last) > link.count("([{"[")]}".index(last)])
        if not unopened and last not in _PUNCTUATION:
            break
        link = link[:-1]
    return link
