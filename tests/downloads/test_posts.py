"""Posts with pictures: the real extractors against stand-ins for their sites."""

import functools
import itertools
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox import tls_proxy
from tests.sandbox.clips import SAMPLE
from tests.support import site_answers as of
from tests.support.download_limits import limits_with
from tests.support.downloads_harness import Outcome, Worker, worker
from tests.support.media import make
from tests.support.pictures import instagram_page, png
from tests.support.tls_sites import Answer, TlsSites, data, file, page, redirect, status
from worker.errors import Fault, Reason
from worker.form import SOUND, WHOLE, Form
from worker.protocol import MediaKind, Note

HOSTS = (
    *("www.instagram.com", "*.cdninstagram.com", "x.com", "api.x.com", "*.reddit.com", "i.redd.it"),
    *("www.tiktok.com", "public.api.bsky.app", "api.imgur.com", "imgur.com", "i.imgur.com"),
    *("www.pinterest.com", "*.tumblr.com", "www.threads.com", "media.test"),
    *("photos.test", "www.flickr.com", "api.flickr.com"),
)

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsSites]:
    with TlsSites(tmp_path_factory.mktemp("sites"), HOSTS) as sites:
        yield sites


@pytest.fixture(scope="module")
def warm(running: TlsSites, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    prepare = functools.partial(tls_proxy.trust, running.certificate)
    home = tmp_path_factory.mktemp("downloads")
    with worker(home, prepare=prepare, knows_all=True) as made:
        yield made


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("sound") / "sound.m4a"
    return make(path, "-vn -c copy -movflags +faststart").read_bytes()


@pytest.fixture
def sites(running: TlsSites, sound: bytes) -> TlsSites:
    """The stand-ins, with pictures of any width at `/WIDTH.png` and a video at `/video.mp4`."""
    running.requests.clear()
    running.answers.clear()
    running.answers[r"[^/]*/gone"] = status(404)
    running.answers[r".*/video\.mp4"] = file(SAMPLE.read_bytes(), "video/mp4")
    running.answers[r".*/sound\.m4a"] = file(sound, "audio/mp4")
    running.answers[r".*/m?\d+\.png"] = _picture
    return running


def _picture(address: str) -> tuple[int, str, bytes]:
    width = Path(address.partition("?")[0]).stem.removeprefix("m")
    return 200, "image/png", png(int(width))


def fetch(worker: Worker, sites: TlsSites, link: str, form: Form = WHOLE, **limits: int) -> Outcome:
    return worker.run(link, limits_with(proxy=sites.proxy, **limits), form=form)


def outline(outcome: Outcome) -> str:
    """A picture by its width, and the initials of anything else."""
    facts = [file.facts for file in outcome.files]
    shown = (str(f.width) if f.kind is MediaKind.PHOTO else f.kind[0] for f in facts)
    return " ".join(shown)


# ------------------------------------------------------------------------------- instagram

LINK = "https://www.instagram.com/p/CFa1b2c3d4e/"
CDN = "https://scontent.cdninstagram.com"


def many(count: int) -> str:
    return " ".join(map(str, range(100, 100 + count)))


def serve_instagram(sites: TlsSites, items: str, there: str = "") -> None:
    """A post of these items: a picture for each width, `v` for a video, else what is at a path.

    The item `there` is at an address of its own.
    """
    cover = {"candidates": [{"url": f"{CDN}/90.png", "width": 90, "height": 240}]}
    film = {"image_versions2": cover, "video_versions": [{"url": f"{CDN}/video.mp4", "type": 1}]}
    media: list[dict[str, Any]] = []
    for number, item in enumerate(items.split(), 1):
        name = f"{item}.png" if item.isdigit() else item
        url = there if name == "there" else f"{CDN}/{name}"
        best = {"url": url, "width": 1080, "height": 1350}
        picture = {"image_versions2": {"candidates": [best, {**best, "width": 150}]}}
        media.append({"pk": str(number), **(film if item == "v" else picture)})
    sites.answers["www.instagram.com/p/"] = page(instagram_page(*media))
    sites.answers["www.instagram.com/$"] = page('["LSD",[],{"token":"x"}')


@pytest.mark.parametrize("items", ["320", "v", "v 320", "200 v 201 v v 202", many(11)])
def test_a_post_of_instagram_comes_whole_and_in_order(
    warm: Worker, sites: TlsSites, items: str
) -> None:
    serve_instagram(sites, items)
    outcome = fetch(warm, sites, LINK)
    assert outline(outcome) == items
    assert {file.facts.note for file in outcome.files} == {None}
    assert {file.facts.uploader for file in outcome.files} == {"Ada"}


@pytest.mark.parametrize(
    ("items", "come"),
    [
        ("gone 200 201", "200 201"),
        ("200 gone v", "200 v"),
        ("200 broken v", "200 v"),
        ("page 200", "200"),
        ("200 large", "200"),
        ("200 empty", "200"),
    ],
)
def test_a_post_comes_without_what_cannot_be_had_and_says_so(
    warm: Worker, sites: TlsSites, items: str, come: str
) -> None:
    sites.answers[r"[^/]*/broken"] = file(png(200)[:40], "image/png")
    sites.answers[r"[^/]*/page"] = page("<!doctype html>Words.")
    sites.answers[r"[^/]*/large"] = file(bytes(3_000_000), "image/png")
    sites.answers[r"[^/]*/empty"] = file(b"", "image/png")
    serve_instagram(sites, items)
    outcome = fetch(warm, sites, LINK, max_file_bytes=2_000_000)
    assert outline(outcome) == come
    assert outcome.files[0].facts.note is Note.INCOMPLETE


@pytest.mark.parametrize(
    "address",
    [
        *("http://[::1", "http://a:99999/a.jpg", "http://a..b/a.jpg", "http://a%00b.example/a.jpg"),
        *("http://a b.example/a.jpg", "http://a\0b.example/a.jpg", f"http://{'a' * 300}.example/a"),
    ],
)
def test_a_post_comes_without_what_has_an_impossible_address(
    warm: Worker, sites: TlsSites, address: str
) -> None:
    serve_instagram(sites, "200 there 201", address)
    outcome = fetch(warm, sites, LINK)
    assert outline(outcome) == "200 201"
    assert outcome.files[0].facts.note is Note.INCOMPLETE


@pytest.mark.parametrize(
    "items", ["200 silent 201 v", "silent 200 201", "200 silent silent silent"]
)
def test_a_post_comes_without_what_is_silent(warm: Worker, sites: TlsSites, items: str) -> None:
    is_over = threading.Event()
    try:
        for number in range(items.count("silent")):
            sites.answers[rf"[^/]*/silent{number}"] = _silent(is_over)
        numbers = itertools.count()
        named = re.sub("silent", lambda _: f"silent{next(numbers)}", items)
        serve_instagram(sites, named)
        limits = limits_with(proxy=sites.proxy, timeout_s=8, idle_timeout_s=6)
        outcome = warm.run(LINK, limits)
    finally:
        is_over.set()
    assert outline(outcome) == " ".join(item for item in items.split() if item != "silent")
    assert outcome.files[0].facts.note is Note.INCOMPLETE


def _silent(is_over: threading.Event) -> Answer:
    def wait(_address: str) -> tuple[int, str, bytes]:
        is_over.wait()
        return status(404)("")

    return wait


@pytest.mark.parametrize("items", ["gone", "gone gone"])
def test_a_post_of_which_nothing_can_be_had_fails(
    warm: Worker, sites: TlsSites, items: str
) -> None:
    serve_instagram(sites, items)
    assert fetch(warm, sites, LINK).error.reason is Reason.SITE_ERROR


def test_a_post_stops_where_it_would_be_too_large(warm: Worker, sites: TlsSites) -> None:
    serve_instagram(sites, "200 v v")
    outcome = fetch(warm, sites, LINK, max_file_bytes=SAMPLE.stat().st_size)
    assert outline(outcome) == "200 v"
    assert outcome.files[0].facts.note is Note.MORE_IN_POST


@pytest.mark.parametrize(("items", "come"), [("200 v", "a"), ("200 201", None)])
def test_only_the_sound_of_a_post(
    warm: Worker, sites: TlsSites, items: str, come: str | None
) -> None:
    serve_instagram(sites, items)
    outcome = fetch(warm, sites, LINK, SOUND)
    if come:
        assert outline(outcome) == come
    else:
        assert outcome.error.reason is Reason.NO_SOUND


# ------------------------------------------------------------------------------ other sites

X = {
    "api.x.com/1.1/guest/activate.json": data({"guest_token": "1"}),
    "x.com/i/api/graphql/": data(of.x("200", "v", "201")),
}
X_LINK = "https://x.com/ada/status/1234567890"
REDDIT = {
    "old.reddit.com/": page("<!doctype html>"),
    "www.reddit.com/(r/pics/)?comments/1abcde/.json": data(of.reddit("200", "v", "201")),
}
TIKTOK = {"www.tiktok.com/@ada/video/7351234567890123456": page(of.tiktok("200", "201"))}
TUMBLR_API = "www.tumblr.com/api/v2/blog/ada/posts/"
TUMBLR = {
    "www.tumblr.com/login": page('<script>{"API_TOKEN":"abc"}</script>'),
    "(ada|www).tumblr.com/(ada|post)/": page("<!doctype html><title>A post | Tumblr</title>"),
    TUMBLR_API: data(of.tumblr("200", "201")),
}
IMGUR = {"api.imgur.com/post/v1/albums/": data(of.imgur("200", "v", "201"))}
ONE_OF_IMGUR = {"api.imgur.com/post/v1/media/": data(of.imgur("200", is_album=False))}
BLUESKY = {"public.api.bsky.app/xrpc/": data(of.bluesky("200", "201"))}
STORY = {"www.pinterest.com/resource/": data(of.pinterest("200", "v", "201", kind="story"))}
PIN = {"www.pinterest.com/resource/": data(of.pinterest("200"))}
STORY_PAGE = page('<script>{"user": {"pk": "1", "username": "ada"}}</script>')
STORIES = {
    "www.instagram.com/$": page('["LSD",[],{"token":"x"}'),
    "www.instagram.com/stories/": STORY_PAGE,
    "www.instagram.com/api/v1/feed/": data(of.stories("200", "v", "201")),
}
HOSTED = data(of.reddit_picture("https://i.redd.it/200.png"))
NAMED = "https://www.reddit.com/media?url=https%3A%2F%2Fi.redd.it%2F200.png"
THREADS = {"www.threads.com/@ada/post/": page(of.threads("200", "v", "201"))}


@pytest.mark.parametrize(
    ("link", "answers", "items"),
    [
        (X_LINK, X, "200 v 201"),
        (f"{X_LINK}/photo/3", X, "201"),
        (f"{X_LINK}/video/2", X, "v"),
        ("https://www.reddit.com/r/pics/comments/1abcde/a_post/", REDDIT, "200 v 201"),
        ("https://www.reddit.com/gallery/1abcde", REDDIT, "200 v 201"),
        ("https://www.reddit.com/comments/1abcde/", {"www.reddit.com/comm": HOSTED}, "200"),
        ("https://www.instagram.com/stories/ada/", STORIES, "200 v 201"),
        ("https://www.instagram.com/stories/ada/101/", STORIES, "200"),
        ("https://www.tiktok.com/@ada/photo/7351234567890123456", TIKTOK, "200 201 a"),
        ("https://www.tiktok.com/@ada/video/7351234567890123456", TIKTOK, "200 201 a"),
        ("https://bsky.app/profile/ada.test/post/3kabcdefghi2a", BLUESKY, "200 201"),
        ("https://imgur.com/a/aBcDeFg", IMGUR, "200 v 201"),
        ("https://imgur.com/gallery/a-post-aBcDeFg", IMGUR, "200 v 201"),
        ("https://imgur.com/aBcDeFg", ONE_OF_IMGUR, "200"),
        ("https://www.pinterest.com/pin/123456789/", PIN, "200"),
        ("https://www.pinterest.com/pin/123456789/", STORY, "200 v 201"),
        ("https://ada.tumblr.com/post/765432109876/a-post", TUMBLR, "200 201"),
        ("https://www.threads.com/@ada/post/DAbCdEfGhIj", THREADS, "200 v 201"),
    ],
)
def test_a_post_comes_with_its_pictures_and_videos_in_order(
    warm: Worker, sites: TlsSites, link: str, answers: dict[str, Answer], items: str
) -> None:
    sites.answers |= answers
    outcome = fetch(warm, sites, link)
    assert outline(outcome) == items
    assert "A post" in outcome.files[0].facts.title


def test_a_picture_of_reddit_that_leads_to_a_page_around_it(warm: Worker, sites: TlsSites) -> None:
    sites.answers["i.redd.it/abc.png"] = redirect(NAMED)
    sites.answers["www.reddit.com/media"] = page("<!doctype html><title>A page</title>")
    assert outline(fetch(warm, sites, "https://i.redd.it/abc.png")) == "200"


def test_only_the_music_of_a_slide_show(warm: Worker, sites: TlsSites) -> None:
    sites.answers |= TIKTOK
    link = "https://www.tiktok.com/@ada/photo/7351234567890123456"
    assert outline(fetch(warm, sites, link, SOUND)) == "a"


@pytest.mark.parametrize(
    ("link", "answers"),
    [
        (X_LINK, X | {"x.com/i/api/graphql/": data(of.x())}),
        (
            "https://bsky.app/profile/ada.test/post/3kabcdefghi2a",
            {"public.api": data(of.bluesky())},
        ),
        ("https://imgur.com/aBcDeFg", {"api.imgur.com": data({"media": []})}),
        ("https://ada.tumblr.com/post/765432109876", TUMBLR | {TUMBLR_API: data({})}),
    ],
)
def test_a_post_of_words_has_no_media(
    warm: Worker, sites: TlsSites, link: str, answers: dict[str, Answer]
) -> None:
    sites.answers |= answers
    error = fetch(warm, sites, link).error
    assert (error.reason, error.fault) == (Reason.NO_MEDIA, Fault.PERMANENT)


# ---------------------------------------------------------------------------------- pages


def served_page(head: str) -> dict[str, Answer]:
    text = f"<!doctype html><head><title>A page</title>{head}</head><body>Words."
    return {"photos.test/a$": page(text)}


PHOTO = '<meta property="og:type" content="photo"><meta property="og:title" content="A post">'
ARTICLE = '<meta property="og:type" content="article">'


def image(name: str) -> str:
    return f'<meta property="og:image" content="https://media.test/{name}">'


@pytest.mark.parametrize("head", [PHOTO + image("320.png"), image("320.png") + PHOTO])
def test_the_page_of_a_photo_gives_the_photo(warm: Worker, sites: TlsSites, head: str) -> None:
    sites.answers |= served_page(head)
    outcome = fetch(warm, sites, "https://photos.test/a")
    assert outline(outcome) == "320"
    assert outcome.media.facts.title == "A post"


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (ARTICLE + image("320.png"), Reason.UNSUPPORTED),
        (image("320.png"), Reason.UNSUPPORTED),
        (PHOTO + image("120.png"), Reason.UNSUPPORTED),
        (PHOTO, Reason.UNSUPPORTED),
        (PHOTO + image("gone"), Reason.SITE_ERROR),
    ],
)
def test_another_page_has_no_picture(
    warm: Worker, sites: TlsSites, head: str, reason: Reason
) -> None:
    sites.answers |= served_page(head)
    assert fetch(warm, sites, "https://photos.test/a").error.reason is reason


def test_a_photo_of_which_the_extractor_asks_elsewhere(warm: Worker, sites: TlsSites) -> None:
    sites.answers |= {
        "www.flickr.com/hermes_error_beacon.gne": data({"site_key": "abc"}),
        "api.flickr.com/services/rest": data({"stat": "ok", "photo": {"media": "photo"}}),
        "www.flickr.com/photos/ada/123": page(image("320.png")),
    }
    assert outline(fetch(warm, sites, "https://www.flickr.com/photos/ada/1234567/")) == "320"
