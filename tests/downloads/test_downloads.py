"""Whole downloads: the real yt-dlp and ffmpeg on a site on loopback, in a real worker."""

from __future__ import annotations

import errno
import os
import signal
from pathlib import Path
from typing import NoReturn

import pytest
from yt_dlp.postprocessor import FFmpegPostProcessor  # type: ignore[attr-defined]

from tests.sandbox.patience import PATIENCE_S
from tests.sandbox.site import MediaSite
from tests.support.download_limits import LIMITS, limits_with
from tests.support.downloads_harness import Worker, worker
from tests.support.file_server import served
from tests.support.media import index_stands_in_front
from worker.errors import Fault, Reason
from worker.file_titles import file_name
from worker.processes import process_table, signals
from worker.protocol import MediaKind, Progress, Stage, YtDlpStarted

VIDEO, AUDIO = MediaKind.VIDEO, MediaKind.AUDIO


@pytest.mark.usefixtures("needs_ffmpeg")
@pytest.mark.parametrize(
    ("path", "kind", "length_s"),
    [
        ("/clip.mp4", VIDEO, 3.0),
        ("/gif.mp4", MediaKind.ANIMATION, 2.1),
        ("/redirect", VIDEO, 3.0),
        ("/page.html", VIDEO, 3.0),
        ("/og.html", VIDEO, 3.0),
        ("/hls/master.m3u8", VIDEO, 3.0),
        ("/hls-aes/master.m3u8", VIDEO, 3.0),
        ("/dash/manifest.mpd", VIDEO, 3.0),
        ("/audio.mp3", AUDIO, 3.0),
        ("/audio.m4a", AUDIO, 3.0),
    ],
)
def test_each_kind_of_media_arrives_whole(
    warm: Worker, site: MediaSite, path: str, kind: MediaKind, length_s: float
) -> None:
    media = warm.run(site.url + path, LIMITS).media
    assert media.facts.kind is kind
    assert media.facts.duration_s == pytest.approx(length_s, abs=0.2)
    assert media.size_bytes == os.stat(media.path).st_size > 0
    assert media.source_url == site.url + path
    assert Path(media.path).name == file_name(media.facts.title, media.path)
    left = {media.path, media.thumbnail} - {None}
    assert {str(entry) for entry in warm.directory.iterdir()} == left
    if kind is VIDEO:
        assert (media.facts.width, media.facts.height) == (320, 240)
        assert media.thumbnail is not None
        assert Path(media.thumbnail).read_bytes().startswith(b"\xff\xd8")
        assert index_stands_in_front(media.path)


@pytest.mark.parametrize(
    ("path", "reason", "fault"),
    [
        ("/403.mp4", Reason.FORBIDDEN, Fault.PERMANENT),
        ("/404.mp4", Reason.NOT_FOUND, Fault.PERMANENT),
        ("/429.mp4", Reason.SITE_BUSY, Fault.RETRYABLE),
        ("/flaky/sample.mp4?fails=9", Reason.SITE_ERROR, Fault.RETRYABLE),
        ("/text.html", Reason.UNSUPPORTED, Fault.PERMANENT),
        ("/empty.mp4", Reason.EMPTY_FILE, Fault.PERMANENT),
        ("/truncated.mp4", Reason.NETWORK, Fault.RETRYABLE),
        ("/large.mp4?mb=60", Reason.TOO_LARGE, Fault.PERMANENT),
        ("/endless.mp4", Reason.TOO_LARGE, Fault.PERMANENT),
        ("/redirect?to=http://127.0.0.1:1024/x.mp4", Reason.NETWORK, Fault.RETRYABLE),
        ("/redirect?to=http://127.0.0.2:1/x.mp4", Reason.REFUSED_ADDRESS, Fault.PERMANENT),
    ],
)
def test_each_failure_has_its_reason_and_leaves_no_file(
    warm: Worker, site: MediaSite, path: str, reason: Reason, fault: Fault
) -> None:
    error = warm.run(site.url + path, LIMITS).error
    assert (error.reason, error.fault) == (reason, fault), error.detail
    assert not warm.directory.exists()


def test_a_manifest_that_points_inside_is_refused(
    warm: Worker, site: MediaSite, tmp_path: Path
) -> None:
    (tmp_path / "inside.m3u8").write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.2:1/0.ts\n#EXT-X-ENDLIST\n"
    )
    with served(tmp_path) as url:
        assert warm.run(f"{url}/inside.m3u8", LIMITS).error.reason is Reason.REFUSED_ADDRESS


def test_a_live_stream_is_refused(warm: Worker, tmp_path: Path) -> None:
    (tmp_path / "live.m3u8").write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:7\n#EXTINF:1,\n0.ts\n"
    )
    with served(tmp_path) as url:
        error = warm.run(f"{url}/live.m3u8", LIMITS).error
    assert (error.reason, error.fault) == (Reason.LIVE, Fault.PERMANENT)


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        ("http://10.0.0.1/a.mp4", Reason.REFUSED_ADDRESS),
        # A post that only members of the chat can see: the page shows nobody anything.
        ("https://t.me/c/1234567890/12", Reason.PRIVATE),
        ("https://telegram.me/c/1234567890/5/12", Reason.PRIVATE),
        ("ytsearch:cats", Reason.INVALID_LINK),
        ("file:///etc/passwd", Reason.INVALID_LINK),
        ("data:video/mp4;base64,AAAA", Reason.INVALID_LINK),
    ],
)
def test_a_link_that_is_refused_starts_no_process(warm: Worker, link: str, reason: Reason) -> None:
    outcome = warm.run(link, LIMITS)
    assert outcome.error.reason is reason
    assert outcome.reports == []


def test_the_sites_own_wait_is_passed_on(warm: Worker, site: MediaSite) -> None:
    assert warm.run(site.url + "/429.mp4", LIMITS).error.retry_after_s == 5


def test_a_detail_holds_no_query(warm: Worker, site: MediaSite) -> None:
    assert "secret" not in warm.run(site.url + "/text.html?key=secret", LIMITS).error.detail


def test_progress_comes_in_bytes_and_ends_with_finishing(warm: Worker, site: MediaSite) -> None:
    outcome = warm.run(site.url + "/slow/sample.mp4?seconds=1", LIMITS)
    assert isinstance(outcome.reports[0], YtDlpStarted)
    progress = [report for report in outcome.reports if isinstance(report, Progress)]
    assert progress[0].stage is Stage.DOWNLOADING
    assert progress[0].total_bytes == outcome.media.size_bytes
    assert progress[-1].stage is Stage.FINISHING
    assert len(progress) <= 5  # two a second, and one that the last stage has begun


def test_a_run_that_takes_too_long_is_ended(warm: Worker, site: MediaSite) -> None:
    outcome = warm.run(site.url + "/stall.mp4", limits_with(timeout_s=1.0))
    assert (outcome.error.reason, outcome.error.fault) == (Reason.TIMED_OUT, Fault.RETRYABLE)
    assert not warm.directory.exists()


def test_a_run_without_a_byte_is_ended(warm: Worker, site: MediaSite) -> None:
    outcome = warm.run(site.url + "/stall.mp4", limits_with(idle_timeout_s=1.0))
    # Whether it is yt-dlp's patience that ends first or the worker's.
    assert outcome.error.reason is Reason.STALLED
    assert outcome.error.fault is Fault.RETRYABLE
    assert not warm.directory.exists()


def test_an_order_to_stop_ends_it_within_the_grace(warm: Worker, site: MediaSite) -> None:
    warm.begin(site.url + "/stall.mp4", LIMITS)
    warm.wait_for(Progress)
    warm.stop_job()
    outcome = warm.finish()
    assert outcome.result is None
    assert not warm.directory.exists()


def test_an_order_to_stop_may_come_at_once(warm: Worker, site: MediaSite) -> None:
    for _ in range(5):
        warm.begin(site.url + "/stall.mp4", limits_with(term_grace_s=10 * PATIENCE_S))
        warm.stop_job()
        outcome = warm.finish()
        assert outcome.result is None


def test_a_killed_process_is_a_crash_that_may_be_tried_again(warm: Worker, site: MediaSite) -> None:
    warm.begin(site.url + "/stall.mp4", LIMITS)
    os.kill(warm.started_pid(), signal.SIGKILL)
    error = warm.finish().error
    assert (error.reason, error.fault) == (Reason.CRASHED, Fault.RETRYABLE)
    assert not warm.directory.exists()


def test_an_earlier_attempts_files_are_gone(warm: Worker, site: MediaSite) -> None:
    following = warm.directory.with_name(f"{int(warm.directory.name.partition('-')[0]) + 1}-1")
    (following / "deep").mkdir(parents=True)
    (following / "media.mp4.part").write_bytes(b"old")
    warm.run(site.url + "/clip.mp4", LIMITS)
    assert warm.directory == following
    assert not (following / "deep").exists()
    assert not (following / "media.mp4.part").exists()


def test_a_directory_that_cannot_be_made_is_the_operators(warm: Worker, tmp_path: Path) -> None:
    (warm.directory.parent / "blocked").touch()
    warm.begin("http://127.0.0.1/", LIMITS, directory=warm.directory.parent / "blocked" / "1-1")
    error = warm.finish().error
    assert (error.reason, error.fault) == (Reason.INTERNAL, Fault.OPERATOR)


def test_cookies_are_a_copy(warm: Worker, site: MediaSite, tmp_path: Path) -> None:
    cookies = tmp_path / "cookies.txt"
    text = "# Netscape HTTP Cookie File\n.example.com\tTRUE\t/\tFALSE\t0\tname\tvalue\n"
    cookies.write_text(text)
    rules = limits_with(cookies_file=str(cookies))
    warm.run(site.url + "/clip.mp4", rules, cookies_always=True)
    assert cookies.read_text() == text
    assert not (warm.directory / "cookies.txt").exists()


def _lack_descriptors() -> None:
    """Let the worker have none left while it looks at the first process that it has forked."""
    identify, kill_descendants = process_table.identify, signals.kill_descendants

    def lack(*_arguments: object) -> NoReturn:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), "/proc")

    def have_some_again(pid: int) -> process_table.Identity | None:
        vars(process_table)["identify"] = identify
        vars(signals)["kill_descendants"] = kill_descendants
        return identify(pid)

    def identify_nobody(_pid: int) -> NoReturn:
        vars(process_table)["identify"] = have_some_again
        vars(signals)["kill_descendants"] = lack
        lack()

    vars(process_table)["identify"] = identify_nobody


def test_download_that_cannot_be_watched_is_ended_and_tried_again(
    site: MediaSite, tmp_path: Path
) -> None:
    with worker(tmp_path, prepare=_lack_descriptors) as starved:
        # That no process is left, each `run` asserts.
        error = starved.run(site.url + "/clip.mp4", LIMITS).error
        assert (error.reason, error.fault) == (Reason.CRASHED, Fault.RETRYABLE)
        assert not starved.directory.exists()
        assert starved.run(site.url + "/clip.mp4", LIMITS).files


def _hide_programs() -> None:
    os.environ["PATH"] = "/nowhere"
    FFmpegPostProcessor._version_cache = {None: None}


def test_without_ffmpeg_a_video_is_still_a_video(site: MediaSite, tmp_path: Path) -> None:
    with worker(tmp_path, prepare=_hide_programs) as bare:
        media = bare.run(site.url + "/clip.mp4", LIMITS).media
    assert media.facts.kind is MediaKind.VIDEO
    assert media.facts.duration_s == pytest.approx(3.0, abs=0.1)
    assert media.thumbnail is None
