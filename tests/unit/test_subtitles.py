"""Which subtitles of a video are meant, and what their texts come to."""

import doctest
import math
import time
from typing import Any

import pytest

from worker.downloads.media import subtitles as texts
from worker.downloads.media.subtitles import Cue
from worker.downloads.ytdlp import subtitles
from worker.errors import JobError, Reason
from worker.protocol.choices import MAX_SUBTITLES

URL = "https://site.example/{}.vtt"


def tracks(*languages: str) -> dict[str, list[dict[str, Any]]]:
    return {language: [{"ext": "vtt", "url": URL.format(language)}] for language in languages}


def video(written: str, heard: str = "", spoken: str | None = None) -> dict[str, Any]:
    """A video with subtitles in these languages that people and that machines have made."""
    return {
        "language": spoken,
        "subtitles": tracks(*written.split()),
        "automatic_captions": tracks(*heard.split()),
    }


@pytest.mark.parametrize(
    ("info", "wanted", "found"),
    [
        (video("de en fr"), "en", "en"),
        (video("de en-US en-GB"), "en-gb", "en-gb"),
        (video("de en-US"), "en", "en-us"),
        (video("de en"), "en-us", "en"),
        (video("pt-PT"), "pt-br", "pt-pt"),
        (video("zh_Hans zh-Hant"), "zh-hant", "zh-hant"),
        (video("", "en en-orig"), "en", "en-orig"),
        (video("en-GB", "en en-orig"), "en", "en-gb"),
        (video("de fr en", "", "fr"), None, "fr"),
        (video("de fr en"), None, "en"),
        (video("de", "fr en-orig", "en"), None, "en-orig"),
        (video("", "af ab fr-orig", "fr"), None, "fr-orig"),
        (video("", "af ab fr-orig"), None, "fr-orig"),
        (video("live_chat danmaku de"), None, "de"),
        (video("eng deu"), "de", "de"),
        (video("eng deu"), "deu", "de"),
        (video("fra eng", spoken="fra"), None, "fr"),
        (video("en iw"), "he", "he"),
        (video("en nb-ttv"), "no", "no-ttv"),
        (video("en no"), "nb", "no"),
    ],
)
def test_the_nearest_subtitles_are_chosen(
    info: dict[str, Any], wanted: str | None, found: str
) -> None:
    assert subtitles.chosen(info, wanted).language == found


@pytest.mark.parametrize("wanted", ["it", "e", "en-x"])
def test_another_language_is_not_taken_for_the_one_that_is_wanted(wanted: str) -> None:
    with pytest.raises(JobError) as missing:
        subtitles.chosen(video("de eng", "deu"), wanted)
    assert missing.value.reason is Reason.NO_SUCH_SUBTITLES
    assert missing.value.languages == ("de", "en")


@pytest.mark.parametrize(
    "info",
    [
        {},
        {"subtitles": None, "automatic_captions": 7},
        {"subtitles": {"en": None, "de": "x", 5: [], "fr": [None, {"ext": "json3", "url": "x"}]}},
        {"subtitles": {"en": [{"ext": "vtt", "url": "file:///etc/passwd"}, {"ext": "vtt"}]}},
        {"subtitles": tracks("../../etc", "x" * 99, "en us", "")},
    ],
)
def test_what_has_none_is_refused(info: dict[str, Any]) -> None:
    with pytest.raises(JobError) as missing:
        subtitles.chosen(info, None)
    assert missing.value.reason is Reason.NO_SUBTITLES


@pytest.mark.parametrize(
    ("info", "listed"),
    [
        (video("de en-GB", "af de en en-orig fr"), "de en-gb af* fr*"),
        (video("", "af fr en-orig en"), "en* af* fr*"),
        (video("", ""), ""),
    ],
)
def test_the_likeliest_are_listed_first(info: dict[str, Any], listed: str) -> None:
    found = subtitles.listed(info)
    assert " ".join(each.tag + "*" * each.is_automatic for each in found) == listed
    for each in found:
        assert subtitles.chosen(info, each.tag).is_automatic == each.is_automatic


def test_no_more_are_listed_than_buttons_may_show() -> None:
    heard = " ".join(f"a{a}{b}" for a in "abcdefgh" for b in "abcdefgh")
    assert len(subtitles.listed(video("", heard))) == MAX_SUBTITLES


def test_what_is_downloaded_says_its_language_and_whether_it_is_automatic() -> None:
    info = {**video("", "en-orig"), "id": "v", "title": "A talk", "url": "x", "duration": 7}
    found = subtitles.download_of(info, subtitles.chosen(info, "en"))
    assert found == {
        "id": "v",
        "title": "A talk",
        "ext": "vtt",
        "url": URL.format("en-orig"),
        texts.LANGUAGE: "en",
        texts.AUTOMATIC: True,
    }


def cues(*said: str) -> list[Cue]:
    """Texts of a second each, or `+` and a text that follows after a pause."""
    found, now = [], 0
    for text in said:
        now += 5000 if text.startswith("+") else 0
        found.append(Cue(now, now + 1000, tuple(text.lstrip("+").split("/"))))
        now += 1000
    return found


@pytest.mark.parametrize(
    ("said", "left"),
    [
        (["a", "a", "a/b", "b", "b/c", "c"], ["a", "b", "c"]),
        (["a/b", "c/d"], ["a/b", "c/d"]),
        (["no", "+no", "yes"], ["no", "no", "yes"]),
        (["a/b", "a/c"], ["a/b", "a/c"]),
        ([], []),
    ],
)
def test_each_line_stands_once(said: list[str], left: list[str]) -> None:
    found = list(texts.without_repeats(cues(*said)))
    assert ["/".join(cue.lines) for cue in found] == left
    if said:
        assert found[-1].end_ms == cues(*said)[-1].end_ms


@pytest.mark.parametrize(
    ("kept", "left"),
    [
        ([(0.0, math.inf)], ["0-1000", "1000-2000", "7000-8000"]),
        ([(0.5, 7.25)], ["0-500", "500-1500", "6500-6750"]),
        ([(1.5, 2.0), (7.0, math.inf)], ["0-500", "500-1500"]),
        ([(0.0, 0.5), (0.75, 1.0)], ["0-750"]),
        ([(2.0, 7.0)], []),
        ([(0.95, 1.05)], []),
    ],
    ids=["all", "clip", "without a part", "cut within a text", "nobody speaks", "a flash"],
)
def test_texts_are_moved_to_the_times_that_are_kept(
    kept: list[tuple[float, float]], left: list[str]
) -> None:
    found = texts.moved(cues("a", "b", "+c"), kept)
    assert [f"{cue.start_ms}-{cue.end_ms}" for cue in found] == left


def test_what_is_written_is_read_again() -> None:
    said = cues("a", "+7/b")
    assert list(texts.read(texts.written(said))) == said
    assert list(texts.read("x" * 100 + "00:00:99999:00,000 --> no")) == []


def test_fonts_and_places_are_left_out() -> None:
    text = r'<font face="Arial" size="48">{\an8}{\pos(1,2)}See <b>{this}</b></font> {\an8'
    (cue, *_) = texts.read(f"1\n00:00:01,000 --> 00:00:02,000\n{text}\n")
    assert cue.lines == (r"See <b>{this}</b> {\an8",)


@pytest.mark.parametrize(
    "times",
    [
        "00:00:05,000 --> 00:00:03,000",
        "00:00:05,000 --> 00:00:05,000",
        "00:00:05,000 --> 1193:02:50,296",
        "100:00:00,000 --> 100:00:01,000",
    ],
)
def test_a_text_of_no_time_or_of_days_is_left_out(times: str) -> None:
    said = cues("a")
    assert list(texts.read(f"{texts.written(said)}\n2\n{times}\nb\n")) == said


def test_examples_are_true() -> None:
    for module in (texts, subtitles):
        assert doctest.testmod(module).failed == 0


def test_texts_of_very_many_lines_are_compared_in_no_time() -> None:
    first = Cue(0, 1000, ("a",) * 40_000 + ("b",))
    second = Cue(1000, 2000, ("a",) * 40_000)
    began = time.process_time()
    assert len(list(texts.without_repeats([first, second]))) == 2
    assert time.process_time() - began < 1
