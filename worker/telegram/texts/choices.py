"""What the buttons say from which people choose."""

from worker.choices import Quality
from worker.telegram.texts.catalogue import Catalogue
from worker.telegram.texts.formatting import is_shown, size


def quality(words: Catalogue, choice: Quality) -> str:
    """A height, and with its size whether it can be sent: `720p · 34.0 MB · in 2 parts`."""
    facts = [words.quality.format(height=choice.height)]
    if is_shown(choice.size_bytes):
        facts.append(size(choice.size_bytes))
    if choice.messages > 1:
        facts.append(words.counted(words.in_parts, choice.messages))
    elif not choice.messages:
        facts.append(words.too_large_quality)
    return " · ".join(facts)
