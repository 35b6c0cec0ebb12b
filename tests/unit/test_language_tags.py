"""Which languages the names that sites give them mean."""

import doctest

import pytest

from worker.downloads.ytdlp import language_tags
from worker.downloads.ytdlp.language_tags import tag_of
from worker.protocol.preferences import SUBTITLES


@pytest.mark.parametrize(
    ("names", "tag"),
    [
        ("deu ger de DE", "de"),
        ("fra fre fr", "fr"),
        ("eng en", "en"),
        ("heb iw he", "he"),
        ("ind in id", "id"),
        ("yid ji yi", "yi"),
        ("nob nor nb no", "no"),
        ("zho chi cmn zh", "zh"),
        ("fil tl tgl", "fil"),
        ("deu_AT ger-at de-AT", "de-at"),
        ("zh_Hans cmn-hans", "zh-hans"),
        ("en-orig eng-orig", "en-orig"),
        ("yue", "yue"),
        ("xx", "xx"),
        ("und", "und"),
    ],
)
def test_each_language_has_one_tag(names: str, tag: str) -> None:
    assert {tag_of(name) for name in names.split()} == {tag}
    assert tag_of(tag) == tag


@pytest.mark.parametrize("name", [None, 7, "", "e", "live_chat danmaku", "German", "../../etc"])
def test_what_is_no_tag_is_no_language(name: object) -> None:
    assert tag_of(name) == ""


@pytest.mark.parametrize("tag", SUBTITLES)
def test_languages_that_people_set_are_named_as_sites_are_understood(tag: str) -> None:
    assert tag_of(tag) == tag


def test_examples_in_docstrings() -> None:
    assert not doctest.testmod(language_tags).failed
