"""What a file is called on people's devices: its title in its own script, as a name for a file."""

import re
import unicodedata
from pathlib import Path

from worker.sites import site_of_link
from worker.untrusted_text import JOINERS, one_line

MAX_STEM_BYTES = 180
"""The length of a name without its suffix. File systems take 255 bytes, and a number may be
added."""

# What Windows refuses in names; and the semicolon, at which Telegram's server ends a name even
# within quotes (tdlib/td, HttpReader).
_REFUSED = re.compile(r'[\\/:*?"<>|;]')
# Windows refuses them with any suffix (Microsoft, "Naming Files, Paths, and Namespaces").
_DEVICE = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\.|$)", re.IGNORECASE
)
# Two of them are shown as one flag.
_FLAG_LETTERS = "".join(map(chr, range(0x1F1E6, 0x1F200)))
_VIRAMA = 9  # the combining class of what joins Indic consonants
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}")


def file_name(title: str, path: str, source_url: str = "") -> str:
    """The name for the file at `path`: its title, or else its site's name, with its suffix."""
    suffix = Path(path).suffix.lower()
    if not _SUFFIX.fullmatch(suffix):
        suffix = ""
    if suffix and title.lower().endswith(suffix):
        title = title[: -len(suffix)]
    stem = _stem(title) or _stem(site_of_link(source_url)) or "media"
    return stem + suffix


def _stem(title: str) -> str:
    plain = _REFUSED.sub(" ", unicodedata.normalize("NFC", one_line(title)))
    stem = _cut(" ".join(plain.split()).lstrip(" ."), MAX_STEM_BYTES).rstrip(f" .{JOINERS}")
    return f"_{stem}" if _DEVICE.match(stem) else stem


def _cut(text: str, max_bytes: int) -> str:
    """The beginning of a text, which splits nothing that is shown as one character."""
    kept = text.encode()[:max_bytes].decode(errors="ignore")
    place = len(kept)
    while 0 < place < len(text) and _belong_together(text[:place], text[place]):
        place -= 1
    return text[:place] or kept


def _belong_together(before: str, after: str) -> bool:
    """Whether a character goes with the one before it (roughly Unicode's UAX 29)."""
    if after in _FLAG_LETTERS:
        letters = len(before) - len(before.rstrip(_FLAG_LETTERS))
        return letters % 2 == 1
    is_mark = unicodedata.category(after).startswith("M") or "\U0001f3fb" <= after <= "\U0001f3ff"
    is_joined = before[-1] in JOINERS or unicodedata.combining(before[-1]) == _VIRAMA
    return is_mark or is_joined or after in JOINERS
