"""What somebody searches for, as a link."""

from urllib.parse import parse_qs, urlsplit

import pytest

from worker import media_keys
from worker.form import SEARCH
from worker.protocol import Reader
from worker.telegram.searches import MAX_WORDS, search
from worker.urls import MAX_LENGTH, normalise


def words_of(said: str) -> str | None:
    found = search(Reader(7), 7, 1, said, None)
    if found is None:
        return None
    assert normalise(found.url) == found.url
    assert (found.form, found.media_key) == (SEARCH, media_keys.of_link(found.url, SEARCH))
    parts = urlsplit(found.url)
    assert (parts.scheme, parts.netloc, parts.path) == ("https", "www.youtube.com", "/results")
    return parse_qs(parts.query)["search_query"][0]


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("how to bake", "how to bake"),
        ("  how\n to   bake ", "how to bake"),
        ("a&sp=x#y?z", "a&sp=x#y?z"),
        ("https://site.example/", "https://site.example/"),
        ("хлеб", "хлеб"),
        ("a" * 500, "a" * MAX_WORDS),
        ("\u202eabc\x00", "abc"),
        ("", None),
        (" \u200b\u202e\n", None),
    ],
)
def test_words_are_searched_for_as_they_are(said: str, wanted: str | None) -> None:
    assert words_of(said) == wanted


def test_the_longest_words_make_a_link_that_is_accepted() -> None:
    found = search(Reader(7), 7, 1, "\U0001f35e" * 500, None)
    assert found is not None
    assert len(found.url) <= MAX_LENGTH
