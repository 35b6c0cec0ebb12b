"""What has no end or no measure: the limit that stops it, and the sentence that says so."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hostile import floods
from tests.hostile.web import Web, content
from tests.support.download_limits import limits_with
from tests.support.downloads_harness import Worker, worker
from tests.support.exhaustive import some_of
from worker.downloads.ytdlp.network import page_limits
from worker.errors import Fault, JobError, Reason
from worker.protocol import MediaKind, Note
from worker.telegram import texts
from worker.telegram.texts import ENGLISH

Flood = Callable[[Web], str]

# Short where the limit itself is a time; a busy machine needs longer for everything else.
LIMITS = {"max_file_bytes": 5 << 20, "memory_bytes": 400 << 20, "timeout_s": 25}
SOON, STALLS = {"timeout_s": 3.0, "idle_timeout_s": 20}, {"idle_timeout_s": 2.0}
NO_OTHER: dict[str, float] = {}

FLOODS: list[tuple[Flood, Reason, dict[str, float]]] = [
    (floods.an_endless_file, Reason.TOO_LARGE, NO_OTHER),
    (floods.a_file_that_unpacks_without_end, Reason.TOO_LARGE, NO_OTHER),
    (floods.a_file_that_is_packed_twice, Reason.TOO_LARGE, NO_OTHER),
    (floods.a_file_in_brotli_that_unpacks_without_end, Reason.TOO_LARGE, NO_OTHER),
    (floods.a_file_that_is_packed_a_hundred_times, Reason.NETWORK, NO_OTHER),
    (floods.a_slow_file, Reason.TIMED_OUT, SOON),
    (floods.a_file_in_drops, Reason.STALLED, STALLS),
    (floods.headers_in_drops, Reason.STALLED, STALLS),
    (floods.a_playlist_of_a_hundred_thousand_pieces, Reason.TOO_LONG, NO_OTHER),
    (floods.a_playlist_of_a_million_pieces, Reason.HUGE_PAGE, NO_OTHER),
    (floods.an_endless_playlist, Reason.HUGE_PAGE, NO_OTHER),
    (floods.a_manifest_of_a_hundred_thousand_pieces, Reason.TOO_LONG, NO_OTHER),
    (floods.a_manifest_of_a_billion_pieces, Reason.OUT_OF_MEMORY, NO_OTHER),
    (floods.a_manifest_that_multiplies, Reason.UNSUPPORTED, NO_OTHER),
    (floods.a_live_playlist, Reason.LIVE, NO_OTHER),
    (floods.a_live_manifest, Reason.LIVE, NO_OTHER),
    (floods.a_redirect_to_itself, Reason.LEADS_NOWHERE, NO_OTHER),
    (floods.a_page_that_forwards_to_itself, Reason.LEADS_NOWHERE, NO_OTHER),
    (floods.an_endless_page, Reason.HUGE_PAGE, NO_OTHER),
    (floods.an_endless_feed, Reason.HUGE_PAGE, NO_OTHER),
    (floods.a_page_that_unpacks_without_end, Reason.HUGE_PAGE, NO_OTHER),
    (floods.a_page_that_is_packed_twice, Reason.HUGE_PAGE, NO_OTHER),
    (floods.a_page_in_brotli_that_unpacks_without_end, Reason.HUGE_PAGE, NO_OTHER),
    (floods.a_playlist_that_unpacks_without_end, Reason.HUGE_PAGE, NO_OTHER),
    (floods.a_key_without_end, Reason.HUGE_PAGE, NO_OTHER),
    (floods.a_film_of_four_hours, Reason.TOO_LONG, NO_OTHER),
    (floods.a_page_of_brackets, Reason.NO_MEDIA, NO_OTHER),
    (floods.a_page_that_calls_itself_a_video, Reason.UNSUPPORTED, NO_OTHER),
]
OURS = {Reason.TOO_LONG, Reason.HUGE_PAGE}
BOUNDED = [
    (flood, reason)
    for flood, reason, _ in FLOODS
    if reason in OURS or flood is floods.a_page_that_forwards_to_itself
]
# A flood for each bound.
ONE_OF_EACH = (
    *(floods.a_playlist_of_a_hundred_thousand_pieces, floods.an_endless_page),
    *(floods.a_page_that_forwards_to_itself, floods.a_film_of_four_hours),
)


def _without_bounds() -> None:
    for name in ("MAX_PAGE_BYTES", "MAX_HOPS", "MAX_FRAGMENTS"):
        vars(page_limits)[name] = 1 << 60
    vars(page_limits)["LOWEST_BYTES_PER_S"] = 0


@pytest.fixture(scope="module")
def boundless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with worker(tmp_path_factory.mktemp("boundless"), prepare=_without_bounds) as made:
        yield made


@pytest.fixture
def web() -> Iterator[Web]:
    with Web() as web:
        web.answers["/0.ts"] = content(bytes(188), "video/mp2t")
        yield web


def limits(changes: dict[str, float]) -> Any:
    return limits_with(**{**LIMITS, **changes})


@pytest.mark.parametrize(("flood", "reason", "changes"), FLOODS)
def test_a_flood_is_stopped_by_its_limit(
    flood: Flood, reason: Reason, changes: dict[str, float], warm: Worker, web: Web
) -> None:
    error = warm.run(flood(web), limits(changes)).error
    is_retried = reason in {Reason.TIMED_OUT, Reason.STALLED, Reason.NETWORK}
    assert (error.reason, error.fault) == (
        reason,
        Fault.RETRYABLE if is_retried else Fault.PERMANENT,
    ), error.detail
    assert not warm.directory.exists()
    assert len(web.hits) <= 2 * page_limits.MAX_HOPS


@pytest.mark.negative
@pytest.mark.parametrize(
    ("flood", "reason"), some_of(BOUNDED, kept=[case for case in BOUNDED if case[0] in ONE_OF_EACH])
)
def test_without_its_limit_a_flood_goes_on(
    flood: Flood, reason: Reason, boundless: Worker, web: Web
) -> None:
    outcome = boundless.run(flood(web), limits({"timeout_s": 3.0}))
    assert not isinstance(outcome.result, JobError) or outcome.result.reason is not reason


def test_each_limit_has_a_sentence_of_its_own() -> None:
    reasons = {reason for _, reason, _ in FLOODS}
    assert len({texts.explanation(ENGLISH, reason) for reason in reasons}) == len(reasons)


@pytest.mark.usefixtures("needs_ffmpeg")
@pytest.mark.parametrize("side", [3000, 10_000])
def test_a_picture_is_sent_as_large_as_telegram_takes_it(side: int, warm: Worker, web: Web) -> None:
    url = floods.put(web, "/a.png", content(floods.png(side), "image/png"))
    media = warm.run(url, limits(NO_OTHER)).media
    assert media.facts.kind is (MediaKind.PHOTO if side <= 5000 else MediaKind.DOCUMENT)
    assert (media.facts.width, media.facts.height) == (side, side)


@pytest.mark.usefixtures("needs_ffmpeg")
def test_a_picture_that_nobody_could_unpack_is_none(warm: Worker, web: Web) -> None:
    url = floods.put(web, "/a.png", content(floods.png(40_000), "image/png"))
    assert warm.run(url, limits(NO_OTHER)).error.reason is Reason.BROKEN_FILE


@pytest.mark.usefixtures("needs_ffmpeg")
def test_a_small_video_of_four_hours_comes_as_it_is(warm: Worker, web: Web, tmp_path: Path) -> None:
    film = tmp_path / "film.mkv"
    source = ["-f", "lavfi", "-i", "color=size=64x64:rate=1:duration=14400"]
    command = ["ffmpeg", "-v", "error", *source, "-c:v", "mpeg4", os.fspath(film)]
    subprocess.run(command, check=True)
    url = floods.put(web, "/a.mkv", content(film.read_bytes(), "video/x-matroska"))
    media = warm.run(url, limits(NO_OTHER)).media
    assert (media.facts.kind, media.facts.duration_s) == (MediaKind.DOCUMENT, 14400)
    assert media.facts.note is Note.TOO_LARGE_CONVERTED
