"""What the buttons say from which people choose."""

from worker.choices import Chapter, Quality
from worker.telegram.texts.catalogue import Catalogue
from worker.telegram.texts.formatting import is_shown, moment, shorten, size
from worker.untrusted_text import one_line

_MAX_CHAPTER = 48  # of a title on a button, UTF-16 units


def chapter(words: Catalogue, choice: Chapter) -> str:
    """When a chapter begins, and its title: `1:20 · The title`."""
    title = shorten(one_line(choice.title), _MAX_CHAPTER) or words.untitled
    return f"{moment(choice.start_s)} · {title}"


def quality(words: Catalogue, choice: Quality) -> str:
    """A height, and with its size whether it can be sent: `720p · 34.0 MB · in 2 parts`.

    What few films have is told as well: `2160p · 60 fps · HDR`.
    """
    facts = [words.quality.format(height=choice.height)]
    if choice.fps:
        facts.append(words.rate.format(fps=choice.fps))
    if choice.is_hdr:
        facts.append(words.hdr)
    if is_shown(choice.size_bytes):
        facts.append(size(choice.size_bytes))
    if choice.messages > 1:
        facts.append(words.counted(words.in_parts, choice.messages))
    elif not choice.messages:
        facts.append(words.too_large_quality)
    return " · ".join(facts)
