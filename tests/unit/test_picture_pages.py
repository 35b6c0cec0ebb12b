"""Which pages are about a picture, and which picture that is."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.downloads.pictures import page
from worker.downloads.pictures.post import Post
from worker.downloads.pictures.reading import SiteAnswer

PAGE = "https://photos.example/a/b"
PHOTO = '<meta property="og:type" content="photo">'


def read(head: str, url: str = PAGE) -> Post | None:
    return page.read(SiteAnswer(url, f"<!doctype html><head>{head}</head>".encode(), url))


def picture(head: str, url: str = PAGE) -> str | None:
    """The address of the picture, without its host where that is the usual one."""
    found = read(head, url)
    return found.items[0].sources[0].url.removeprefix("https://i.example") if found else None


def meta(name: str, content: str = "https://i.example/a.jpg") -> str:
    return f'<meta property="{name}" content="{content}">'


def json_ld(value: Any) -> str:
    return f'<script type="application/ld+json">{json.dumps(value)}</script>'


IMAGE = meta("og:image")
WORK = {"@type": "ImageObject", "contentUrl": "https://i.example/full.jpg"}
OTHER = {"@type": "ImageObject", "contentUrl": "https://i.example/other.jpg"}


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (PHOTO + IMAGE, "/a.jpg"),
        (IMAGE + meta("og:type", "flickr_photos:photo"), "/a.jpg"),
        (IMAGE + meta("og:type", "instapp:photo"), "/a.jpg"),
        (IMAGE + meta("og:type", "pinterestapp:pin"), "/a.jpg"),
        ("<meta name='twitter:card' content='photo'>" + meta("twitter:image"), "/a.jpg"),
        ("<META CONTENT=photo NAME=twitter:card />" + meta("twitter:image:src"), "/a.jpg"),
        (json_ld(WORK), "/full.jpg"),
        (json_ld([{"@type": "WebSite"}, WORK]) + IMAGE, "/full.jpg"),
        (json_ld({"@type": "WebPage", "mainEntity": WORK}), "/full.jpg"),
        (json_ld({"@type": "Painting"}) + IMAGE, "/a.jpg"),
        (json_ld({**WORK, "@type": ["CreativeWork", "ImageObject"]}), "/full.jpg"),
        (json_ld([WORK, {"@type": "Photograph"}]), "/full.jpg"),
        (PHOTO + IMAGE + json_ld([WORK, OTHER]), "/a.jpg"),
        (PHOTO + meta("og:image", "/b.jpg"), "https://photos.example/b.jpg"),
        (PHOTO + meta("og:image", "//i.example/b.jpg?a=1&amp;b=2"), "/b.jpg?a=1&b=2"),
        (PHOTO + IMAGE + meta("og:image", "https://i.example/second.jpg"), "/a.jpg"),
        (PHOTO + meta("og:image:secure_url", "https://i.example/s.jpg") + IMAGE, "/s.jpg"),
        (PHOTO + IMAGE + meta("og:image:width", "1200"), "/a.jpg"),
        (PHOTO + IMAGE + meta("og:image:width", "?"), "/a.jpg"),
    ],
)
def test_a_page_about_a_picture(head: str, expected: str) -> None:
    assert picture(head) == expected


ARTICLE = {"@type": "NewsArticle", "image": {"@type": "ImageObject", "url": "https://a.example/b"}}
GRAPH = {"@graph": [{"@type": "WebPage"}, WORK]}


@pytest.mark.parametrize(
    "head",
    [
        "",
        IMAGE,
        PHOTO,
        meta("og:type", "article") + IMAGE,
        meta("og:type", "website") + IMAGE,
        meta("og:type", "profile") + IMAGE,
        meta("og:type", "video.other") + IMAGE,
        meta("og:type", "photographer") + IMAGE,
        meta("twitter:card", "summary_large_image") + IMAGE,
        json_ld(ARTICLE) + IMAGE,
        json_ld(GRAPH) + IMAGE,
        # Whose they are, for a search engine.
        json_ld([WORK, OTHER]) + IMAGE,
        json_ld(WORK) + json_ld(OTHER) + IMAGE,
        PHOTO + IMAGE + meta("og:video", "https://i.example/a.mp4"),
        PHOTO + IMAGE + meta("og:image:width", "120"),
        PHOTO + IMAGE + meta("og:image:height", "9"),
        PHOTO + meta("og:image", "https://i.example/site-logo.png"),
        PHOTO + meta("og:image", "https://i.example/drawing.svg"),
        PHOTO + meta("og:image", "data:image/png;base64,AAAA"),
        PHOTO + meta("og:image", "file:///etc/passwd"),
        PHOTO + meta("og:image", "http://["),
        PHOTO + meta("og:image", ""),
    ],
)
def test_a_page_about_anything_else(head: str) -> None:
    assert picture(head) is None


@pytest.mark.parametrize(
    ("url", "is_known"),
    [
        ("https://www.flickr.com/photos/ada/1234567/", True),
        ("https://unsplash.com/photos/a-tree-abc", True),
        ("https://www.deviantart.com/ada/art/A-tree-1", True),
        ("https://9gag.com/gag/abc", True),
        ("https://ibb.co/abc", True),
        ("https://commons.wikimedia.org/wiki/File:A.jpg", True),
        ("https://en.wikipedia.org/wiki/File:A.jpg", True),
        ("https://en.wikipedia.org/wiki/Photograph", False),
        ("https://www.flickr.com/photos/ada/", False),
        ("https://unsplash.com/", False),
        ("https://flickr.com.example/photos/ada/1234567/", False),
        ("https://example.com/?u=https://ibb.co/abc", False),
    ],
)
def test_a_host_for_pictures_need_not_say_so(url: str, is_known: bool) -> None:
    assert (picture(meta("og:type", "website") + IMAGE, url) is not None) == is_known


@pytest.mark.parametrize(
    ("name", "is_shown"),
    [("company-logo.png", True), ("1200px-Avatar.svg.png", True), ("drawing.svg", False)],
)
def test_at_a_host_for_pictures_any_name_is_a_pictures(name: str, is_shown: bool) -> None:
    url = f"https://i.example/{name}"
    for link in ("https://ibb.co/abc", "https://commons.wikimedia.org/wiki/File:A.svg"):
        assert picture(meta("og:image", url), link) == (f"/{name}" if is_shown else None)


def test_a_title_has_no_entities() -> None:
    post = read(PHOTO + IMAGE + meta("og:title", "Tom &amp; Ada&#39;s cat"))
    assert post
    assert post.title == "Tom & Ada's cat"


@given(st.text() | st.text("<>=\"'/ metaogcontent:", max_size=300))
def test_any_page_at_all_raises_nothing(text: str) -> None:
    found = page.read(SiteAnswer("https://ibb.co/a", text.encode(errors="replace"), ""))
    assert found is None or found.items


@pytest.mark.parametrize(
    "value", [None, 1, "a", [], [None], {}, {"@type": []}, {"@type": {}}, {"mainEntity": [1]}]
)
def test_any_json_ld_raises_nothing(value: Any) -> None:
    assert picture(json_ld(value) + IMAGE) is None


@pytest.mark.parametrize(
    "part",
    [
        *("<meta ", "<meta a=", '<meta a="', "<meta a='>", f"<meta {'a' * 3000}>", "<meta a =  >"),
        f"<meta {' ' * 3000}>",
        *("<script application/ld+json", "<script application/ld+json>", "<script >"),
        "<script type=application/ld+json>[</script>",
    ],
    ids=lambda part: str(part)[:20],
)
def test_a_hostile_page_is_read_in_no_time(part: str) -> None:
    began = time.process_time()
    assert read(part * (1024 * 1024 // len(part))) is None
    assert time.process_time() - began < 3
