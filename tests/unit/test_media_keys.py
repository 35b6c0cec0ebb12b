"""What media is called."""

import pytest

from worker import media_keys
from worker.form import SOUND, WHOLE, Form
from worker.urls import normalise

LINK = "https://example.com/"
FACEBOOK = "https://www.facebook.com/p/videos/1"


def test_a_link_has_one_key_however_it_is_written() -> None:
    assert media_keys.of_link(LINK) == media_keys.of_link(normalise("EXAMPLE.com"))


@pytest.mark.parametrize(
    ("form", "link_key", "media_key"),
    [
        (WHOLE, "fe71f1d88475c8ccbf7ba3b3c2b9489a", "8b6082da6735bc741d9bd29f9fdc6552"),
        (SOUND, "32f9cfdd93ceedec09a1c2e683e3767d", "d5f1fb3bfe2a5b3047d6968cfd4e461c"),
    ],
)
def test_keys_in_ledgers_of_earlier_versions_are_found(
    form: Form, link_key: str, media_key: str
) -> None:
    assert media_keys.of_link(LINK, form) == link_key
    assert media_keys.of_media("Youtube", "id=dQw4w9WgXcQ", form=form) == media_key


def test_what_is_not_the_same_has_another_key() -> None:
    found = [
        media_keys.of_link(LINK),
        media_keys.of_link(LINK, SOUND),
        media_keys.of_link(LINK, Form(max_height=720)),
        media_keys.of_link(LINK + "x"),
        media_keys.of_media("Site", LINK),
        media_keys.of_media("Site", LINK, form=SOUND),
        media_keys.of_media("SiteTab", LINK),
    ]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    ("plain", "shared"),
    [
        ("https://example.com/v", "https://example.com/v?utm_source=a&utm_medium=b"),
        ("https://example.com/v?id=1", "https://example.com/v?fbclid=x&id=1"),
        ("https://example.com/v?id=1", "https://example.com/v?id=1&gclid=x"),
        ("https://www.instagram.com/share/X/", "https://www.instagram.com/share/X/?igsh=MTc4"),
        ("https://x.com/a/status/1", "https://x.com/a/status/1?s=20&t=AbC"),
        ("https://twitter.com/a/status/1", "https://twitter.com/a/status/1?s=20"),
        ("https://youtu.be/X", "https://youtu.be/X?si=abc&feature=share"),
        ("https://www.youtube.com/watch?v=X", "https://www.youtube.com/watch?v=X&pp=abc"),
        ("https://www.reddit.com/r/a/s/X", "https://www.reddit.com/r/a/s/X?share_id=x"),
        ("https://www.tiktok.com/t/X/", "https://www.tiktok.com/t/X/?_r=1&_t=x"),
        ("https://vimeo.com/1?h=a", "https://vimeo.com/1?h=a&share=copy&fl=sv&fe=ci"),
        ("https://rutube.ru/video/X/?p=a", "https://rutube.ru/video/X/?r=wd&p=a"),
        ("https://www.threads.net/@a/post/X", "https://www.threads.net/@a/post/X?xmt=AQ&slof=1"),
        ("https://www.linkedin.com/posts/X", "https://www.linkedin.com/posts/X?trk=a&rcm=b"),
        (f"{FACEBOOK}/?v=1", f"{FACEBOOK}/?v=1&__cft__[0]=AZWabc&__tn__=-UC"),
        (f"{FACEBOOK}/", f"{FACEBOOK}/?__cft__%5B0%5D=AZXdef&__xts__%5b%5d=1"),
        ("https://rumble.com/v1-x.html", "https://rumble.com/v1-x.html?e9s=src_v1_upp"),
        ("https://b23.tv/X", "https://b23.tv/X?share_source=copy&vd_source=1"),
        (
            "https://example.com/#/v?utm_source=a",
            "https://example.com/?utm_source=b#/v?utm_source=a",
        ),
    ],
)
def test_where_a_link_was_shared_does_not_matter(plain: str, shared: str) -> None:
    assert media_keys.of_link(normalise(shared)) == media_keys.of_link(normalise(plain))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://example.com/v?s=1", "https://example.com/v?s=2"),
        ("https://example.com/v?t=1", "https://example.com/v?t=2"),
        ("https://example.com/v?si=1", "https://example.com/v?si=2"),
        ("https://example.com/v?feature=1", "https://example.com/v"),
        ("https://example.com/v?__cft__[0]=1", "https://example.com/v"),
        (f"{FACEBOOK}/?set[0]=1", f"{FACEBOOK}/?set[0]=2"),
        ("https://www.youtube.com/watch?v=X&t=5", "https://www.youtube.com/watch?v=X&t=6"),
        ("https://www.bilibili.com/video/BV1?p=1", "https://www.bilibili.com/video/BV1?p=2"),
        ("https://example.com/v?a=1&b=2", "https://example.com/v?b=2&a=1"),
    ],
)
def test_what_may_lead_elsewhere_keeps_links_apart(one: str, other: str) -> None:
    assert media_keys.of_link(normalise(one)) != media_keys.of_link(normalise(other))
