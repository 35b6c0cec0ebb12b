"""What the readers of posts make of the answers of their sites, and of rubbish."""

import functools
import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import site_answers as of
from worker.downloads.pictures import finding, thumbnails
from worker.downloads.pictures.post import IS_PICTURE, MORE_PLACES, ItemKind, Post
from worker.downloads.pictures.reading import SiteAnswer, address, title
from worker.downloads.readable_links import readable

X = "https://x.com/i/api/graphql/abc/TweetResultByRestId?variables=1"
X_LINK = "https://x.com/ada/status/1234567890"
REDDIT = "https://www.reddit.com/comments/1abcde/.json"
TIKTOK = "https://www.tiktok.com/@ada/video/7351234567890123456"
BLUESKY = "https://public.api.bsky.app/xrpc/app.bsky.feed.getPostThread?uri=a"
IMGUR = "https://api.imgur.com/post/v1/albums/aBcDeFg?client_id=1"
PINTEREST = "https://www.pinterest.com/resource/PinResource/get/?data=1"
TUMBLR = "https://www.tumblr.com/api/v2/blog/ada/posts/765432109876/permalink"
STORIES = "https://www.instagram.com/api/v1/feed/reels_media/?reel_ids=1"
THREADS = "https://www.threads.com/@ada/post/DAbCdEfGhIj"

CASES: tuple[tuple[str, str, Any, str], ...] = (
    ("Twitter", X, of.x("200"), "200"),
    ("Twitter", X, of.x("200", "v", "201", "202"), "200 v 201 202"),
    ("Twitter", X, of.x("200", quoted=("v", "201")), "200 v 201"),
    ("Twitter", X, of.x(quoted=("201",)), "201"),
    ("Reddit", REDDIT, of.reddit("200", "v", "201"), "200 v 201"),
    ("Reddit", REDDIT, of.reddit("200", "201", is_crosspost=True), "200 201"),
    ("Reddit", REDDIT, of.reddit_picture("https://i.redd.it/200.png"), "200"),
    ("Reddit", REDDIT, of.reddit_text("200"), "200"),
    ("TikTok", TIKTOK, of.tiktok("200", "201"), "200 201 a"),
    ("TikTok", TIKTOK, of.tiktok(*map(str, range(35)), music=False), " ".join(map(str, range(35)))),
    ("Bluesky", BLUESKY, of.bluesky("200", "201"), "200 201"),
    ("Bluesky", BLUESKY, of.bluesky("200", place="media"), "200"),
    ("Bluesky", BLUESKY, of.bluesky("200", place="quoted"), "200"),
    ("Imgur", IMGUR, of.imgur("200", "v", "201"), "200 v 201"),
    ("Imgur", IMGUR.replace("albums", "media"), of.imgur("200", is_album=False), "200"),
    ("Pinterest", PINTEREST, of.pinterest("200"), "200"),
    ("Pinterest", PINTEREST, of.pinterest("200", "201", kind="carousel"), "200 201"),
    ("Pinterest", PINTEREST, of.pinterest("200", "v", "201", kind="story"), "200 v 201"),
    ("Tumblr", TUMBLR, of.tumblr("200", "v", "201"), "200 v 201"),
    ("Tumblr", TUMBLR, of.tumblr("200", is_reblog=True), "200"),
    ("Tumblr", TUMBLR, of.tumblr("200", "v", "201", is_reblog=True), "200 v 201"),
    ("InstagramStory", STORIES, of.stories("200", "v", "201"), "200 v 201"),
    ("Threads", THREADS, of.threads("200"), "200"),
    ("Threads", THREADS, of.threads("v"), "v"),
    ("Threads", THREADS, of.threads("200", "v", "201"), "200 v 201"),
)
ANSWERED = tuple((url, answer) for _, url, answer, _ in CASES)


def text_of(answer: Any) -> str:
    return answer if isinstance(answer, str) else json.dumps(answer)


def read(url: str, answer: Any, link: str = "") -> Post | None:
    body = text_of(answer).encode(errors="surrogatepass")
    return finding.post_in([SiteAnswer(url, body, link or (X_LINK if url == X else url))])


def outline(post: Post | None) -> str | None:
    """A picture by its name, and the initials of anything else."""
    if post is None:
        return None
    names = {ItemKind.VIDEO: "v", ItemKind.SOUND: "a"}
    return " ".join(names.get(item.kind) or name(item.sources[0].url) for item in post.items)


def name(url: str) -> str:
    found = re.search(r"/m?(\d+)\.png", url)
    assert found, url
    return found[1]


@pytest.mark.parametrize(("site", "url", "answer", "expected"), CASES)
def test_a_post_is_read_in_its_order(site: str, url: str, answer: Any, expected: str) -> None:
    post = read(url, answer)
    assert outline(post) == expected
    assert post
    assert (post.site, post.title) == (site, "A post")
    assert post.uploader.lower() == "ada"
    assert post.post_id
    assert post.post_id in f"{url} {X_LINK} 3kabcdefghi2a 123456789 1abcde aBcDeFg story"


MIXED: dict[str, Callable[..., Any]] = {
    X: of.x,
    REDDIT: of.reddit,
    IMGUR: of.imgur,
    PINTEREST: functools.partial(of.pinterest, kind="story"),
    TUMBLR: of.tumblr,
    STORIES: of.stories,
    THREADS: of.threads,
}
PICTURES: dict[str, Callable[..., Any]] = {
    TIKTOK: functools.partial(of.tiktok, music=False),
    BLUESKY: of.bluesky,
}


@pytest.mark.parametrize("count", [1, 2, 10, 11, 35])
@pytest.mark.parametrize("url", [*MIXED, *PICTURES])
def test_a_post_of_many_is_read_whole_and_in_order(url: str, count: int) -> None:
    names = [str(100 + place) for place in range(count)]
    if url in MIXED:
        names[1::4] = ["v"] * len(names[1::4])
    assert outline(read(url, (MIXED | PICTURES)[url](*names))) == " ".join(names)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", "200 v 201"),
        ("/photo/1", "200"),
        ("/video/2", "v"),
        ("/photo/3?s=20", "201"),
        ("/photo/4", None),
        ("/photo/0", None),
        ("/photo/99", None),
    ],
)
def test_a_link_to_one_picture_of_a_post_means_that(path: str, expected: str | None) -> None:
    assert outline(read(X, of.x("200", "v", "201"), X_LINK + path)) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [("", "200 v 201"), ("/102", "v"), ("/103/", "201"), ("/999", None)],
)
def test_a_link_to_one_item_of_a_story_means_that(path: str, expected: str | None) -> None:
    link = f"https://www.instagram.com/stories/ada{path}"
    assert outline(read(STORIES, of.stories("200", "v", "201"), link)) == expected


def test_the_number_of_a_highlight_is_no_item() -> None:
    link = "https://www.instagram.com/stories/highlights/102/"
    answer = of.stories("200", "v", key="highlight:102")
    assert outline(read(STORIES, answer, link)) == "200 v"


@pytest.mark.parametrize("place", ["itself", "quoted", "repeated"])
def test_a_post_whose_visibility_is_limited_is_read_like_any_other(place: str) -> None:
    answer = of.x("200", quoted=("201",))
    holder = answer["data"]["tweetResult"]
    if place == "quoted":
        holder = holder["result"]["quoted_status_result"]
    elif place == "repeated":
        holder["result"] = {"legacy": {"retweeted_status_result": {"result": holder["result"]}}}
        holder = holder["result"]["legacy"]["retweeted_status_result"]
    holder["result"] = {"__typename": "TweetWithVisibilityResults", "tweet": holder["result"]}
    assert outline(read(X, answer)) == "200 201"


def test_the_answer_for_pages_that_embed_a_post_is_read_as_well() -> None:
    answer = of.x_embedded("200", "v", quoted=("201",))
    url = "https://cdn.syndication.twimg.com/tweet-result?id=1"
    assert outline(read(url, answer)) == "200 v 201"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://i.redd.it/a.png", "https://i.redd.it/a.png"),
        ("https://preview.redd.it/a.png?s=1&w=2", "https://preview.redd.it/a.png?s=1&w=2"),
        ("https://evil.example/a.png", None),
        ("javascript:alert(1)", None),
        ("", None),
    ],
)
def test_a_page_around_a_picture_of_reddit_names_it(url: str, expected: str | None) -> None:
    post = read(f"https://www.reddit.com/media?url={quote(url, safe='')}", "<html>")
    assert (post.items[0].sources[0].url if post else None) == expected


@pytest.mark.parametrize(
    "url",
    [
        "https://x.com.evil.example/TweetResultByRestId",
        "https://evil.example/api.imgur.com/post/v1/media/a",
        "https://threads.com.evil.example/@ada/post/DAbCdEfGhIj",
        "http://www.reddit.com/comments/1abcde/.json",
    ],
)
def test_only_a_sites_own_answers_are_read(url: str) -> None:
    assert [read(url, answer, url) for _, answer in ANSWERED] == [None] * len(ANSWERED)


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("https://www.tiktok.com/@ada/photo/73?lang=en", "https://www.tiktok.com/@ada/video/73"),
        ("https://tiktok.com/@ada/photo/73", "https://www.tiktok.com/@ada/video/73"),
        ("https://www.reddit.com/gallery/1abc", "https://www.reddit.com/comments/1abc"),
        ("https://old.reddit.com/gallery/1abc/", "https://www.reddit.com/comments/1abc"),
        ("https://www.tiktok.com/@ada/video/73", "https://www.tiktok.com/@ada/video/73"),
        ("https://example.com/photo/1", "https://example.com/photo/1"),
    ],
)
def test_a_link_that_no_extractor_knows_is_asked_for_otherwise(link: str, expected: str) -> None:
    assert readable(link) == expected


@pytest.mark.parametrize(
    ("url", "answer"),
    [
        (BLUESKY, of.bluesky("200", place="both")),
        (REDDIT, of.reddit_picture("https://v.redd.it/abc")),
        (REDDIT, of.reddit_text()),
        (REDDIT, of.reddit_picture("https://example.com/200.png")),
        (IMGUR, of.imgur("gif", is_album=False)),
        (PINTEREST, of.pinterest("200", kind="video")),
        (PINTEREST, of.pinterest("200", kind="embed")),
        (PINTEREST, of.pinterest("200", kind="stream")),
        (TUMBLR, of.tumblr("200", "youtube")),
        (X, of.x()),
        (THREADS, of.threads("200", code="Another")),
    ],
)
def test_what_is_for_ytdlp_to_read_is_left_to_it(url: str, answer: Any) -> None:
    assert read(url, answer) is None


# --------------------------------------------------------------------------------- rubbish

RUBBISH: tuple[Any, ...] = (None, True, 7, -1.5, float("nan"), 10**400, "", "a", "http://[", [], {})
RUBBISH += (
    [[]],
    {"a": []},
    ["https://a.test/1.png"],
    "\ud800",
    {"url": {}},
    "https://a.test/1.png",
)


def spoiled(value: Any) -> Iterator[Any]:
    """The value with one part of it at a time replaced by rubbish."""
    yield from RUBBISH
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            for wrong in spoiled(value[key]):
                copy: Any = value.copy()
                copy[key] = wrong
                yield copy


@pytest.mark.parametrize(
    ("url", "answer"),
    [case for case in ANSWERED if not isinstance(case[1], str)],
    ids=lambda value: str(value)[:30],
)
def test_an_answer_with_rubbish_in_it_raises_nothing(url: str, answer: Any) -> None:
    for wrong in spoiled(answer):
        post = read(url, wrong)
        assert post is None or post.items


@pytest.mark.parametrize("page", [of.tiktok("200", "201"), of.threads("200", "v")], ids=len)
def test_a_page_with_rubbish_in_it_raises_nothing(page: str) -> None:
    url = TIKTOK if "__UNIVERSAL" in page else THREADS
    start, data, end = re.split(r"(?<=>)(\{\".*\})(?=</script>)", page)
    for wrong in spoiled(json.loads(data)):
        post = read(url, start + json.dumps(wrong) + end)
        assert post is None or post.items
    for cut in range(len(page)):
        read(url, page[:cut])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("photo"),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["media", "items", "data", "url", "images", "s"]), inner)
    ),
    max_leaves=20,
)


@given(VALUES, st.sampled_from(sorted({url for url, _ in ANSWERED})))
def test_any_json_at_all_raises_nothing(value: Any, url: str) -> None:
    post = read(url, value)
    assert post is None or post.items


@given(st.binary(max_size=200), st.sampled_from(sorted({url for url, _ in ANSWERED})))
def test_any_bytes_at_all_raise_nothing(body: bytes, url: str) -> None:
    assert finding.post_in([SiteAnswer(url, body, url)]) is None


def test_deep_nesting_raises_nothing() -> None:
    for url in {url for url, _ in ANSWERED}:
        assert read(url, "[" * 100_000) is None
        assert read(url, '{"a":' * 5_000 + "1" + "}" * 5_000) is None


# ------------------------------------------------------------------------- for yt-dlp


def test_a_picture_has_its_other_places_and_a_video_its_qualities() -> None:
    post = read(X, of.x("200", "v"))
    assert post
    picture, video = post.for_ytdlp()["entries"]
    assert picture["url"].endswith("/200.png?name=orig")
    assert (picture[IS_PICTURE], picture[MORE_PLACES]) == (True, [f"{of.PICTURES}/200.png"])
    (found,) = video["formats"]
    assert (found["width"], found["height"], found["tbr"]) == (9, 9, 1)
    assert video["duration"] == 3


FORMATS = [{"url": "https://a.test/v.mp4"}]
THUMBNAILS = [
    {"url": "https://a.test/s.jpg", "width": 9},
    {"url": "https://a.test/l.jpg", "width": 90},
]
UNSIZED = [{"url": "https://a.test/1.jpg"}, {"url": "https://a.test/2.jpg"}]


@pytest.mark.parametrize(
    ("result", "urls"),
    [
        ({"formats": FORMATS, "thumbnails": THUMBNAILS}, None),
        ({"formats": [], "thumbnails": THUMBNAILS}, ["https://a.test/l.jpg"]),
        ({"formats": None, "thumbnails": UNSIZED}, ["https://a.test/2.jpg"]),
        ({"formats": [], "thumbnails": []}, None),
        ({"formats": []}, None),
        ({"formats": [], "thumbnails": [{"url": "file:///etc/passwd"}, None, {}]}, None),
        ({"entries": [{"formats": FORMATS}, {"thumbnails": THUMBNAILS}]}, [None, "https://a.test/l.jpg"]),
        ({"entries": [{"formats": FORMATS}, {"formats": FORMATS}]}, None),
        ({"entries": None}, None),
    ],
)  # fmt: skip
def test_an_entry_without_formats_is_its_largest_thumbnail(
    result: Any, urls: list[str | None] | None
) -> None:
    found = thumbnails.with_pictures(result)
    assert (found and [entry.get("url") for entry in found["entries"]]) == urls


@pytest.mark.parametrize(
    ("url", "is_possible"),
    [
        ("https://i.example/a.jpg", True),
        ("http://i.example:8080/a b.jpg?c=%00", True),
        ("http://user:word@i_1.example./a.jpg", True),
        ("https://bücher.example/a.jpg", True),
        ("https://192.0.2.1/a.jpg", True),
        ("https://[2001:db8::1]:443/a.jpg", True),
        ("http://[::1/a.jpg", False),
        ("http://[x]/a.jpg", False),
        ("http://a:99999/a.jpg", False),
        ("http://a:0/a.jpg", False),
        ("http://a:b:c/a.jpg", False),
        ("http://:80/a.jpg", False),
        ("http:///a.jpg", False),
        ("http://a..b/a.jpg", False),
        ("http://.a.example/a.jpg", False),
        (f"http://{'a' * 300}.example/a.jpg", False),
        ("http://a%00b.example/a.jpg", False),
        ("http://a%20b.example/a.jpg", False),
        ("http://a b.example/a.jpg", False),
        ("http://a\u00a0b.example/a.jpg", False),
        ("http://a\0b.example/a.jpg", False),
        ("http://a\\b.example/a.jpg", False),
        ("http://a,b.example/a.jpg", False),
        ("http://[fe80::1%25lo]/a.jpg", False),
        ("http://\ud800.example/a.jpg", False),
        ("ftp://i.example/a.jpg", False),
    ],
)
def test_only_an_address_that_a_server_may_have_is_one(url: str, is_possible: bool) -> None:
    assert address(url) == (url if is_possible else "")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("a=1&amp;b=2", "a=1&b=2"),
        ("a=1&#38;b=2&#x26;c=3", "a=1&b=2&c=3"),
        ("a=1&b=2", "a=1&b=2"),
        # What only begins like an entity is a parameter, as it is for a browser.
        ("a=1&region=de&copy=2&lt=3&section=4", "a=1&region=de&copy=2&lt=3&section=4"),
        ("a=1&nothing;=2", "a=1&nothing;=2"),
    ],
)
def test_the_parameters_of_an_address_stay_what_they_are(written: str, meant: str) -> None:
    assert address(f"https://a.example/b?{written}") == f"https://a.example/b?{meant}"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Tom &amp; Ada&#39;s &lt;3", "Tom & Ada's <3"),
        ("AT&T, R&D and &copy", "AT&T, R&D and &copy"),
        ("\n &nbsp; \nA cat https://t.co/abc\nA dog", "A cat"),
    ],
)
def test_a_title_is_shown_as_it_was_meant(written: str, shown: str) -> None:
    assert title(written) == shown
