"""What reads strangers' pages and words takes time in proportion to them, whatever they repeat."""

import time
from collections.abc import Callable

import pytest
from yt_dlp.utils import ExtractorError, UnsupportedError

from worker.downloads.pictures import page, threads, tiktok
from worker.downloads.pictures.reading import SiteAnswer, title
from worker.downloads.spans import Span
from worker.downloads.text import without_paths
from worker.downloads.ytdlp.failures.complaints import complaint_in
from worker.downloads.ytdlp.failures.errors import classify
from worker.downloads.ytdlp.transfer import hls
from worker.telegram import clip_times

LENGTH = 400_000
# A hundred times what it takes; a pattern that looks back takes minutes.
ENOUGH_S = 3.0


def thread(text: str) -> object:
    link = "https://www.threads.com/@ada/post/abc"
    return threads.read(SiteAnswer("https://www.threads.com/", text.encode(), link))


def slides(text: str) -> object:
    return tiktok.read(SiteAnswer("https://www.tiktok.com/@ada/video/1", text.encode()))


def picture(text: str) -> object:
    return page.read(SiteAnswer("https://photos.example/a", text.encode()))


def said(text: str) -> object:
    return classify(ExtractorError(text, expected=True))


def not_understood(text: str) -> object:
    return classify(ExtractorError(text))


def unsupported(text: str) -> object:
    return classify(UnsupportedError(f"https://a.example/{text}"))


def playlist(text: str) -> object:
    rewritten = hls.rewritten(text), hls.rewritten(text, Span(5, 6))
    return hls.outline(text), rewritten, hls.is_complete(text), hls.target_s(text)


def times(text: str) -> object:
    return clip_times.said(text), clip_times.may_be_meant(text)


SLIDES = '<script id="__UNIVERSAL_DATA_FOR_REHYDRATION__"'
WORDS = ("x ID ", "a.", "a://", "ffmpeg ", "« ", "use ", "cookies file '", "fragment ", "\n")


@pytest.mark.parametrize(
    ("read", "repeated"),
    [
        *((thread, text) for text in ("<script ", "<script data-sjs ", "<script data-sjs>", "<")),
        *((slides, text) for text in ("<script ", SLIDES, f"{SLIDES}>")),
        *((picture, text) for text in ("<script ", "<meta ", "<meta a=", "</script", "<meta a='>")),
        *((picture, text) for text in ("application/ld+json ", "<script application/ld+json>")),
        *((title, text) for text in (" ", "\t", "https://t.co/", " https://t.co/a")),
        *((without_paths, text) for text in ("a.", "a", "a://", "a://@", "://", "+-.")),
        *((said, text) for text in WORDS),
        *((not_understood, text) for text in WORDS),
        *((unsupported, text) for text in ("://", "://a/", "/", "/a", "captcha", "/captcha")),
        *((complaint_in, text) for text in ("[a] ", "[youtube] a: ", "[a", "[a] cookies ")),
        *((playlist, text) for text in ("#EXTINF:\n", "#EXTINF:1,\n", "\n", "#EXT-X-KEY:\n")),
        *((playlist, text) for text in ("#EXTINF:1,\na\n", "a\n", "#EXT-X-BYTERANGE:1@1\na\n")),
        *((times, text) for text in ("1:", "1", "1h", "1-", "1 ", "1-1 ", "1.", "1:1-", "/ 1")),
        *((playlist, text) for text in ("#ANVATO-SEGMENT-INFO", "#UPLYNK-SEGMENT", "type=ad,")),
    ],
)
def test_repetition_costs_no_more_than_its_length(
    read: Callable[[str], object], repeated: str
) -> None:
    began = time.process_time()
    read(repeated * (LENGTH // len(repeated)))
    assert time.process_time() - began < ENOUGH_S
