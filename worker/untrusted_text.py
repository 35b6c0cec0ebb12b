"""Text that strangers wrote, such as titles and names, made harmless to show and to log."""

import unicodedata

JOINERS = "\u200c\u200d"
# Letters and symbols by their categories, but nothing is drawn for them.
_DRAWN_BLANK = "\u115f\u1160\u2800\u3164\uffa0\ufffc\U0001d159"


def one_line(text: str) -> str:
    """`text` on one line, without control, invisible or direction-turning characters.

    Empty if nothing of it could be seen.
    """
    shown = "".join(" " if _is_blank(c) else c for c in text if not _is_hidden(c))
    return " ".join(shown.split()).strip(f"{JOINERS} ") if any(map(_is_seen, shown)) else ""


def _is_seen(character: str) -> bool:
    """Whether something is drawn for it where it stands alone."""
    return unicodedata.category(character)[0] in "LNPS" and character not in _DRAWN_BLANK


def _is_blank(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) in ("Cc", "Zl", "Zp")


def _is_hidden(character: str) -> bool:
    # The two joiners hold emoji and Persian words together; all other format characters are
    # unseen, and some (U+202E) turn the direction of the text after them.
    return character not in JOINERS and unicodedata.category(character) in ("Cf", "Cs", "Co", "Cn")
