"""Links by which the real yt-dlp would not find the media, and those by which it does."""

import pytest
from yt_dlp.extractor import gen_extractor_classes

from worker.downloads.readable_links import readable
from worker.downloads.ytdlp.extractor_index import ExtractorIndex
from worker.urls import normalise

EXTRACTORS = ExtractorIndex({each.ie_key(): each for each in gen_extractor_classes()})
RUTUBE = "c58f502c7bb34a8fcdd976b221fca292"


def asked(link: str) -> tuple[str | None, str | None]:
    """The extractor that takes a link, and the id for which that asks."""
    name = EXTRACTORS.suitable(link)
    match = EXTRACTORS[name]._match_valid_url(link) if name and name != "Generic" else None
    return name, match and (match["id"] or match.groupdict().get("videoid"))


@pytest.mark.parametrize(
    ("link", "other", "extractor", "media_id"),
    [
        ("https://vk.ru/wall-1_2", "https://vk.com/wall-1_2", "VKWallPost", "-1_2"),
        ("https://m.vk.ru/wall1_2?from=x", "https://vk.com/wall1_2?from=x", "VKWallPost", "1_2"),
        ("https://vk.ru/ada?w=wall1_2", "https://vk.com/ada?w=wall1_2", "VKWallPost", "1_2"),
        ("https://www.vk.com/wall-1_2", "https://vk.com/wall-1_2", "VKWallPost", "-1_2"),
        ("https://www.vk.ru/video-1_2", "https://vk.com/video-1_2", "VK", "-1_2"),
        ("https://vk.ru/video/@ada", "https://vk.com/video/@ada", "VKUserVideos", "@ada"),
        (
            "https://m.vk.ru/video/playlist/-1_2",
            "https://vk.com/video/playlist/-1_2",
            "VKUserVideos",
            "-1_2",
        ),
        ("https://m.ok.ru/video/123", "https://ok.ru/video/123", "Odnoklassniki", "123"),
        ("https://m.ok.ru/live/123?x=1", "https://ok.ru/live/123", "Odnoklassniki", "123"),
        ("https://ok.ru/clip/123", "https://ok.ru/video/123", "Odnoklassniki", "123"),
        ("https://m.ok.ru/clip/123/", "https://ok.ru/video/123", "Odnoklassniki", "123"),
        ("https://t.me/s/somebody/12", "https://t.me/somebody/12", "TelegramEmbed", "12"),
        ("https://telegram.me/somebody/12/", "https://t.me/somebody/12", "TelegramEmbed", "12"),
        (
            "https://t.me/somebody/5/12?single",
            "https://t.me/somebody/12?single",
            "TelegramEmbed",
            "12",
        ),
        (
            "https://m.youtube.com/watch/dQw4w9WgXcQ?t=5",
            "https://www.youtube.com/watch?v=dQw4w9WgXcQ",
            "Youtube",
            "dQw4w9WgXcQ",
        ),
        (
            f"https://rutube.ru/shorts/{RUTUBE}/?p=a",
            f"https://rutube.ru/video/{RUTUBE}/?p=a",
            "Rutube",
            RUTUBE,
        ),
    ],
)
def test_a_link_is_asked_for_as_its_extractor_knows_it(
    link: str, other: str, extractor: str, media_id: str
) -> None:
    assert asked(normalise(link)) != (extractor, media_id)
    assert readable(normalise(link)) == other
    assert asked(other) == (extractor, media_id)
    assert readable(other) == other


@pytest.mark.parametrize(
    "link",
    [
        "https://vk.ru/video-1_2",
        "https://m.vk.ru/clip-1_2",
        "https://vk.com/wall-1_2",
        "https://ok.ru/video/123?x=1",
        "https://www.ok.ru/live/123",
        "https://t.me/somebody/12",
        "https://t.me/somebody/12?single",
        "https://t.me/c/1234567890/12",
        "https://t.me/c/1234567890/5/12",
        "https://t.me/somebody/s/12",
        "https://t.me/somebody",
        "https://www.youtube.com/watch?v=dQw4w9WgXcQ",
        "https://www.youtube.com/watch/short",
        f"https://rutube.ru/video/{RUTUBE}/",
        "https://vk.ru.a.example/wall-1_2",
        "https://a.example/?u=https://vk.ru/wall-1_2",
        "https://not-t.me/somebody/5/12",
    ],
)
def test_other_links_are_asked_for_as_they_are(link: str) -> None:
    assert readable(normalise(link)) == link
