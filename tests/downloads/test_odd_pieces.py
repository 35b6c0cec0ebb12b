"""What servers send in place of the pieces that were asked for."""

from pathlib import Path

import pytest

from tests.support.download_limits import LIMITS
from tests.support.downloads_harness import Worker
from tests.support.media import make
from tests.support.odd_server import Answer, Asked, oddly_served
from worker.errors import Fault, Reason

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")

HLS = "-f hls -hls_time 1 -hls_list_size 0"
MUXED = f"-c copy {HLS}"
SINGLE = f"{MUXED} -hls_flags single_file"
DASH = "-c copy -seg_duration 1"
PAGE = b"<!DOCTYPE html><html><head><title>Access denied</title></head></html>"


def send_page(asked: Asked) -> None:
    asked.say(200, PAGE, Content_Type="text/html")


def send_json(asked: Asked) -> None:
    asked.say(200, b'{"error": "expired"}', Content_Type="application/json")


@pytest.mark.parametrize(
    ("name", "options", "piece", "answer"),
    [
        ("film.m3u8", MUXED, "film1.ts", send_page),
        ("film.m3u8", MUXED, "film0.ts", send_page),
        ("film.m3u8", f"{MUXED} -hls_segment_type fmp4", "film1.m4s", send_json),
        ("film.m3u8", f"{MUXED} -hls_segment_type fmp4", "init.mp4", send_page),
        ("film.m3u8", SINGLE, "film.ts", send_page),
        ("song.m3u8", f"-vn -c:a aac {HLS} -hls_segment_filename %d.aac", "1.aac", send_page),
        ("song.m3u8", f"-vn -c:a mp3 {HLS} -hls_segment_filename %d.mp3", "1.mp3", send_json),
        ("film.mpd", DASH, "chunk-stream0-00002.m4s", send_page),
        ("film.mpd", DASH, "chunk-stream1-00002.m4s", send_json),
    ],
)
def test_a_text_in_place_of_a_piece_is_no_piece(
    warm: Worker, tmp_path: Path, name: str, options: str, piece: str, answer: Answer
) -> None:
    make(tmp_path / name, options.replace("%d", f"{tmp_path}/%d"))
    with oddly_served(tmp_path, {piece: answer}) as site:
        error = warm.run(f"{site.url}/{name}", LIMITS).error
    assert (error.reason, error.fault) == (Reason.BROKEN_FILE, Fault.RETRYABLE), error.detail
    assert site.asked.count(piece) > 1
