"""Every word that people see: a catalogue for each language, and the functions that build texts.

A sentence says what happened and, where something helps, what to do. Whatever comes from
outside (titles, names) is freed from invisible characters, cut to length and escaped here.
"""

from worker.telegram.texts.captions import caption, short_line
from worker.telegram.texts.catalogue import Catalogue
from worker.telegram.texts.choices import chapter, quality, sound_language, subtitles
from worker.telegram.texts.english import ENGLISH
from worker.telegram.texts.lists import found_list, list_item, summary
from worker.telegram.texts.looks import look
from worker.telegram.texts.progress import progress
from worker.telegram.texts.sentences import explanation, notice

__all__ = [
    "CATALOGUES",
    "ENGLISH",
    "Catalogue",
    "caption",
    "catalogue_of",
    "chapter",
    "explanation",
    "found_list",
    "list_item",
    "look",
    "notice",
    "progress",
    "quality",
    "short_line",
    "sound_language",
    "subtitles",
    "summary",
]

CATALOGUES = (ENGLISH,)

_BY_LANGUAGE = {catalogue.language: catalogue for catalogue in CATALOGUES}


def catalogue_of(language: str) -> Catalogue:
    """The catalogue for an IETF tag, or for its language alone; English where there is none.

    >>> catalogue_of("en-GB").language
    'en'
    """
    tag = language.lower()
    return _BY_LANGUAGE.get(tag) or _BY_LANGUAGE.get(tag.partition("-")[0]) or ENGLISH
