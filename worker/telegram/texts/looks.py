"""What is said about media that was only looked at, and about what a search has found."""

from collections.abc import Iterator

from worker.protocol.looks import MediaLook, SearchResult
from worker.telegram.texts.captions import short_line
from worker.telegram.texts.catalogue import Catalogue
from worker.telegram.texts.formatting import (
    MAX_TEXT,
    clock,
    grouped,
    is_shown,
    shorten,
    utf16_length,
)

_MAX_TITLE = 300
_MAX_NAME = 100
_MAX_RESULT = 600


def look(words: Catalogue, found: MediaLook) -> str:
    """All that is known about media, or a line for each result of a search. Plain text."""
    if found.results:
        return "\n\n".join(
            shorten(f"{number}. {_result(words, each)}", _MAX_RESULT)
            for number, each in enumerate(found.results, 1)
        )
    head = "\n".join((short_line(found.title, _MAX_TITLE) or words.untitled, *_facts(words, found)))
    room = MAX_TEXT - utf16_length(head) - 2
    return f"{head}\n\n{shorten(found.description, room)}".rstrip()


def _facts(words: Catalogue, found: MediaLook) -> Iterator[str]:
    facts = [short_line(found.uploader or "", _MAX_NAME)]
    if is_shown(found.duration_s):
        facts.append(clock(found.duration_s))
    if found.uploaded_on:
        facts.append(found.uploaded_on)
    if found.views is not None:
        views = words.choose(words.views, found.views)
        facts.append(views.format(count=grouped(found.views)))
    if line := " · ".join(filter(None, facts)):
        yield line
    if found.live:
        yield words.live[found.live]


def _result(words: Catalogue, result: SearchResult) -> str:
    facts = [short_line(result.uploader or "", _MAX_NAME)]
    if is_shown(result.duration_s):
        facts.append(clock(result.duration_s))
    last = " · ".join(filter(None, facts))
    return f"{short_line(result.title, _MAX_TITLE) or words.untitled}\n{last}".rstrip()
