"""Captions: what is written below a file."""

import html
from urllib.parse import urlsplit

from worker.protocol import MediaFacts, MediaFile
from worker.protocol.preferences import Captions
from worker.telegram.texts.catalogue import Catalogue
from worker.telegram.texts.formatting import clock, is_shown, moment, shorten, utf16_length
from worker.untrusted_text import one_line

MAX_CAPTION = 1024  # UTF-16 units after entities parsing (Bot API 10.1, InputMediaVideo)

_MAX_NAME = 100  # of an uploader or a performer, UTF-16 units


def caption(words: Catalogue, file: MediaFile, captions: Captions = Captions.FULL) -> str:
    """A media's caption in Telegram's HTML: the title as a link, who made it, how long, a note.

    `captions` says which of these are wanted; which part it is and the note are always told.
    At most `MAX_CAPTION` UTF-16 units once parsed. The text is cut before it becomes HTML, so
    no tag, entity or character is ever cut in two.
    """
    facts = file.facts
    details = _details(facts) if captions is Captions.FULL else []
    if facts.parts > 1:
        details.append(words.part.format(part=facts.part, parts=facts.parts))
    last = " · ".join(filter(None, details))
    if facts.note:
        last = f"{last}\n{words.notes[facts.note]}".lstrip()
    if captions is Captions.NONE:
        return html.escape(last)
    title = short_line(facts.title, MAX_CAPTION - utf16_length(last) - 1) or words.untitled
    link = html.escape(title)
    if urlsplit(file.source_url).scheme in ("http", "https"):
        link = f'<a href="{html.escape(file.source_url)}">{link}</a>'
    return f"{link}\n{html.escape(last)}" if last else link


def _details(facts: MediaFacts) -> list[str]:
    """Who made it, and how long it is; empty where that is not known."""
    length = _times(facts.starts_s, facts.duration_s) if is_shown(facts.duration_s) else ""
    return [short_line(facts.uploader or "", _MAX_NAME).lstrip("@ "), length]


def _times(starts_s: float | None, duration_s: float) -> str:
    """How long it is: `0:25`; or of a clip from when to when: `1:20–1:45`."""
    if starts_s is None:
        return clock(duration_s)
    return f"{moment(starts_s)}–{moment(starts_s + duration_s)}"


def short_line(text: str, limit: int) -> str:
    """A stranger's text on one line, of at most `limit` UTF-16 units."""
    return shorten(one_line(text), limit)
