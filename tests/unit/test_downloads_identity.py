"""Which links lead to the same media, by the patterns of the real yt-dlp."""

import pytest
from yt_dlp.extractor import gen_extractor_classes

from worker.downloads.identity import media_key
from worker.downloads.reports import FoundMedia
from worker.errors import InvalidLink
from worker.form import SOUND, WHOLE, Form
from worker.protocol import Download
from worker.urls import normalise

EXTRACTORS = {extractor.ie_key(): extractor for extractor in gen_extractor_classes()}
YOUTUBE = ("Youtube", "dQw4w9WgXcQ")


def key(url: str, extractor: str, media_id: str, form: Form = WHOLE) -> str | None:
    task = Download(1, url, "/nowhere", form)
    return media_key(task, FoundMedia(extractor, media_id), EXTRACTORS)


@pytest.mark.parametrize(
    "links",
    [
        (
            "https://youtu.be/dQw4w9WgXcQ",
            "https://youtu.be/dQw4w9WgXcQ?si=Xy12AbCdEf",
            "https://www.youtube.com/watch?v=dQw4w9WgXcQ&t=5",
            "https://m.youtube.com/watch?v=dQw4w9WgXcQ&list=PL1&index=2",
            "https://www.youtube.com/watch?app=desktop&v=dQw4w9WgXcQ&lc=Ugx",
            "https://www.youtube.com/shorts/dQw4w9WgXcQ",
            "https://www.youtube.com/embed/dQw4w9WgXcQ",
            "https://www.youtube.com/watch/dQw4w9WgXcQ?t=5",
        ),
    ],
)
def test_links_of_one_video_meet(links: tuple[str, ...]) -> None:
    found = {key(link, *YOUTUBE) for link in links}
    assert len(found) == 1
    assert None not in found


@pytest.mark.parametrize(
    ("url", "extractor", "media_id"),
    [
        # A page may claim to be anything: no pattern of that site finds it in the link.
        ("https://evil.example/dQw4w9WgXcQ", *YOUTUBE),
        ("https://evil.example/?u=https://youtu.be/dQw4w9WgXcQ", *YOUTUBE),
        ("https://youtu.be/aaaaaaaaaaa?x=dQw4w9WgXcQ", *YOUTUBE),
        ("https://youtu.be/dQw4w9WgXcQ", "Youtube", "aaaaaaaaaaa"),
        # The site gives a part of what the link names, or more.
        ("https://a.example/clip.mp4", "Generic", "clip"),
        ("https://youtu.be/dQw4w9WgXcQ", "NoSuchSite", "dQw4w9WgXcQ"),
        ("https://youtu.be/dQw4w9WgXcQ", "Youtube", ""),
    ],
)
def test_what_only_the_link_names_stays_by_itself(url: str, extractor: str, media_id: str) -> None:
    assert key(url, extractor, media_id) is None


def test_pictures_of_one_post_stay_apart() -> None:
    post = "https://x.com/somebody/status/1600649710662213632"
    keys = [
        key(post + end, "Twitter", "1600649710662213632") for end in ("", "/video/1", "/video/2")
    ]
    assert None not in keys
    assert len(set(keys)) == 3


def test_posts_of_one_topic_stay_apart() -> None:
    topic = "https://t.me/somebody/5/"
    keys = [key(topic + post, "TelegramEmbed", post) for post in ("100", "101")]
    assert None not in keys
    assert len(set(keys)) == 2


def test_the_sound_alone_is_something_else() -> None:
    link = "https://youtu.be/dQw4w9WgXcQ"
    assert key(link, *YOUTUBE) != key(link, *YOUTUBE, SOUND)


SHARED_NAMES: list[tuple[str, str, tuple[str, ...]]] = [
    # The extractor, yt-dlp's own id of what it found, links that lead there.
    (
        "Twitter",
        "1577719286659006464",
        (
            "https://x.com/somebody/status/1577855540407197696",
            "https://twitter.com/i/web/status/1577855540407197696",
            "https://x.com/i/status/1577855540407197696?s=20",
            "https://mobile.twitter.com/another/status/1577855540407197696?t=AbC&s=19",
        ),
    ),
    (
        "Reddit",
        "zasobba6wp071",
        (
            "https://www.reddit.com/r/videos/comments/nip71r/some_words/",
            "https://old.reddit.com/r/videos/comments/nip71r/other_words/?utm_source=share",
            "https://www.reddit.com/comments/nip71r",
            "https://www.reddit.com/user/somebody/comments/nip71r/some_words/?share_id=x",
        ),
    ),
    (
        "Instagram",
        "3123456789",
        (
            "https://www.instagram.com/p/Chunk8-jurw/",
            "https://www.instagram.com/reel/Chunk8-jurw/?igsh=MTc4",
            "https://www.instagram.com/reels/Chunk8-jurw/",
            "https://www.instagram.com/tv/Chunk8-jurw/",
            "https://instagram.com/somebody/reel/Chunk8-jurw/?utm_source=ig_web_copy_link",
            "https://www.instagram.com/somebody/p/Chunk8-jurw/",
        ),
    ),
    (
        "VK",
        "-18403220_456239696",
        (
            "https://vk.com/video-18403220_456239696",
            "https://vkvideo.ru/video-18403220_456239696",
            "https://m.vk.com/video-18403220_456239696?from=video",
            "https://vk.com/feed?z=video-18403220_456239696%2Fabc",
            "https://vk.ru/clip-18403220_456239696",
            "https://www.vk.com/video-18403220_456239696",
        ),
    ),
    (
        "Soundcloud",
        "62986583",
        (
            "https://soundcloud.com/ethmusic/lostin-powers-she-so-heavy",
            "https://m.soundcloud.com/ethmusic/lostin-powers-she-so-heavy?si=abc&utm_source=x",
            "https://www.soundcloud.com/ethmusic/lostin-powers-she-so-heavy?in=a/sets/b",
        ),
    ),
    (
        "BiliBili",
        "BV1bK411W797_p1",
        (
            "https://www.bilibili.com/video/BV1bK411W797",
            "https://www.bilibili.com/video/BV1bK411W797/?spm_id_from=333&vd_source=abc",
            "https://bilibili.com/video/BV1bK411W797?share_source=copy_web",
        ),
    ),
    (
        "TwitchVod",
        "v6528877",
        (
            "https://www.twitch.tv/videos/6528877",
            "https://m.twitch.tv/videos/6528877?t=5m10s",
            "https://www.twitch.tv/riotgames/v/6528877",
            "https://player.twitch.tv/?autoplay=false&video=v6528877",
        ),
    ),
    (
        "Facebook",
        "1195289147628387",
        (
            "https://www.facebook.com/reel/1195289147628387",
            "https://m.facebook.com/reel/1195289147628387/?mibextid=x",
            "https://www.facebook.com/watch/?v=1195289147628387",
            "https://www.facebook.com/somebody/videos/1195289147628387/",
        ),
    ),
    (
        "TikTok",
        "6748451240264420610",
        (
            "https://www.tiktok.com/@somebody/video/6748451240264420610",
            "https://www.tiktok.com/@another/video/6748451240264420610?_r=1&_t=abc",
            "https://www.tiktok.com/embed/6748451240264420610",
            "https://www.tiktok.com/@somebody/photo/6748451240264420610?lang=en",
        ),
    ),
    (
        "TelegramEmbed",
        "614",
        (
            "https://t.me/somebody/614",
            "https://t.me/s/somebody/614",
            "https://telegram.me/somebody/614/",
            "https://t.me/somebody/5/614",
        ),
    ),
    (
        "Odnoklassniki",
        "20079905452",
        (
            "https://ok.ru/video/20079905452",
            "https://m.ok.ru/video/20079905452",
            "https://ok.ru/clip/20079905452",
        ),
    ),
    (
        "Rutube",
        "3eac3b4561676c17df9132a9a1e62e3e",
        (
            "https://rutube.ru/video/3eac3b4561676c17df9132a9a1e62e3e/",
            "https://rutube.ru/shorts/3eac3b4561676c17df9132a9a1e62e3e/?r=wd",
        ),
    ),
]


@pytest.mark.parametrize(("extractor", "media_id", "links"), SHARED_NAMES, ids=lambda v: str(v)[:9])
def test_links_of_one_post_meet(extractor: str, media_id: str, links: tuple[str, ...]) -> None:
    found = {key(normalise(link), extractor, media_id) for link in links}
    assert len(found) == 1
    assert None not in found


@pytest.mark.parametrize(
    ("extractor", "one", "other"),
    [
        (
            "BiliBili",
            "https://www.bilibili.com/video/BV1bK411W797",
            "https://www.bilibili.com/video/BV1bK411W797?p=2",
        ),
        (
            "BiliBili",
            "https://www.bilibili.com/video/BV1bK411W797?p=3",
            "https://www.bilibili.com/video/BV1bK411W797?p=2",
        ),
        (
            "Soundcloud",
            "https://soundcloud.com/somebody/a-song",
            "https://soundcloud.com/somebody/a-song/s-secret",
        ),
        (
            "Soundcloud",
            "https://soundcloud.com/somebody/a-song",
            "https://soundcloud.com/another/a-song",
        ),
        # These open what is not listed, and the number alone can be guessed.
        (
            "Vimeo",
            "https://vimeo.com/76979871",
            "https://player.vimeo.com/video/76979871?h=8272103f6e",
        ),
        (
            "Vimeo",
            "https://player.vimeo.com/video/76979871?h=aaaaaaaaaa",
            "https://player.vimeo.com/video/76979871?h=8272103f6e",
        ),
        ("VK", "https://vk.com/video1_2", "https://vk.com/video1_2?list=abcdef0123"),
        ("VK", "https://vk.com/video-1_2", "https://daxab.com/embed/-1_2"),
        (
            "Twitter",
            "https://x.com/somebody/status/1577855540407197696",
            "https://x.com/somebody/status/1577855540407197696/video/2",
        ),
        # Files of one folder: the id is the folder's.
        (
            "Dropbox",
            "https://www.dropbox.com/scl/fo/76979871/Key/one.mp4?rlkey=a&dl=0",
            "https://www.dropbox.com/scl/fo/76979871/Key/two.mp4?rlkey=a&dl=0",
        ),
        (
            "Dropbox",
            "https://www.dropbox.com/sh/76979871/Key/a&b.mp4",
            "https://www.dropbox.com/sh/76979871/Key/a&c.mp4",
        ),
        (
            "YandexDisk",
            "https://disk.yandex.ru/d/76979871",
            "https://disk.yandex.ru/d/76979871/one.mp4",
        ),
        (
            "YandexDisk",
            "https://disk.yandex.ru/d/76979871/one.mp4",
            "https://disk.yandex.ru/d/76979871/two.mp4",
        ),
        (
            "TelegramEmbed",
            "https://t.me/c/76979871/100",
            "https://t.me/c/76979871/101",
        ),
        # Parts of a programme, which its pattern leaves out.
        (
            "CSpan",
            "https://www.c-span.org/video/?76979871-1/some-words",
            "https://www.c-span.org/video/?76979871-2/some-words",
        ),
    ],
)
def test_what_a_link_adds_keeps_it_apart(extractor: str, one: str, other: str) -> None:
    keys = {key(normalise(link), extractor, "76979871") for link in (one, other)}
    assert len(keys) == 2
    assert None not in keys


@pytest.mark.parametrize(
    ("extractor", "media_id", "links"),
    [
        (
            "Rutube",
            "3eac3b4561676c17df9132a9a1e62e3e",
            (
                "https://rutube.ru/video/3eac3b4561676c17df9132a9a1e62e3e",
                "https://rutube.ru/video/3eac3b4561676c17df9132a9a1e62e3e/",
                "https://rutube.ru/video/3eac3b4561676c17df9132a9a1e62e3e/?r=wd",
                "https://rutube.ru/video/3eac3b4561676c17df9132a9a1e62e3e/#t=5",
            ),
        ),
        # The pattern takes the question mark with it.
        (
            "ZingMp3",
            "ZWZEI76B",
            (
                "https://zingmp3.vn/embed/song/ZWZEI76B?utm_source=a",
                "https://zingmp3.vn/embed/song/ZWZEI76B?start=1&utm_source=b",
            ),
        ),
    ],
)
def test_what_a_link_does_not_add_keeps_nothing_apart(
    extractor: str, media_id: str, links: tuple[str, ...]
) -> None:
    keys = {key(normalise(link), extractor, media_id) for link in links}
    assert len(keys) == 1
    assert None not in keys


def test_no_two_media_of_yt_dlps_own_tests_share_a_key() -> None:
    media: dict[str, tuple[str, str]] = {}
    tried = 0
    for extractor in EXTRACTORS.values():
        for case in extractor.get_testcases(include_onlymatching=False):
            info = case.get("info_dict") or {}
            if not (media_id := info.get("id")) or not extractor.suitable(case["url"]):
                continue
            try:
                name = key(normalise(case["url"]), extractor.ie_key(), str(media_id))
            except InvalidLink:
                continue
            tried += 1
            if name is not None:
                before = media.setdefault(name, (extractor.ie_key(), str(media_id)))
                assert before == (extractor.ie_key(), str(media_id)), case["url"]
    assert tried > 3000
