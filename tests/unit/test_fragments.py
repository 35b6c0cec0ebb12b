"""What stands behind `#` names media at some sites, so it stays in a link and in its key."""

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import unquote

import pytest
from yt_dlp.extractor import gen_extractor_classes

from worker import media_keys
from worker.errors import InvalidLink
from worker.urls import normalise


def links_with_fragments() -> Iterator[tuple[Any, str]]:
    """Each link with a fragment among yt-dlp's own tests, with the extractor that is meant."""
    for extractor in gen_extractor_classes():
        for test in extractor.get_testcases(include_onlymatching=True):
            if "#" in test["url"] and "#__youtubedl_smuggle" not in test["url"]:
                yield extractor, test["url"]


def _decoded(groups: Sequence[str | None]) -> list[str]:
    return [unquote(group or "") for group in groups]


def test_a_fragment_leads_where_it_led() -> None:
    tried = 0
    for extractor, url in links_with_fragments():
        try:
            normal = normalise(url)
        except InvalidLink:
            continue  # A scheme of yt-dlp's own.
        assert extractor.suitable(normal), url
        if before := extractor._match_valid_url(url):
            after = extractor._match_valid_url(normal)
            assert _decoded(after.groups()) == _decoded(before.groups()), url
        tried += 1
    assert tried > 100


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://music.163.com/#/song?id=1", "https://music.163.com/#/song?id=2"),
        ("https://example.com/#video-1", "https://example.com/#video-2"),
        ("https://example.com/x#a", "https://example.com/x"),
    ],
)
def test_two_fragments_are_two_media(one: str, other: str) -> None:
    assert media_keys.of_link(normalise(one)) != media_keys.of_link(normalise(other))


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://example.com/x#__youtubedl_smuggle=%7B%7D", "https://example.com/x"),
        ("https://example.com/x#a#__youtubedl_smuggle=%7B%7D", "https://example.com/x#a"),
        ("https://example.com/x##__youtubedl_smuggle=%7B%7D", "https://example.com/x"),
        ("https://example.com/x#__youtubedl_smuggle=1#b", "https://example.com/x"),
        ("https://example.com/x#__youtubedl_smuggle", "https://example.com/x"),
        ("https://example.com/x#été", "https://example.com/x#%C3%A9t%C3%A9"),
        ("https://example.com/#/a/../b?c=d&e=f", "https://example.com/#/a/../b?c=d&e=f"),
    ],
)
def test_a_fragment_stays_but_for_what_yt_dlp_would_believe(url: str, normal: str) -> None:
    assert normalise(url) == normal
    assert normalise(normal) == normal
