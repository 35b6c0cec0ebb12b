"""Which links lead to the same media, by the patterns of the real yt-dlp."""

import pytest
from yt_dlp.extractor import gen_extractor_classes

from worker.downloads.channel import Found
from worker.downloads.identity import media_key
from worker.form import WHOLE, Form
from worker.protocol import Download

EXTRACTORS = {extractor.ie_key(): extractor for extractor in gen_extractor_classes()}
YOUTUBE = ("Youtube", "dQw4w9WgXcQ")


def key(url: str, extractor: str, media_id: str, form: Form = WHOLE) -> str | None:
    task = Download(1, url, "/nowhere", form)
    return media_key(task, Found(extractor, media_id), EXTRACTORS)


@pytest.mark.parametrize(
    "links",
    [
        (
            "https://youtu.be/dQw4w9WgXcQ",
            "https://youtu.be/dQw4w9WgXcQ?si=Xy12AbCdEf",
            "https://www.youtube.com/watch?v=dQw4w9WgXcQ&t=5",
            "https://m.youtube.com/watch?v=dQw4w9WgXcQ&list=PL1&index=2",
            "https://www.youtube.com/shorts/dQw4w9WgXcQ",
            "https://www.youtube.com/embed/dQw4w9WgXcQ",
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
        ("https://www.bilibili.com/video/BV1xx411c7mD?p=2", "BiliBili", "BV1xx411c7mD_p2"),
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


def test_the_sound_alone_is_something_else() -> None:
    link = "https://youtu.be/dQw4w9WgXcQ"
    assert key(link, *YOUTUBE) != key(link, *YOUTUBE, Form(sound_only=True))
