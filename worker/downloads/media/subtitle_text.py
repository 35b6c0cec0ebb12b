"""Read the text of subtitles in whatever encoding it is, and leave what ffmpeg reads. All pure."""

import contextlib
import re

_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
# What old programs write in a language, the strictest first: Chinese and Japanese texts are rarely
# valid in the encoding that they are not in.
_CODE_PAGES = {
    **dict.fromkeys(("be", "bg", "mk", "ru", "uk"), ("cp1251",)),
    **dict.fromkeys(("bs", "cs", "hr", "hu", "pl", "ro", "sk", "sl"), ("cp1250",)),
    **dict.fromkeys(("et", "lt", "lv"), ("cp1257",)),
    **dict.fromkeys(("ar", "fa", "ur"), ("cp1256",)),
    **dict.fromkeys(("he", "iw"), ("cp1255",)),
    **dict.fromkeys(("zh-hant", "zh-hk", "zh-tw"), ("big5", "gb18030")),
    "zh": ("gb18030", "big5"),
    "ja": ("euc_jp", "cp932"),
    "ko": ("cp949",),
    "el": ("cp1253",),
    "tr": ("cp1254",),
    "vi": ("cp1258",),
    "th": ("cp874",),
}
_OTHERS = "cp1252"
# Encodings of texts that a server may name. Many name Latin-1 for every text.
_NAMED = re.compile(
    r"(?!iso-8859-1$|windows-1252$)"
    r"(?:windows-|cp\d|iso-8859-|koi8-|shift_jis|euc-|gbk|gb2312|gb18030|big5|utf-16)[a-z0-9-]*"
)
# A text with fewer damaged characters than this share is UTF-8 nevertheless.
_MOST_DAMAGED = 0.1

_CUE_TIMES = re.compile(r"\s*(?:\d+:)?\d\d?:\d\d[.,]\d{1,3}\s*-->\s*\d")


def decoded(data: bytes, language: str, charset: str | None = None) -> str:
    r"""The text in UTF-8, UTF-16, or else the encoding that fits its language (an IETF tag).

    `charset` is what the server says of it.

    >>> decoded("Привет".encode("cp1251"), "ru"), decoded("Grüße".encode("latin-1"), "de")
    ('Привет', 'Grüße')
    """
    for mark, codec in _MARKS:
        if data.startswith(mark):
            return data.decode(codec, "replace")
    text = data.decode("utf-8", "replace")
    beyond_ascii = sum(character > "\x7f" for character in text)
    if text.count("\ufffd") <= beyond_ascii * _MOST_DAMAGED:
        return text
    named = charset.lower() if charset else ""
    pages = _CODE_PAGES.get(language) or _CODE_PAGES.get(language.partition("-")[0], ())
    for codec in ((named,) if _NAMED.fullmatch(named) else ()) + pages:
        with contextlib.suppress(UnicodeError, LookupError):
            return data.decode(codec)
    return data.decode(_OTHERS, "replace")


def cues_alone(text: str) -> str:
    r"""WebVTT without all that is no cue, such as styles, regions and notes; other texts as is.

    ffmpeg 5 ends at the first of them that it does not know.

    >>> cues_alone("WEBVTT\n\nSTYLE\n::cue { color: red }\n\n00:01.000 --> 00:02.000\nHello")
    'WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n'
    """
    if not text.startswith("WEBVTT"):
        return text
    kept, is_cue = ["WEBVTT"], False
    for line in text.splitlines():
        if _CUE_TIMES.match(line):
            is_cue = True
            # Some programs write commas, as SubRip has them.
            kept += ["", line.replace(",", ".")]
        elif not line:
            is_cue = False
        elif is_cue:
            kept.append(line)
    return "\n".join([*kept, ""])
