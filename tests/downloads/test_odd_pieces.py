"""What servers send in place of the pieces that were asked for."""

from pathlib import Path
from time import monotonic

import pytest

from tests.support.clocked_film import first_time_s, make_clocked_film
from tests.support.download_limits import LIMITS, limits_with
from tests.support.downloads_harness import Worker
from tests.support.media import make, probe
from tests.support.odd_server import Answer, Asked, oddly_served, send_file, send_part
from worker.errors import Fault, Reason
from worker.form import Clip, Form

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")

HLS = "-f hls -hls_time 1 -hls_list_size 0"
MUXED = f"-c copy {HLS}"
SINGLE = f"{MUXED} -hls_flags single_file"
DASH = "-c copy -seg_duration 1"
BLOCK = 16 * 1024
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


def send_all(asked: Asked) -> None:
    send_part(asked, 0, len(asked.data()))


def send_to_the_end(asked: Asked) -> None:
    send_part(asked, asked.start, len(asked.data()))


def send_whole_blocks(asked: Asked) -> None:
    start, end = asked.start // BLOCK * BLOCK, (asked.end // BLOCK + 1) * BLOCK
    send_part(asked, start, min(end, len(asked.data())))


@pytest.mark.parametrize("answer", [send_all, send_to_the_end, send_whole_blocks])
@pytest.mark.parametrize("has_two", [False, True])
def test_another_range_has_the_piece_cut_out(
    warm: Worker, tmp_path: Path, has_two: bool, answer: Answer
) -> None:
    film = make(tmp_path / "film.m3u8", SINGLE)
    if has_two:  # so that it cannot be fetched as one file
        film.write_text(film.read_text().replace("film.ts", "copy.ts", 1))
        tmp_path.joinpath("copy.ts").write_bytes((tmp_path / "film.ts").read_bytes())
    with oddly_served(tmp_path, {"film.ts": answer, "copy.ts": answer}) as site:
        media = warm.run(f"{site.url}/film.m3u8", LIMITS).media
    assert probe(media.path).duration_s == pytest.approx(3.0, abs=0.2)


def test_a_range_without_the_piece_is_the_sites_fault(warm: Worker, tmp_path: Path) -> None:
    make(tmp_path / "film.m3u8", SINGLE)

    def send_end(asked: Asked) -> None:
        send_part(asked, len(asked.data()) - BLOCK, len(asked.data()))

    with oddly_served(tmp_path, {"film.ts": send_end}) as site:
        error = warm.run(f"{site.url}/film.m3u8", LIMITS).error
    assert (error.reason, error.fault) == (Reason.BROKEN_FILE, Fault.RETRYABLE), error.detail


def test_a_clip_of_a_server_that_always_sends_all_is_whole(warm: Worker, tmp_path: Path) -> None:
    make_clocked_film(tmp_path / "film.mp4", "-movflags +faststart")
    with oddly_served(tmp_path, {"film.mp4": send_all}) as site:
        form = Form(clip=Clip(520, 760))
        media = warm.run(f"{site.url}/film.mp4", limits_with(), form=form).media
    assert probe(media.path).duration_s == pytest.approx(2.4, abs=0.1)
    assert first_time_s(media.path) == pytest.approx(5.2, abs=0.1)


def test_a_download_goes_on_only_where_it_was_cut_off(warm: Worker, tmp_path: Path) -> None:
    film = make(tmp_path / "film.mp4", "-c copy -movflags +faststart").read_bytes()

    def send_cut_off(asked: Asked) -> None:
        if asked.start:
            # Not quite where it was asked to.
            send_part(asked, asked.start - 100, len(film))
        elif asked.made.asked.count("film.mp4") == 1:
            send_file(asked)
        else:
            asked.close_connection = True
            asked.say(200, film[:20_000], Content_Length=str(len(film)))

    with oddly_served(tmp_path, {"film.mp4": send_cut_off}) as site:
        media = warm.run(f"{site.url}/film.mp4", LIMITS).media
    assert Path(media.path).read_bytes() == film


@pytest.mark.parametrize("status", [429, 503])
def test_a_site_that_is_busy_for_a_moment_is_waited_for(
    warm: Worker, tmp_path: Path, status: int
) -> None:
    make(tmp_path / "film.m3u8", MUXED)
    busy_until: list[float] = []

    def send_later(asked: Asked) -> None:
        if not busy_until:
            busy_until.append(monotonic() + 1.0)
        if monotonic() < busy_until[0]:
            asked.say(status)
        else:
            send_file(asked)

    with oddly_served(tmp_path, {"film1.ts": send_later}) as site:
        media = warm.run(f"{site.url}/film.m3u8", LIMITS).media
    assert probe(media.path).duration_s == pytest.approx(3.0, abs=0.2)


def send_a_tenth(asked: Asked) -> None:
    """Answer as a server does that ends each connection soon."""
    data, is_part = asked.data(), "Range" in asked.headers
    told = {"Content_Range": f"bytes {asked.start}-{len(data) - 1}/{len(data)}"}
    asked.close_connection = True
    asked.say(
        206 if is_part else 200,
        data[asked.start : asked.start + len(data) // 10],
        Content_Length=str(len(data) - asked.start),
        **(told if is_part else {}),
    )


@pytest.mark.parametrize(
    ("name", "options", "cut"),
    [("film.mp4", "-c copy -movflags +faststart", "film.mp4"), ("film.m3u8", MUXED, "film1.ts")],
)
def test_cuts_do_not_count_while_bytes_come(
    warm: Worker, tmp_path: Path, name: str, options: str, cut: str
) -> None:
    make(tmp_path / name, options)
    with oddly_served(tmp_path, {cut: send_a_tenth}) as site:
        media = warm.run(f"{site.url}/{name}", LIMITS).media
    assert probe(media.path).duration_s == pytest.approx(3.0, abs=0.2)
