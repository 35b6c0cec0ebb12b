"""What our YoutubeDL does where yt-dlp's gives up, without a network."""

import contextlib
import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from yt_dlp.networking import Request, common
from yt_dlp.networking.exceptions import HTTPError
from yt_dlp.utils import DownloadError

from worker.downloads.ytdlp.extractor_index import ExtractorIndex
from worker.downloads.ytdlp.failures.errors import classify
from worker.downloads.ytdlp.network.page_limits import LimitedYoutubeDL
from worker.downloads.ytdlp.transfer.downloader import PatientYoutubeDL
from worker.downloads.ytdlp.transfer.pieces import PIECES, Estimate
from worker.errors import Fault, JobError, Reason

HEAD = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n"
PIECE = "#EXTINF:4,\n0.ts\n"
FROM_1, FROM_2, FROM_7 = (f"{HEAD}#EXT-X-MEDIA-SEQUENCE:{first}\n{PIECE}" for first in (1, 2, 7))
VOD, EVENT = (f"{HEAD}#EXT-X-PLAYLIST-TYPE:{kind}\n{PIECE}" for kind in ("VOD", "EVENT"))


@pytest.fixture
def ydl() -> Iterator[PatientYoutubeDL]:
    params = {"socket_timeout": 10.0, "cachedir": False, "quiet": True}
    with PatientYoutubeDL(params, ExtractorIndex({}), lambda path: None) as made:
        yield made


def answer(headers: dict[str, str]) -> common.Response:
    return common.Response(io.BytesIO(b"content"), Response.url, headers)


class Response(io.BytesIO):
    url = "https://example.com/film.m3u8"


@pytest.mark.parametrize(
    ("first", "second", "length_s"),
    [
        (HEAD + PIECE, HEAD + PIECE, 4.0),
        (HEAD + PIECE * 2, HEAD + PIECE * 2, 8.0),
        (HEAD + PIECE, HEAD + PIECE * 2, None),
        (FROM_1, FROM_2, None),
        (EVENT, EVENT, 4.0),
        (FROM_7, None, None),
        (VOD, None, 4.0),
        ("#EXTM3U\n" + PIECE, None, None),
        (HEAD.replace(":4", ":9") + PIECE, None, None),
    ],
)
def test_what_does_not_grow_is_not_live(
    ydl: PatientYoutubeDL,
    monkeypatch: pytest.MonkeyPatch,
    first: str,
    second: str | None,
    length_s: float | None,
) -> None:
    answers = [first, second]
    waits: list[float] = []
    seen: dict[str, Any] = {}
    monkeypatch.setattr(time, "sleep", waits.append)
    monkeypatch.setattr(
        LimitedYoutubeDL, "urlopen", lambda _, request: Response(str(answers.pop(0)).encode())
    )
    monkeypatch.setattr(
        LimitedYoutubeDL, "process_ie_result", lambda _, result, *more: seen.update(result)
    )
    media = {"url": Response.url, "protocol": "m3u8_native"}
    ydl.process_ie_result(
        {"extractor_key": "Generic", "live_status": "is_live", "formats": [media]}
    )
    assert seen["live_status"] == ("is_live" if length_s is None else "not_live")
    assert seen.get("duration") == length_s
    # Longer than a live stream may take to grow (RFC 8216, 6.2.1).
    assert waits == ([] if second is None else [6.0])


def test_what_a_site_calls_live_is_believed(
    ydl: PatientYoutubeDL, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}
    monkeypatch.setattr(
        LimitedYoutubeDL, "process_ie_result", lambda _, result, *more: seen.update(result)
    )
    ydl.process_ie_result({"extractor_key": "Twitch", "live_status": "is_live"})
    assert seen["live_status"] == "is_live"


def refused(status: int, **headers: str) -> HTTPError:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return HTTPError(common.Response(io.BytesIO(), Response.url, given, status))


@pytest.mark.parametrize(
    ("status", "headers", "reason", "wait_s"),
    [
        (429, {"Retry_After": "30"}, Reason.SITE_BUSY, 30.0),
        (403, {}, Reason.SITE_ERROR, None),
        (451, {}, Reason.GEO_BLOCKED, None),
        (404, {}, Reason.BROKEN_FILE, None),
    ],
)
@pytest.mark.parametrize("is_closed", [False, True])
def test_a_refused_piece_is_blamed_on_its_status(
    ydl: PatientYoutubeDL,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    headers: dict[str, str],
    reason: Reason,
    wait_s: float | None,
    is_closed: bool,
) -> None:
    def refuse(*_: object) -> None:
        raise refused(status, **headers)

    def fail(*_: object) -> None:
        with contextlib.suppress(HTTPError):
            ydl.urlopen(Request(Response.url, headers={"Accept-Encoding": "identity"}))
        try:
            # As yt-dlp reports its last try, without the exception.
            ydl.trouble(f"ERROR: HTTP Error {status}: No. Giving up after 3 retries")
        except DownloadError as error:
            if not is_closed:
                raise
            raise ValueError("write to closed file") from error

    monkeypatch.setattr(LimitedYoutubeDL, "urlopen", refuse)
    monkeypatch.setattr(LimitedYoutubeDL, "dl", fail)
    with pytest.raises(DownloadError) as raised:
        ydl.dl("media.mp4", {"protocol": "http_dash_segments"})
    told = classify(raised.value)
    assert (told.reason, told.retry_after_s) == (reason, wait_s)
    # yt-dlp's own, of which the file would be called broken.
    behind = (raised.value.__cause__, raised.value.__context__)
    assert not any(isinstance(each, ValueError) for each in behind)


def test_a_failure_without_a_cause_stays_what_it_is(
    ydl: PatientYoutubeDL, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise ValueError("something else")

    monkeypatch.setattr(LimitedYoutubeDL, "dl", fail)
    with pytest.raises(ValueError, match="something else"):
        ydl.dl("media.mp4", {"protocol": "https"})


@pytest.mark.parametrize("given", [None, f"{HEAD}given.ts\n"])
def test_the_playlist_that_an_extractor_gives_is_used(
    ydl: PatientYoutubeDL, monkeypatch: pytest.MonkeyPatch, given: str | None
) -> None:
    seen: dict[str, Any] = {}

    def download(_: object, name: str, info: dict[str, Any], *more: object) -> tuple[bool, bool]:
        seen.update(info)
        return False, False

    monkeypatch.setattr(LimitedYoutubeDL, "dl", download)
    monkeypatch.setattr(LimitedYoutubeDL, "urlopen", lambda *_: Response(f"{HEAD}0.ts\n".encode()))
    media = {"url": "https://example.com/", "protocol": "m3u8_native"}
    ydl.dl("media.mp4", {**media, "hls_media_playlist_data": given})
    assert seen["url"] == (media["url"] if given else Response.url)
    assert ("given.ts" in seen["hls_media_playlist_data"]) is bool(given)
    assert "#EXT-X-ENDLIST" in seen["hls_media_playlist_data"]


@pytest.mark.parametrize(
    ("headers", "told", "length"),
    [
        ({"Accept-Encoding": "identity"}, {"Content-Length": "7"}, 7),
        ({"Accept-Encoding": "identity"}, {}, None),
        ({"Accept-Encoding": "identity"}, {"Content-Length": "7", "Content-Encoding": "br"}, None),
        ({}, {"Content-Length": "16"}, None),  # a key
    ],
)
def test_the_lengths_of_pieces_go_with_their_stream(
    ydl: PatientYoutubeDL,
    monkeypatch: pytest.MonkeyPatch,
    headers: dict[str, str],
    told: dict[str, str],
    length: int | None,
) -> None:
    seen: list[Estimate | None] = []

    def download(_: object, name: str, info: dict[str, Any], *more: object) -> tuple[bool, bool]:
        ydl.urlopen(Request(f"https://example.com/{name}", headers=headers))
        seen.append(info[PIECES].estimate(1))
        return False, False

    monkeypatch.setattr(LimitedYoutubeDL, "dl", download)
    monkeypatch.setattr(LimitedYoutubeDL, "urlopen", lambda *_: answer(told))
    for name in ("video", "sound"):
        ydl.dl(name, {"url": Response.url, "protocol": "http_dash_segments"})
    assert seen == [Estimate(length, length, length) if length else None] * 2
    ydl.urlopen(Request(Response.url, headers=headers))


@pytest.mark.parametrize("is_test", [False, True])
def test_what_is_only_tried_is_not_told_as_a_stream(
    monkeypatch: pytest.MonkeyPatch, is_test: bool
) -> None:
    told: list[Path] = []
    monkeypatch.setattr(LimitedYoutubeDL, "dl", lambda *_: (True, True))
    with PatientYoutubeDL({"cachedir": False}, ExtractorIndex({}), told.append) as ydl:
        ydl.dl("media.mp4", {"protocol": "https"}, test=is_test)
    assert told == ([] if is_test else [Path("media.mp4")])


@pytest.mark.parametrize("text", ["<!DOCTYPE html>\n<html>App</html>", '{"error": "expired"}', ""])
def test_what_is_no_playlist_is_not_read_as_one(
    ydl: PatientYoutubeDL, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(LimitedYoutubeDL, "urlopen", lambda *_: Response(text.encode()))
    with pytest.raises(JobError) as raised:
        ydl.dl("media.mp4", {"url": Response.url, "protocol": "m3u8_native"})
    assert (raised.value.reason, raised.value.fault) == (Reason.SITE_ERROR, Fault.RETRYABLE)


def test_a_playlist_that_leads_to_a_login_asks_for_one(
    ydl: PatientYoutubeDL, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Response(b"<html></html>")
    page.url = "https://example.com/login?next=film"
    monkeypatch.setattr(LimitedYoutubeDL, "urlopen", lambda *_: page)
    with pytest.raises(JobError) as raised:
        ydl.dl("media.mp4", {"url": Response.url, "protocol": "m3u8_native"})
    assert raised.value.reason is Reason.LOGIN_NEEDED


@pytest.mark.parametrize(
    ("gained", "said", "retries", "starts"),
    [
        (b"more", "4 bytes read, 9 more expected. Giving up after 2 retries", 2, 20),
        (b"", "4 bytes read, 9 more expected. Giving up after 2 retries", 2, 1),
        (b"more", "4 bytes read, 9 more expected. Giving up after 2 retries", 0, 1),
        (b"more", "an empty piece. Giving up after 2 retries", 2, 1),
    ],
)
def test_a_stream_that_is_cut_off_goes_on_while_bytes_come(
    ydl: PatientYoutubeDL,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    gained: bytes,
    said: str,
    retries: int,
    starts: int,
) -> None:
    begun: list[str] = []

    def fail(_: object, name: str, *more: object) -> None:
        begun.append(name)
        with Path(f"{name}.part").open("ab") as file:
            file.write(gained)
        ydl.trouble(f"ERROR: {said}")

    monkeypatch.setattr(LimitedYoutubeDL, "dl", fail)
    ydl.params["retries"] = retries
    with pytest.raises(DownloadError, match="retries"):
        ydl.dl(str(tmp_path / "media.mp4"), {"protocol": "https"})
    assert len(begun) == starts
