"""Names of files: letters of every script, and nothing that a device or a server refuses."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.file_titles import MAX_STEM_BYTES, file_name

SITE = "https://www.site.example:8080/watch?v=1"
FAMILY = "👨‍👩‍👧‍👦"


@pytest.mark.parametrize(
    ("title", "stem"),
    [
        ("Кино - Группа крови", "Кино - Группа крови"),
        ("Łódź Ørsted", "Łódź Ørsted"),
        ("視頻 テスト 한국어", "視頻 テスト 한국어"),
        ("مرحبا بالعالم", "مرحبا بالعالم"),
        ("שלום עולם", "שלום עולם"),
        ("हिन्दी गीत", "हिन्दी गीत"),
        ("می‌خواهم", "می‌خواهم"),
        (f"Party 🎬 {FAMILY}", f"Party 🎬 {FAMILY}"),
        ("a_b-c (d) [e] & 'f' #1 100%", "a_b-c (d) [e] & 'f' #1 100%"),
        # One spelling for what looks alike.
        ("E\u0301te\u0301 \u1112\u1161\u11ab", "Été 한"),
        # What file systems and servers refuse.
        ("AC/DC: Live | a\\b", "AC DC Live a b"),
        ("What is this? <new> *", "What is this new"),
        ('say "hi"; bye', "say hi bye"),
        ("Greek\u037equestion", "Greek question"),
        ("a\r\nb\tc\0d\x7fe", "a b c d e"),
        ("../../etc/passwd", "etc passwd"),
        (".hidden", "hidden"),
        ("trailing. . ", "trailing"),
        ("...and then...", "and then"),
        ("", "site.example 8080"),
        # What nobody sees.
        ("evil\u202egpj.exe", "evilgpj.exe"),
        ("a\u200bb\u2066c\u2069\u00add\ufeff", "abcd"),
        ("lone \ud83c surrogate", "lone surrogate"),
        ("\u200b\u200e\u2060", "site.example 8080"),
        ("\u3164\uffa0\u115f", "site.example 8080"),
        ("\u2800 \u2800", "site.example 8080"),
        ("\u200d\ufe0f\u034f", "site.example 8080"),
        ("\u00a0\u3000", "site.example 8080"),
        ("???", "site.example 8080"),
        (" . . ", "site.example 8080"),
        # Names of devices, whatever their suffix.
        ("con", "_con"),
        ("NUL", "_NUL"),
        ("Lpt1.part", "_Lpt1.part"),
        ("COM¹", "_COM¹"),
        ("aux .x", "_aux .x"),
        ("Conan", "Conan"),
        ("COM", "COM"),
        # The suffix is not said twice.
        ("song.MP3", "song"),
        ("song.mp4", "song.mp4"),
        (".mp3", "site.example 8080"),
    ],
)
def test_name_is_the_title_as_far_as_devices_take_it(title: str, stem: str) -> None:
    assert file_name(title, "/x/media.MP3", SITE) == f"{stem}.mp3"


@pytest.mark.parametrize(
    ("path", "suffix"),
    [("/x/v.webm", ".webm"), ("/x/v", ""), ('/x/v.m"4', ""), ("/x/v.é", ""), ("/x.d/v", "")],
)
def test_suffix_is_that_of_the_file(path: str, suffix: str) -> None:
    assert file_name("Кино", path) == f"Кино{suffix}"


def test_without_title_and_site_it_is_media() -> None:
    assert file_name("", "/x/v.mp4") == "media.mp4"


@pytest.mark.parametrize(
    "character", ["x", "ж", "視", "🎬", FAMILY, "🇩🇪", "👍🏽", "e\u0323\u0302\u0330", "क्षि"]
)
@pytest.mark.parametrize("before", ["", "a", "aa", "ж", "a\u0323 "])
def test_long_title_is_cut_between_what_is_seen_as_characters(character: str, before: str) -> None:
    title = unicodedata.normalize("NFC", before + character * 200)
    one = unicodedata.normalize("NFC", character)
    stem = file_name(title, "/x/v.mp4").removesuffix(".mp4")
    assert len(stem.encode()) <= MAX_STEM_BYTES
    assert len(stem.encode()) > MAX_STEM_BYTES - len(one.encode())
    rest = stem.removeprefix(unicodedata.normalize("NFC", before))
    assert rest == one * (len(rest) // len(one))


def test_title_of_one_endless_character_is_cut_all_the_same() -> None:
    stem = file_name("q" + "\u0323" * 300, "/x/v")
    assert 0 < len(stem.encode()) <= MAX_STEM_BYTES


@given(st.text(), st.sampled_from(["/x/v.mp4", "/x/v", "/x/v.JPG"]))
def test_any_title_gives_a_name_that_any_device_takes(title: str, path: str) -> None:
    name = file_name(title, path, SITE)
    assert 0 < len(name.encode()) <= 255
    assert not set(name) & set('\\/:*?"<>|;')
    assert not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in name)
    assert name == name.strip(" .")
    assert unicodedata.is_normalized("NFC", name)
    assert file_name(name, path, SITE) == name
