"""Where the links of a message are, as Telegram reads them or as they stand in its text."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from worker.telegram import fields
from worker.urls import InvalidLink, LinkFlaw, normalise

_IN_TEXT = re.compile(r"(?<![a-z0-9+.-])[a-z][a-z0-9+.-]*://[^\s<>\"]+", re.IGNORECASE)
_PUNCTUATION = ".,;:!?'\"*_~`»”’"


@dataclass(frozen=True)
class Links:
    """The links of one message: normalised, in order, each once; and what the others lack."""

    good: tuple[str, ...] = ()
    flaws: tuple[LinkFlaw, ...] = ()


def find_links(message: Mapping[str, Any]) -> Links:
    """The links of a message's text or caption. Never raises, whatever the message holds.

    Telegram's own reading counts (Bot API 10.1, MessageEntity: `url` and `text_link`). Only
    where it gave none at all is the text searched, and there only for `scheme://`.
    """
    good: dict[str, None] = {}
    flaws: dict[LinkFlaw, None] = {}
    for raw in _raw_links(message):
        try:
            good[normalise(raw)] = None
        except InvalidLink as error:
            flaws[error.flaw] = None
    return Links(tuple(good), tuple(flaws))


def _raw_links(message: Mapping[str, Any]) -> Iterator[str]:
    for text_key, entities_key in (("text", "entities"), ("caption", "caption_entities")):
        text = fields.text(message, text_key)
        entities = fields.items(message, entities_key)
        if entities:
            yield from _links_of_entities(text, entities)
        else:
            yield from map(_without_punctuation, _IN_TEXT.findall(text))


def _links_of_entities(text: str, entities: Sequence[object]) -> Iterator[str]:
    # Offsets and lengths count UTF-16 code units (Bot API 10.1, MessageEntity).
    units = text.encode("utf-16-le", "surrogatepass")
    for entity in entities:
        kind = fields.text(entity, "type")
        offset, length = fields.integer(entity, "offset"), fields.integer(entity, "length")
        if kind == "text_link" and fields.text(entity, "url"):
            yield fields.text(entity, "url")
        elif kind == "url" and offset is not None and length is not None and offset >= 0 < length:
            link = units[2 * offset : 2 * (offset + length)].decode("utf-16-le", "replace")
            if link:
                yield link


def _without_punctuation(link: str) -> str:
    """The link without the end of the sentence, or of the brackets, that it stands in."""
    while link:
        last = link[-1]
        unopened = last in ")]}" and link.count(last) > link.count("([{"[")]}".index(last)])
        if not unopened and last not in _PUNCTUATION:
            break
        link = link[:-1]
    return link
