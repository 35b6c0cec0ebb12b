"""The media site behaves as sites do, the bad ones too."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.sandbox.clips import Clips
from tests.sandbox.site import MediaSite
from tests.support.sandbox_kit import MEBIBYTE, MP4


@pytest.fixture(scope="module")
def site() -> Iterator[MediaSite]:
    with MediaSite() as running:
        yield running


def get(
    site: MediaSite, path: str, headers: dict[str, str] | None = None, verb: str = "GET"
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection(urlsplit(site.url).netloc, timeout=20)
    with contextlib.closing(connection):
        connection.request(verb, path, headers=headers or {})
        response = connection.getresponse()
        return response, response.read()


PLAYABLE = [
    "/clip.mp4",
    "/clip/other.mp4",
    "/audio.m4a",
    "/audio.mp3",
    "/hls/master.m3u8",
    "/hls-aes/master.m3u8",
    "/dash/manifest.mpd",
    "/page.html",
    "/og.html",
    "/redirect?to=/clip/elsewhere.mp4",
    "/slow/a.mp4?seconds=0.5",
    "/gif.mp4",
]
YT_DLP = [sys.executable, "-m", "yt_dlp", "--ignore-config", "--no-cache-dir", "--no-update"]


@pytest.mark.usefixtures("needs_ffmpeg")
def test_ytdlp_downloads_each_sample(site: MediaSite, tmp_path: Path) -> None:
    links = [site.url + path for path in PLAYABLE]
    done = subprocess.run(
        [*YT_DLP, "-o", "%(autonumber)d.%(ext)s", *links],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    files = {int(path.stem): path for path in tmp_path.iterdir()}
    assert sorted(files) == list(range(1, len(PLAYABLE) + 1))
    for number, path in files.items():
        length = float(ffprobe(path))
        assert length == pytest.approx(2 if "gif" in PLAYABLE[number - 1] else 3, abs=0.15)


@pytest.mark.usefixtures("needs_ffmpeg")
@pytest.mark.timeout(120)
def test_film_has_heights_and_subtitles_and_the_song_a_cover(site: MediaSite) -> None:
    links = [f"{site.url}/film.html", f"{site.url}/song.html"]
    # Before yt-dlp waits for them: they are made once per machine.
    for path in ("/film/cover.jpg", "/song/cover.jpg"):
        with urllib.request.urlopen(site.url + path, timeout=100) as answer:
            assert answer.read(3) == b"\xff\xd8\xff"
    done = subprocess.run([*YT_DLP, "-J", *links], capture_output=True, text=True, check=True)
    film, song = map(json.loads, done.stdout.splitlines())
    assert [each["height"] for each in film["formats"]] == [360, 480, 720]
    assert list(film["subtitles"]) == ["en", "de"]
    assert (film["title"], film["uploader"]) == ("Morning in the mountains", "Alma Berg")
    assert (song["title"], song["uploader"]) == ("Above the clouds", "The Ridge")
    assert song["vcodec"] == "none"
    assert song["thumbnail"] == f"{site.url}/song/cover.jpg"


def ffprobe(path: Path) -> str:
    command = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0"]
    return subprocess.run(
        [*command, str(path)], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_ytdlp_fails_where_it_should(site: MediaSite, tmp_path: Path) -> None:
    paths = ["404.mp4", "403.mp4", "429.mp4", "text.html", "empty.mp4", "truncated.mp4"]
    links = [f"{site.url}/{path}" for path in paths]
    done = subprocess.run(
        [*YT_DLP, "--retries", "0", "--no-part", "--ignore-errors", *links],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    errors = done.stderr
    for word in ("404: Not Found", "403: Forbidden", "429: Too Many", "Unsupported URL"):
        assert word in errors
    assert "more expected" in errors
    assert errors.count("ERROR:") == len(paths)


def test_each_attempt_of_ytdlp_takes_one_failure_of_a_flaky_path(
    site: MediaSite, tmp_path: Path
) -> None:
    link = f"{site.url}/flaky/attempts.mp4?fails=2"
    done = subprocess.run(
        [*YT_DLP, "--ignore-errors", "-o", "%(id)s.%(ext)s", link, link, link],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert done.stderr.count(b"HTTP Error 503") == 2
    assert [path.name for path in tmp_path.iterdir()] == ["attempts.mp4"]


@pytest.mark.parametrize(
    ("path", "status", "header"),
    [
        ("/clip.mp4", 200, ("Content-Length", str(len(MP4[1])))),
        ("/404.mp4", 404, ("Content-Type", "text/plain")),
        ("/403.mp4", 403, ("Content-Type", "text/plain")),
        ("/429.mp4", 429, ("Retry-After", "5")),
        ("/redirect", 302, ("Location", "/clip.mp4")),
        ("/redirect?to=http%3A%2F%2Fa.example", 302, ("Location", "http://a.example")),
        ("/empty.mp4", 200, ("Content-Length", "0")),
        ("/page.html", 200, ("Content-Type", "text/html; charset=utf-8")),
        ("/no-such-thing", 404, ("Content-Type", "text/plain")),
        ("/hls/../clips.py", 404, ("Content-Type", "text/plain")),
    ],
)
def test_site_answers(path: str, status: int, header: tuple[str, str], site: MediaSite) -> None:
    for verb in ("GET", "HEAD"):
        response, body = get(site, path, verb=verb)
        assert response.status == status
        assert response.headers[header[0]] == header[1]
        assert verb == "GET" or body == b""


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=0-9", 206, slice(0, 10)),
        ("bytes=100-", 206, slice(100, None)),
        ("bytes=-5", 206, slice(-5, None)),
        ("bytes=99999999-", 416, slice(0, 0)),
    ],
)
def test_ranges(asked: str, status: int, part: slice, site: MediaSite) -> None:
    response, body = get(site, "/clip.mp4", {"Range": asked})
    assert response.status == status
    assert status != 206 or body == MP4[1][part]
    assert site.requests[-1].range == asked


def test_large_file_is_a_padded_clip(site: MediaSite) -> None:
    size = 60 * MEBIBYTE
    response, _ = get(site, "/large.mp4?mb=60", verb="HEAD")
    assert response.headers["Content-Length"] == str(size)
    end = len(MP4[1])
    _, body = get(site, "/large.mp4?mb=60", {"Range": f"bytes={end - 10}-{end + 99}"})
    assert body[:18] == MP4[1][-10:] + b"\0\0\0\1free"
    assert int.from_bytes(body[18:26], "big") == size - end
    assert body[26:] == bytes(84)


def raw_get(site: MediaSite, path: str) -> socket.socket:
    address = urlsplit(site.url)
    connection = socket.create_connection((str(address.hostname), address.port or 0), timeout=20)
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode())
    return connection


def test_stalled_download_lasts_until_the_site_stops() -> None:
    with MediaSite() as own, raw_get(own, "/stall.mp4") as connection:
        received = b""
        while not received.endswith(MP4[1][10_000:10_240]):
            received += connection.recv(65536)
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        own.stop()
        connection.settimeout(10)
        assert connection.recv(65536) == b""


def test_endless_file_goes_on(site: MediaSite) -> None:
    with raw_get(site, "/endless.mp4") as connection:
        received = connection.recv(4096)
        assert b"Transfer-Encoding: chunked" in received
        assert b"Content-Length" not in received
        total = 0
        while total < 20 * MEBIBYTE:
            total += len(connection.recv(MEBIBYTE))


def test_truncated_file_promises_more_than_it_gives(site: MediaSite) -> None:
    with pytest.raises(http.client.IncompleteRead) as caught:
        get(site, "/truncated.mp4")
    assert caught.value.partial == MP4[1]
    assert caught.value.expected == len(MP4[1])


def test_slow_file_takes_its_time(site: MediaSite) -> None:
    started = time.monotonic()
    assert get(site, "/slow/x.mp4?seconds=0.5")[1] == MP4[1]
    assert 0.4 < time.monotonic() - started < 5


def test_site_without_ffmpeg_still_has_the_clip(tmp_path: Path) -> None:
    with MediaSite(tmp_path, ffmpeg=None) as own:
        for path in ("/clip.mp4", "/clip/a.mp4", "/flaky/a.mp4?fails=0", "/slow/a.mp4?seconds=0"):
            assert get(own, path)[1] == MP4[1]
        for path in ("/audio.m4a", "/hls/master.m3u8", "/dash/manifest.mpd", "/gif.mp4"):
            response, body = get(own, path)
            assert (response.status, body) == (503, b"needs ffmpeg")


@pytest.mark.usefixtures("needs_ffmpeg")
def test_clips_are_generated_by_several_runs_at_once(tmp_path: Path) -> None:
    runs = [Clips(tmp_path) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        paths = list(pool.map(lambda run: run.path("gif.mp4"), runs))
    assert len(set(paths)) == 1
    assert paths[0].stat().st_size > 1000
    assert [path.name for path in paths[0].parent.parent.iterdir()] == ["gif.mp4"]
