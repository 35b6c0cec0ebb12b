"""What is written on the buttons from which people choose."""

from worker.protocol.choices import Chapter, Language, Quality, Subtitles
from worker.protocol.notices import Label
from worker.telegram.texts.catalogue import Catalogue
from worker.telegram.texts.formatting import is_shown, moment, shorten, size
from worker.untrusted_text import one_line

_MAX_CHAPTER = 48  # of a title on a button, UTF-16 units


def chapter(words: Catalogue, choice: Chapter) -> str:
    """When a chapter begins, and its title: `1:20 · The title`."""
    title = shorten(one_line(choice.title), _MAX_CHAPTER) or words.untitled
    return f"{moment(choice.start_s)} · {title}"


def sound_language(words: Catalogue, choice: Language) -> str:
    """The name of a language, and whether it is the original or a machine's: `German, dubbed`."""
    name = language_name(words, choice.tag)
    if not (choice.is_original or choice.is_dubbed):
        return name
    text = words.notices[Label.ORIGINAL if choice.is_original else Label.DUBBED]
    return words.choose(text).format(language=name)


def subtitles(words: Catalogue, choice: Subtitles) -> str:
    """The name of their language, and whether a machine has made them: `German, automatic`."""
    name = language_name(words, choice.tag)
    text = words.choose(words.notices[Label.AUTOMATIC])
    return text.format(language=name) if choice.is_automatic else name


def language_name(words: Catalogue, tag: str) -> str:
    """What a language is called, with what else its tag says: `English (GB)`; or else the tag."""
    language, _, more = tag.partition("-")
    name = words.languages.get(language)
    if name is None:
        return tag
    return f"{name} ({more.upper()})" if more else name


def quality(words: Catalogue, choice: Quality) -> str:
    """A height, and with its size whether it can be sent: `720p · 34.0 MB · in 2 parts`.

    What few films have is shown as well: `2160p · 60 fps · HDR`.
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
