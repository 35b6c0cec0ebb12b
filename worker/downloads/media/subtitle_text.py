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
    **dict.fromkeys(("zh-hant", "zh-hk", "zh-tw"), ("big5", "gb18030")),
    "zh": ("gb18030", "big5"),
    "ja": ("euc_jp", "cp932"),
    "ko": ("cp949",),
    "he": ("cp1255",),
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

_XML_TIMES = re.compile(
    r"""(?<=\s)(begin|end|dur)(\s{0,9}=\s{0,9})(["'])\s*([0-9:.]+[a-z]*)\s*\3"""
)
_CLOCK = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)(?::(\d+)(?:\.\d+)?)?")
_OFFSET = re.compile(r"(\d+(?:\.\d+)?)(h|m|s|ms|f|t)")
# Where a text does not say how many frames a second has (TTML 2, 7.2.4).
_FRAME_RATE = 30.0


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


def with_seconds(xml: str) -> str:
    """TTML with all its times in seconds, of which yt-dlp knows neither frames nor ticks (12.3).

    >>> with_seconds('<tt ttp:frameRate="25"><p begin="00:00:01:05" end="2s">Hello</p></tt>')
    '<tt ttp:frameRate="25"><p begin="1.200s" end="2.000s">Hello</p></tt>'
    """
    frames = _parameter("frameRate", xml)
    multiplier = re.search(r"\bframeRateMultiplier=[\"'](\d{1,9})[ :](\d{1,9})[\"']", xml)
    above, below = map(float, multiplier.groups()) if multiplier else (1.0, 1.0)
    rate = (frames or _FRAME_RATE) * (above / below if above and below else 1.0)
    units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "f": 1 / rate}
    units["t"] = 1 / (_parameter("tickRate", xml) or frames or 1.0)

    def in_seconds(found: re.Match[str]) -> str:
        name, equals, quote, time = found.groups()
        if clock := _CLOCK.fullmatch(time):
            hours, minutes, seconds, frame = (float(part or 0) for part in clock.groups())
            time_s = hours * 3600 + minutes * 60 + seconds + frame / rate
        elif offset := _OFFSET.fullmatch(time):
            time_s = float(offset[1]) * units[offset[2]]
        else:
            return found[0]
        return f"{name}{equals}{quote}{time_s:.3f}s{quote}"

    return _XML_TIMES.sub(in_seconds, xml)


def _parameter(name: str, xml: str) -> float:
    found = re.search(rf"\b{name}=[\"'](\d{{1,12}})[\"']", xml)
    return float(found[1]) if found else 0.0
