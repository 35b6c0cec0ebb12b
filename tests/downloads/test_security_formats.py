"""What a format can be made to mean: manifests, streams and names that ask for more than media.

Attacks on the real yt-dlp and ffmpeg, on a kernel without Landlock: what stops them must not be
the last line of defence.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.manifests import M3U8, SECRET, a_redirect, playlist
from tests.hostile.tools import without_guard, without_landlock
from tests.hostile.web import Web, content, redirect
from tests.sandbox.clips import SAMPLE
from tests.support.cookie_jar import jar
from tests.support.download_limits import LIMITS, limits_with
from tests.support.downloads_harness import Outcome, Worker, worker
from tests.support.exhaustive import in_full, some_of
from tests.support.media import make, probe
from worker.downloads.ytdlp import options
from worker.downloads.ytdlp.transfer.span_downloader import SpanYoutubeDL
from worker.errors import JobError, Reason
from worker.protocol import MediaKind

DASH, MP4 = "application/dash+xml", "video/mp4"
MARK = b"what-a-stranger-must-not-see"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where downloads have their directories, and beside them something of somebody else's."""
    home = tmp_path_factory.mktemp("home")
    (home / "secret").write_bytes(MARK)
    return home


@pytest.fixture(scope="module")
def warm(home: Path) -> Iterator[Worker]:
    with worker(home, prepare=without_landlock) as made:
        yield made


@pytest.fixture
def web() -> Iterator[Web]:
    with Web() as web:
        web.answers["/0.ts"] = content(bytes(1024), "video/mp2t")
        yield web


@pytest.fixture
def inside(web: Web) -> Iterator[Web]:
    with Web("127.0.0.2", web.port) as inside:
        inside.answers[SECRET] = content(MARK, MP4)
        yield inside


def put(web: Web, path: str, body: bytes | str, kind: str) -> str:
    web.answers[path] = content(body, kind)
    return web.url + path


# ------------------------------------------------------------- addresses that are none of the web's


def _segment(web: Web, target: str) -> str:
    return put(web, "/a.m3u8", playlist("#EXTINF:1,", target), M3U8)


def _key(web: Web, target: str) -> str:
    key = f'#EXT-X-KEY:METHOD=AES-128,URI="{target}"'
    return put(web, "/a.m3u8", playlist(key, "#EXTINF:1,", "0.ts"), M3U8)


def _map(web: Web, target: str) -> str:
    return put(web, "/a.m3u8", playlist(f'#EXT-X-MAP:URI="{target}"', "#EXTINF:1,", "0.ts"), M3U8)


def _variant(web: Web, target: str) -> str:
    stream = "#EXT-X-STREAM-INF:BANDWIDTH=1000,RESOLUTION=320x240"
    return put(web, "/a.m3u8", f"#EXTM3U\n{stream}\n{target}\n", M3U8)


def _base(web: Web, target: str) -> str:
    return put(web, "/a.mpd", mpd(("video/mp4", target)), DASH)


def _video_tag(web: Web, target: str) -> str:
    tag = f'<video src="{target}" type="video/mp4"></video>'
    return put(
        web, "/page", f"<html><head><title>t</title></head><body>{tag}</body></html>", "text/html"
    )


def _redirect(web: Web, target: str) -> str:
    return a_redirect(web, target)


def mpd(*streams: tuple[str, str]) -> str:
    sets = "".join(
        f'<AdaptationSet mimeType="{kind}"><Representation id="{number}" bandwidth="1000" '
        f'codecs="{"mp4a.40.2" if "audio" in kind else "avc1.4d401f"}">'
        f"<BaseURL>{target}</BaseURL></Representation></AdaptationSet>"
        for number, (kind, target) in enumerate(streams)
    )
    return (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        f'mediaPresentationDuration="PT3S"><Period>{sets}</Period></MPD>'
    )


PLACES: tuple[Callable[[Web, str], str], ...] = (
    *(_segment, _key, _map, _variant, _base, _video_tag, _redirect),
)
TARGETS = (
    "file://{home}/secret",
    "FILE:{home}/secret",
    "file://localhost{home}/secret",
    "{home}/secret",
    "concat:{home}/secret",
    "subfile,,start,0,end,9,,:{home}/secret",
    "pipe:0",
    "ftp://127.0.0.2:{port}/secret.mp4",
    "gopher://127.0.0.2:{port}/secret.mp4",
    "ws://127.0.0.2:{port}/secret.mp4",
    "rtmp://127.0.0.2:{port}/secret.mp4",
    "rtsp://127.0.0.2:{port}/secret.mp4",
    "mms://127.0.0.2:{port}/secret.mp4",
    "unix:///run/docker.sock",
)


def _leaks(outcome: Outcome) -> bool:
    if isinstance(outcome.result, JobError):
        return MARK.decode() in str(outcome.result)
    return any(MARK in Path(file.path).read_bytes() for file in outcome.files)


CASES = [(place, target) for target in TARGETS for place in (_segment, _redirect)] + [
    (place, target) for place in PLACES[1:-1] for target in TARGETS[:2]
]


@pytest.mark.parametrize(("place", "target"), some_of(CASES, kept=CASES[::3]))
def test_no_scheme_but_the_webs_leads_anywhere(
    place: Callable[[Web, str], str], target: str, warm: Worker, web: Web, inside: Web, home: Path
) -> None:
    outcome = warm.run(place(web, target.format(home=home, port=web.port)), LIMITS)
    assert isinstance(outcome.result, JobError)
    assert not _leaks(outcome)
    assert inside.hits == []
    assert outcome.took_s < LIMITS.timeout_s


@pytest.mark.parametrize("place", [_segment, _video_tag])
def test_data_in_an_address_is_no_way_out(
    place: Callable[[Web, str], str], warm: Worker, web: Web, home: Path
) -> None:
    """It is the page's own data, and is judged like any other."""
    outcome = warm.run(place(web, "data:video/mp4;base64,AAAA"), LIMITS)
    assert isinstance(outcome.result, JobError)


def _refuses_native(web: Web, inside: str) -> str:
    # A cipher that yt-dlp leaves to ffmpeg, and a key of which this bot does not.
    key = f'#EXT-X-KEY:METHOD=SAMPLE-AES,KEYFORMAT="of-others",URI="{inside}"'
    return put(web, "/a.m3u8", playlist(key, "#EXTINF:1,", "0.ts"), M3U8)


def test_no_manifest_brings_yt_dlp_to_give_ffmpeg_an_address(
    warm: Worker, web: Web, inside: Web
) -> None:
    error = warm.run(_refuses_native(web, inside.url + SECRET), LIMITS).error
    assert error.reason is Reason.DRM, error
    assert inside.hits == []


# ----------------------------------------------------------------------------------- XML


def test_an_entity_brings_no_file_and_no_page(
    warm: Worker, web: Web, inside: Web, home: Path
) -> None:
    for number, (kind, system) in enumerate(
        (
            ("ENTITY x SYSTEM", f"file://{home}/secret"),
            ("ENTITY x SYSTEM", inside.url + SECRET),
            ("ENTITY % x SYSTEM", inside.url + SECRET),
        )
    ):
        use = "%x;" if "%" in kind else ""
        doctype = f'<!DOCTYPE MPD [<!{kind} "{system}">{use}]>'
        head, _, rest = mpd(("video/mp4", "&x;" if not use else "a.mp4")).partition("?>")
        outcome = warm.run(put(web, f"/{number}.mpd", f"{head}?>{doctype}{rest}", DASH), LIMITS)
        assert isinstance(outcome.result, JobError)
        assert not _leaks(outcome)
    document = f'<!DOCTYPE MPD SYSTEM "{inside.url}{SECRET}">'
    head, _, rest = mpd(("video/mp4", "a.mp4")).partition("?>")
    warm.run(put(web, "/4.mpd", f"{head}?>{document}{rest}", DASH), LIMITS)
    assert inside.hits == []


# ----------------------------------------------------------------------------------- names


NAMES = (
    'attachment; filename="../../../escaped.mp4"',
    'attachment; filename="/etc/cron.d/escaped.mp4"',
    'attachment; filename="a.mp4/../../escaped"',
    'attachment; filename="-i.mp4"',
    "attachment; filename*=UTF-8''..%2F..%2Fescaped.mp4",
    'attachment; filename="a.mp4\\0.exe"',
    'attachment; filename="a.%(title)s.mp4"',
    'attachment; filename="escaped.sh"',
    'attachment; filename="cookies.txt"',
    'attachment; filename="' + "x" * 5000 + '.mp4"',
)


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_page_chooses_neither_place_nor_kind_of_the_file(
    name: str, warm: Worker, web: Web, home: Path
) -> None:
    headers = {"Content_Disposition": name}
    web.answers["/x"] = content(SAMPLE.read_bytes(), "application/octet-stream", **headers)
    outcome = warm.run(web.url + "/x", LIMITS)
    if not isinstance(outcome.result, JobError):
        path = Path(outcome.media.path)
        assert path.parent == warm.directory
        assert path.suffix == ".mp4"
    assert [path for path in home.rglob("*escaped*") if path.parent.parent != home] == []
    assert not list(Path("/etc/cron.d").glob("escaped*"))


# ------------------------------------------------------------------------------ lists as streams


def _streams_of_which_one_is_a_list(web: Web, target: Path, tmp_path: Path) -> str:
    """Pictures, and as sound a playlist of a file that is somebody else's."""
    pictures = make(tmp_path / "pictures.mp4", "-an -c copy")
    put(web, "/v.mp4", pictures.read_bytes(), MP4)
    put(web, "/a.m4a", playlist("#EXTINF:9,", f"file://{target}"), "audio/mp4")
    return put(web, "/a.mpd", mpd(("video/mp4", "v.mp4"), ("audio/mp4", "a.m4a")), DASH)


@pytest.mark.usefixtures("needs_ffmpeg")
def test_a_merge_reads_no_list(warm: Worker, web: Web, home: Path, tmp_path: Path) -> None:
    sound = make(home / "sound.ts", "-vn -c copy")
    outcome = warm.run(_streams_of_which_one_is_a_list(web, sound, tmp_path), LIMITS)
    assert isinstance(outcome.result, JobError)
    assert {"/v.mp4", "/a.m4a"} <= set(web.hits)


def _merge_anything() -> None:
    without_landlock()
    without_guard()
    real = options.for_download
    vars(options)["for_download"] = lambda *args: real(*args) | {"postprocessor_args": {}}
    # It has a list of its own for the second file.
    SpanYoutubeDL._align = lambda *_: None  # type: ignore[method-assign]


@pytest.mark.usefixtures("needs_ffmpeg")
@pytest.mark.negative
def test_without_the_lists_of_formats_a_merge_reads_any_file(web: Web, tmp_path: Path) -> None:
    sound = make(tmp_path / "sound.ts", "-vn -c copy")
    with worker(tmp_path, prepare=_merge_anything) as weak:
        media = weak.run(_streams_of_which_one_is_a_list(web, sound, tmp_path), LIMITS).media
        assert probe(media.path).audio == "aac"


LISTS: dict[str, Callable[[str], str]] = {
    "hls": lambda target: playlist("#EXTINF:9,", target),
    "dash": lambda target: mpd(("audio/mp4", target)),
    "ffconcat": lambda target: f"ffconcat version 1.0\nfile '{target}'\n",
    "sdp": lambda target: (
        f"v=0\no=- 0 0 IN IP4 127.0.0.2\nc=IN IP4 127.0.0.2\nm=audio 9 RTP/AVP 0\na={target}\n"
    ),
    "cue": lambda target: f'FILE "{target}" WAVE\n  TRACK 01 AUDIO\n    INDEX 01 00:00:00\n',
    "image sequence": lambda target: f"#!{target}%03d.png\n",
    "subtitles": lambda target: f"1\n00:00:00,000 --> 00:00:01,000\n<img src={target}>\n",
    "metadata": lambda target: f";FFMETADATA1\ntitle={target}\n",
}


@pytest.mark.usefixtures("needs_ffmpeg")
@pytest.mark.parametrize("suffix", ["mp4", in_full("png")])
@pytest.mark.parametrize("kind", LISTS)
def test_a_list_in_a_medias_clothes_is_no_media(
    kind: str, suffix: str, warm: Worker, web: Web, inside: Web, home: Path
) -> None:
    for number, target in enumerate((f"file://{home}/secret", inside.url + SECRET)):
        path = f"/{number}.{suffix}"
        outcome = warm.run(put(web, path, LISTS[kind](target), MP4), LIMITS)
        if not isinstance(outcome.result, JobError):
            assert outcome.media.facts.kind is MediaKind.DOCUMENT, "the list itself, as it is"
        assert not _leaks(outcome)
    assert inside.hits == []


# ---------------------------------------------------------------------------------- cookies


class _Cookies:
    """Notes what cookies a server is sent, under which name."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def __call__(self, handler: Any) -> None:
        name = handler.headers.get("Host", "").partition(":")[0]
        self.seen.append((name, handler.headers.get("Cookie", "")))
        content(SAMPLE.read_bytes(), MP4)(handler)


def _two_sites() -> None:
    """Both names are the stranger's server."""
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **options: Any) -> Any:
        return real("127.0.0.1" if str(host).endswith(".example") else host, *args, **options)

    vars(socket)["getaddrinfo"] = getaddrinfo


def test_a_redirect_takes_no_cookies_along(web: Web, tmp_path: Path) -> None:
    server = _Cookies()
    web.answers |= {
        "/a": redirect(f"http://other.example:{web.port}/b.mp4"),
        "/b.mp4": server,
    }
    cookies = jar(tmp_path / "jar", ".own.example", ".other.example", ".third.example")
    with worker(tmp_path, prepare_judge=_two_sites) as made:
        rules = limits_with(cookies_file=str(cookies))
        for path in ("/a", "/b.mp4"):
            made.run(f"http://own.example:{web.port}{path}", rules, cookies_always=True)
    assert ("other.example", "") in server.seen
    assert {cookie for name, cookie in server.seen if name == "other.example"} == {""}
    # Those of the link's own site are sent, so there was something to be taken along.
    assert ("own.example", "name=value") in server.seen
