"""Text that strangers wrote, such as titles and names, made harmless to show and to log."""

import unicodedata

_JOINERS = "\u200c\u200d"


def one_line(text: str) -> str:
    """`text` on one line, without control, invisible or direction-turning characters."""
    shown = "".join(" " if _is_blank(c) else c for c in text if not _is_hidden(c))
    return " ".join(shown.split()).strip(f"{_JOINERS} ")


def _is_blank(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) in ("Cc", "Zl", "Zp")


def _is_hidden(character: str) -> bool:
    # The two joiners hold emoji and Persian words together; all other format characters are
    # unseen, and some (U+202E) turn the direction of the text after them.
    return character not in _JOINERS and unicodedata.category(character) in ("Cf", "Cs", "Co", "Cn")
