"""What is read of subtitles, whoever wrote them and with whichever program."""

import doctest

import pytest

from worker.downloads.media import subtitle_text

UMLAUTS = "Grüße aus Köln, Tschüß"
CYRILLIC = "Привет, мир"


@pytest.mark.parametrize(
    ("text", "codec", "language", "charset"),
    [
        (UMLAUTS, "utf-8", "ru", "windows-1251"),
        (UMLAUTS, "utf-8-sig", "de", None),
        (UMLAUTS, "utf-16", "de", None),
        ("\ufeff" + CYRILLIC, "utf-16-be", "ru", None),
        (UMLAUTS, "latin-1", "de", None),
        ("“Hi”, he said", "cp1252", "en-gb", "utf-8"),
        ("Příliš žluťoučký", "cp1250", "cs", None),
        ("Příliš žluťoučký", "iso-8859-2", "cs", "ISO-8859-2"),
        (CYRILLIC, "cp1251", "ru", None),
        (CYRILLIC, "cp1251", "uk-ua", "ISO-8859-1"),
        (CYRILLIC, "koi8-r", "ru", "KOI8-R"),
        (CYRILLIC, "cp1251", "ru", "no-such-thing"),
        (CYRILLIC, "cp1251", "ru", "punycode"),
        ("Γειά σου", "cp1253", "el", None),
        ("Güneş doğdu", "cp1254", "tr", None),
        ("שלום", "cp1255", "he", None),
        ("مرحبا", "cp1256", "ar", None),
        ("こんにちは、世界", "shift_jis", "ja", None),
        ("こんにちは、世界", "euc_jp", "ja", None),
        ("안녕하세요", "cp949", "ko", None),
        ("你好，世界", "gb18030", "zh-hans", None),
        ("你好，世界", "big5", "zh-hant", None),
    ],
)
def test_a_text_is_read_in_the_encoding_of_its_language(
    text: str, codec: str, language: str, charset: str | None
) -> None:
    assert subtitle_text.decoded(text.encode(codec), language, charset) == text.lstrip("\ufeff")


def test_a_damaged_character_makes_no_other_encoding_of_it() -> None:
    data = CYRILLIC.encode() * 10 + b"\xd0"
    assert subtitle_text.decoded(data, "ru") == CYRILLIC * 10 + "\ufffd"


def test_what_is_no_text_is_read_nevertheless() -> None:
    for language in ("ja", "ru", "en", "und"):
        assert subtitle_text.decoded(bytes(range(256)) * 9, language)


TIMES = "00:01.000 --> 00:02.000 line:0 position:20%"
CUE, LATER = f"{TIMES}\nHello\n- you", "01:00:03.000 --> 01:00:04.000\n2024"


@pytest.mark.parametrize(
    "blocks",
    [
        [CUE, LATER],
        ["STYLE\n::cue{color:red}", "NOTE x", f"id-1\n{CUE}", "NOTE\nlong\nnote", LATER],
        ["REGION\nid:fred\nwidth:40%", CUE, "STYLE\n::cue {", "}", f"2\n{LATER}"],
        ["NOTE from here --> there", CUE, "1\nno times --> here", LATER],
    ],
)
def test_webvtt_keeps_its_cues_alone(blocks: list[str]) -> None:
    found = subtitle_text.cues_alone("\r\n\r\n".join(["WEBVTT - a talk", *blocks]))
    assert found == f"WEBVTT\n\n{CUE}\n\n{LATER}\n"


def test_cues_stand_right_below_the_header_and_with_commas() -> None:
    found = subtitle_text.cues_alone("WEBVTT\n00:01,000 --> 00:02,000\nHello")
    assert found == "WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n"


def test_other_texts_stay_as_they_are() -> None:
    assert subtitle_text.cues_alone("1\n00:00:01,000 --> 00:00:02,000\nNOTE") == (
        "1\n00:00:01,000 --> 00:00:02,000\nNOTE"
    )


@pytest.mark.parametrize(
    ("parameters", "time", "seconds"),
    [
        ("", "00:00:01.500", "1.500s"),
        ("", "01:02:03", "3723.000s"),
        ("", "1.5s", "1.500s"),
        ("", "1500ms", "1.500s"),
        ("", "0.5h", "1800.000s"),
        ("", "2m", "120.000s"),
        ("", "00:00:01:15", "1.500s"),
        ("", "3t", "3.000s"),
        ('ttp:tickRate="10000000"', "15000000t", "1.500s"),
        ('ttp:frameRate="25"', "00:00:01:05", "1.200s"),
        ('ttp:frameRate="25"', "50f", "2.000s"),
        ('ttp:frameRate="50"', "100t", "2.000s"),
        ('ttp:frameRate="30" ttp:frameRateMultiplier="1000 1001"', "3000f", "100.100s"),
        ('ttp:frameRate="0" ttp:frameRateMultiplier="0 0" ttp:tickRate="0"', "30f", "1.000s"),
        ("", "soon", "soon"),
        ("", "7", "7"),
    ],
)
def test_times_of_ttml_come_to_seconds(parameters: str, time: str, seconds: str) -> None:
    text = "<tt {}><p xml:id='begin' begin='{}' dur = \"{}\">begin=</p></tt>"
    found = subtitle_text.with_seconds(text.format(parameters, time, time))
    assert found == text.format(parameters, seconds, seconds)


def test_examples_are_true() -> None:
    assert doctest.testmod(subtitle_text).failed == 0
