"""What sites call a language, as the one tag that it has here. Pure."""

from yt_dlp.utils import ISO639Utils

from worker.form import is_language

# The codes of ISO 639-2 that are made from a language's English name, which yt-dlp does not know.
_BY_ENGLISH_NAMES = {
    "alb": "sq",
    "arm": "hy",
    "baq": "eu",
    "bur": "my",
    "chi": "zh",
    "cze": "cs",
    "dut": "nl",
    "fre": "fr",
    "geo": "ka",
    "ger": "de",
    "gre": "el",
    "ice": "is",
    "mac": "mk",
    "mao": "mi",
    "may": "ms",
    "per": "fa",
    "rum": "ro",
    "slo": "sk",
    "tib": "bo",
    "wel": "cy",
}
# Two tags for what people take for one language: the tags that CLDR puts in place of others, and
# the Norwegian that nearly all subtitles are in.
_SAME = {"cmn": "zh", "tl": "fil", "nb": "no"}


def tag_of(name: object) -> str:
    """A site's name for a language as an IETF tag in lower case; empty if it is none.

    The first part is the shortest code that is in use today, so that each language has one.

    >>> [tag_of(name) for name in ("deu", "iw", "nb", "pt_BR", "English")]
    ['de', 'he', 'no', 'pt-br', '']
    """
    tag = name.replace("_", "-").lower() if isinstance(name, str) else ""
    if not is_language(tag):
        return ""
    first, hyphen, more = tag.partition("-")
    short = _short(first)
    return _SAME.get(short, short) + hyphen + more


def _short(code: str) -> str:
    """The code of two letters for the same language; the code itself if there is none."""
    # From two letters by way of three, which replaces what is out of use: `iw`, `in` and `ji`.
    long = ISO639Utils.short2long(code) or code if len(code) == 2 else code
    return _BY_ENGLISH_NAMES.get(code) or ISO639Utils.long2short(long) or code
