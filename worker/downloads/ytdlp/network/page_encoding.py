"""Read pages that name an encoding no page can have, such as `charset=undefined`.

Python has codecs of such names, which refuse every page, and yt-dlp uses them. Browsers ignore a
name that they do not know (Encoding Standard, 4.2).
"""

from yt_dlp.extractor.common import InfoExtractor

_USUAL = "utf-8"
# A private name of yt-dlp. If it disappears, nothing is changed.
_GUESS = "_guess_encoding_from_content"
_guess_of_ytdlp = getattr(InfoExtractor, _GUESS, lambda *_: _USUAL)


def install() -> None:
    """Let yt-dlp read every page in an encoding that it can be read in."""
    setattr(InfoExtractor, _GUESS, staticmethod(guessed))


def guessed(content_type: str, page: bytes) -> str:
    """The encoding to read a page in. Replaces `InfoExtractor._guess_encoding_from_content`."""
    try:
        encoding: str = _guess_of_ytdlp(content_type, page)
        page[:1].decode(encoding, "replace")
    except (LookupError, ValueError):
        return _USUAL
    return encoding
