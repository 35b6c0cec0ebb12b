"""What ffmpeg fetches by itself: through the judge alone, and only what yt-dlp cannot."""

from __future__ import annotations

import functools
import json
import os
import socket
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import certifi
import pytest

from tests.hostile.tools import tell, told, without_guard, without_landlock
from tests.hostile.web import Answer, Handler, Web, content, redirect
from tests.sandbox import tls_proxy
from tests.sandbox.clips import SAMPLE
from tests.sandbox.patience import PATIENCE_S
from tests.sandbox.tls_proxy import CutOff, ResetBehind
from tests.support import sample_aes
from tests.support.download_limits import limits_with
from tests.support.downloads_harness import Worker, worker
from tests.support.media import make, probe
from tests.support.networks import NETWORKS
from tests.support.process_kit import wait_until
from tests.support.tls_sites import TlsSites, file, status
from worker.downloads.confinement import programs
from worker.downloads.confinement.egress_guard import THROUGH_THE_JUDGE
from worker.downloads.confinement.network import Network
from worker.downloads.media import fetching, ffmpeg
from worker.downloads.media.fetching import Completeness, Container, RemoteStream
from worker.downloads.media.program_run import ProgramFailed, ProgramLimits
from worker.errors import Fault, JobError, Reason
from worker.processes import process_table

SITE = "site.example"
SOUND = f"https://{SITE}/sound.m3u8"
FORMAT = "-c copy -hls_time 1 -hls_list_size 0"
M3U8, TS = "application/vnd.apple.mpegurl", "video/mp2t"

NO_LINGER = struct.pack("ii", 1, 0)

CONFINED = [each for each in NETWORKS if each.values != (Network.NONE,)]

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")


@pytest.fixture(scope="module")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Playlists of three pieces of a second each, with all that they name.

    yt-dlp cannot decrypt `sound`; the other two are in the clear.
    """
    home = tmp_path_factory.mktemp("hls")
    sample_aes.make_playlist(home, key="key")
    make(home / "film.m3u8", FORMAT)
    make(home / "parts.m3u8", f"{FORMAT} -hls_segment_type fmp4 -hls_fmp4_init_filename head.mp4")
    return {path.name: path.read_bytes() for path in home.iterdir()} | {"key": sample_aes.KEY}


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory, pieces: dict[str, bytes]
) -> Iterator[TlsSites]:
    with TlsSites(tmp_path_factory.mktemp("sites"), [SITE]) as made:
        for name, data in pieces.items():
            kind = M3U8 if name.endswith("m3u8") else TS
            made.answers[f"{SITE}/{name}$"] = file(data, kind)
        yield made


@pytest.fixture
def sites(running: TlsSites) -> Iterator[TlsSites]:
    kept = dict(running.answers)
    running.requests.clear()
    yield running
    running.answers = kept


@pytest.fixture(scope="module")
def warm(running: TlsSites, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    prepare = functools.partial(tls_proxy.trust, running.certificate)
    with worker(tmp_path_factory.mktemp("downloads"), prepare=prepare) as made:
        yield made


@pytest.mark.parametrize("network", CONFINED)
@pytest.mark.parametrize("scheme", ["https", "http"])
def test_a_stream_that_yt_dlp_cannot_fetch_comes_by_ffmpeg(
    warm: Worker, sites: TlsSites, scheme: str, network: Network
) -> None:
    rules = limits_with(proxy=sites.proxy, network=network)
    media = warm.run(SOUND.replace("https", scheme), rules).media
    found = probe(media.path)
    assert found.duration_s == pytest.approx(3.0, abs=0.2)
    assert found.audio == "aac"
    assert complaints_about(media.path) == ""
    assert f"{SITE}/key" in sites.requests


def complaints_about(path: str) -> str:
    """What ffmpeg says of a file while it decodes it."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", path, "-f", "null", "-"]
    return subprocess.run(command, capture_output=True, check=False, text=True).stderr


@pytest.mark.negative
def test_what_is_not_decrypted_is_complained_about(
    pieces: dict[str, bytes], tmp_path: Path
) -> None:
    (tmp_path / "sound.ts").write_bytes(pieces["sound0.ts"])
    assert complaints_about(f"{tmp_path}/sound.ts") != ""


def test_where_native_code_is_not_confined_it_does_not_come(warm: Worker, sites: TlsSites) -> None:
    rules = limits_with(proxy=sites.proxy, network=Network.NONE)
    assert warm.run(SOUND, rules).error.reason is Reason.NO_FORMAT
    assert set(sites.requests) == {f"{SITE}/sound.m3u8"}


@pytest.mark.parametrize(
    ("before", "behind"),
    [
        (b'KEYFORMAT="com.example.drm",', b""),
        (b"", b',KEYFORMAT="com.example.drm"'),
        (b"", b"-CTR"),
    ],
)
def test_a_key_that_keeps_people_out_is_not_left_to_ffmpeg(
    warm: Worker, sites: TlsSites, before: bytes, behind: bytes
) -> None:
    text = pieces_of(sites, "sound.m3u8")
    drm = text.replace(b"METHOD=", before + b"METHOD=").replace(b",URI", behind + b",URI")
    sites.answers = {f"{SITE}/sound.m3u8": file(drm, M3U8)} | sites.answers
    error = warm.run(SOUND, limits_with(proxy=sites.proxy)).error
    assert error.reason is Reason.DRM
    assert set(sites.requests) == {f"{SITE}/sound.m3u8"}


def pieces_of(sites: TlsSites, name: str) -> bytes:
    return sites.answers[f"{SITE}/{name}$"]("")[2]


@pytest.mark.parametrize("missing", ["sound1.ts", "sound2.ts", "key"])
def test_what_lacks_a_piece_is_not_passed_for_whole(
    warm: Worker, sites: TlsSites, missing: str
) -> None:
    sites.answers = {f"{SITE}/{missing}": status(404)} | sites.answers
    error = warm.run(SOUND, limits_with(proxy=sites.proxy)).error
    assert (error.reason, error.fault) == (Reason.BROKEN_FILE, Fault.RETRYABLE), error
    assert "sound" not in error.detail


@pytest.mark.parametrize("cut", [CutOff, ResetBehind])
@pytest.mark.parametrize("name", ["sound0.ts", "sound1.ts", "sound2.ts"])
def test_what_lacks_a_part_of_a_piece_is_not_passed_for_whole(
    warm: Worker, sites: TlsSites, name: str, cut: type[CutOff]
) -> None:
    sites.answers = {f"{SITE}/{name}": file(cut(pieces_of(sites, name)), TS)} | sites.answers
    error = warm.run(SOUND, limits_with(proxy=sites.proxy)).error
    assert (error.reason, error.fault) == (Reason.NETWORK, Fault.RETRYABLE), error


def test_what_grows_too_large_ends(warm: Worker, sites: TlsSites) -> None:
    rules = limits_with(proxy=sites.proxy, max_file_bytes=20_000)
    assert warm.run(SOUND, rules).error.reason is Reason.TOO_LARGE


def _fetch(task: Any, rules: Any, report: Any, extractors: Any) -> None:
    taken: list[bytes] = []
    container = Container.MP4 if "parts" in task.url else Container.MPEG_TS
    options = {"live_start_index": "0"}
    source = RemoteStream(task.url, ca_file=certifi.where(), idle_timeout_s=5, options=options)
    length_s = 2.0 if "live" in task.url else None
    limits = ProgramLimits(20, 1 << 29)
    done = fetching.fetch(source, container, taken.append, limits, length_s)
    path = Path("fetched")
    path.write_bytes(b"".join(taken))
    found = ffmpeg.probe_result(ffmpeg.start_probe(path))
    codecs = [stream["codec_name"] for stream in found["streams"]]
    seconds = round(float(found["format"]["duration"]))
    tell(is_whole=done is Completeness.WHOLE, codecs=codecs, s=seconds)


@pytest.mark.parametrize("name", ["film", "parts"])
@pytest.mark.parametrize("scheme", ["https", "http"])
def test_a_stream_of_either_kind_comes_through_the_pipe(
    warm: Worker, sites: TlsSites, name: str, scheme: str
) -> None:
    rules = limits_with(proxy=sites.proxy)
    error = warm.run(f"{scheme}://{SITE}/{name}.m3u8", rules, _fetch).error
    assert json.loads(error.detail) == {"is_whole": True, "codecs": ["h264", "aac"], "s": 3}


def test_a_live_stream_is_fetched_for_so_long(warm: Worker, sites: TlsSites) -> None:
    endless = pieces_of(sites, "film.m3u8").replace(b"#EXT-X-ENDLIST\n", b"")
    sites.answers = {f"{SITE}/live.m3u8": file(endless, M3U8)} | sites.answers
    error = warm.run(f"https://{SITE}/live.m3u8", limits_with(proxy=sites.proxy), _fetch).error
    assert json.loads(error.detail) == {"is_whole": True, "codecs": ["h264", "aac"], "s": 2}


@pytest.mark.parametrize("host", ["127.0.0.1", "other.example"])
def test_a_certificate_for_another_is_not_believed(
    warm: Worker, sites: TlsSites, host: str
) -> None:
    rules = limits_with(proxy=sites.proxy)
    error = warm.run(f"https://{host}:8443/film.m3u8", rules, _fetch).error
    assert error.reason is not Reason.NO_MEDIA
    assert sites.requests == []


# ------------------------------------------------------------------- by a stranger's playlist


@pytest.fixture
def web() -> Iterator[Web]:
    with Web() as web:
        yield web


@pytest.fixture
def inside(web: Web) -> Iterator[Web]:
    with Web("127.0.0.2", web.port) as inside:
        inside.otherwise = content(SAMPLE.read_bytes(), "video/mp4")
        yield inside


def a_piece(text: str, target: str) -> str:
    return text.replace("sound1.ts", target)


def the_first_piece(text: str, target: str) -> str:
    return text.replace("sound0.ts", target)


def a_key(text: str, target: str) -> str:
    return text.replace('"key"', f'"{target}"')


def a_head(text: str, target: str) -> str:
    return text.replace("#EXTINF", f'#EXT-X-MAP:URI="{target}"\n#EXTINF', 1)


PLACES = [a_piece, the_first_piece, a_key, a_head]


def put(web: Web, pieces: dict[str, bytes], change: Callable[[str], str]) -> str:
    for name, data in pieces.items():
        web.answers[f"/{name}"] = content(data, TS)
    text = change(pieces["sound.m3u8"].decode())
    web.answers["/a.m3u8"] = content(text, M3U8)
    return f"{web.url}/a.m3u8"


@pytest.mark.parametrize("network", CONFINED)
@pytest.mark.parametrize("place", PLACES)
def test_no_playlist_leads_ffmpeg_inside(
    warm: Worker,
    web: Web,
    inside: Web,
    pieces: dict[str, bytes],
    place: Callable[[str, str], str],
    network: Network,
) -> None:
    link = put(web, pieces, lambda text: place(text, f"{inside.url}/x.ts"))
    error = warm.run(link, limits_with(network=network)).error
    assert (error.reason, error.fault) == (Reason.REFUSED_ADDRESS, Fault.PERMANENT)
    assert inside.hits == []


@pytest.mark.parametrize("sent", [None, 0, 3_000])
def test_a_piece_that_falls_silent_is_the_sites_silence(
    warm: Worker, web: Web, pieces: dict[str, bytes], sent: int | None
) -> None:
    link = put(web, pieces, lambda text: text)
    web.answers["/sound1.ts"] = silent_behind(web, pieces["sound1.ts"], sent)
    error = warm.run(link, limits_with(idle_timeout_s=2.0)).error
    assert (error.reason, error.fault) == (Reason.STALLED, Fault.RETRYABLE), error
    assert "/sound2.ts" not in web.hits


def silent_behind(web: Web, data: bytes, sent: int | None) -> Answer:
    """So much of the data, or not even a head, and then nothing."""

    def answer(handler: Handler) -> None:
        if sent is not None:
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(data)))
            handler.end_headers()
            handler.wfile.write(data[:sent])
        web.stopping.wait(PATIENCE_S)

    return answer


@pytest.mark.parametrize("is_reset", [False, True])
def test_a_part_of_a_piece_in_the_clear_is_not_passed_for_whole(
    warm: Worker, web: Web, pieces: dict[str, bytes], is_reset: bool
) -> None:
    link = put(web, pieces, lambda text: text)
    web.answers["/sound1.ts"] = cut_behind(pieces["sound1.ts"], is_reset=is_reset)
    assert warm.run(link, limits_with()).error.reason is Reason.NETWORK


def cut_behind(data: bytes, *, is_reset: bool) -> Answer:
    """A thousand bytes of the data, and then the end of the connection, or a reset."""

    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data[:1000])
        handler.close_connection = True
        if is_reset:
            # Closed by its number: a server shuts a socket down first, which is an orderly end.
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
            os.close(handler.connection.detach())

    return answer


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_piece_whose_host_is_not_reached_is_no_broken_file(
    warm: Worker, web: Web, pieces: dict[str, bytes], scheme: str
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        target = f"{scheme}://127.0.0.1:{closed.getsockname()[1]}/x.ts"
        link = put(web, pieces, lambda text: a_piece(text, target))
        error = warm.run(link, limits_with()).error
    assert (error.reason, error.fault) == (Reason.NETWORK, Fault.RETRYABLE), error


def test_no_redirect_leads_ffmpeg_inside(
    warm: Worker, web: Web, inside: Web, pieces: dict[str, bytes]
) -> None:
    link = put(web, pieces, lambda text: text)
    web.answers["/sound1.ts"] = redirect(f"{inside.url}/x.ts")
    assert warm.run(link, limits_with()).error.reason is Reason.REFUSED_ADDRESS
    assert inside.hits == []


@pytest.mark.parametrize(
    "target",
    [
        "file://{home}/secret.ts",
        "{home}/secret.ts",
        "concat:{home}/secret.ts",
        "subfile,,start,0,end,9,,:{home}/secret.ts",
        "pipe:0",
        "fd:",
        "tcp://127.0.0.2:{port}",
        "tls://127.0.0.2:{port}",
        "udp://127.0.0.2:{port}",
        "rtmp://127.0.0.2:{port}/x",
        "rtsp://127.0.0.2:{port}/x",
        "mmsh://127.0.0.2:{port}/x",
        "ftp://127.0.0.2:{port}/x.ts",
        "gopher://127.0.0.2:{port}/x.ts",
        "httpproxy://127.0.0.2:{port}/x",
        "unix:{home}/socket",
        "data:video/mp2t;base64,AAAA",
    ],
)
def test_no_scheme_but_the_webs_leads_ffmpeg_anywhere(
    warm: Worker, web: Web, inside: Web, pieces: dict[str, bytes], tmp_path: Path, target: str
) -> None:
    (tmp_path / "secret.ts").write_bytes(pieces["sound1.ts"])
    named = target.format(home=tmp_path, port=inside.port)
    outcome = warm.run(put(web, pieces, lambda text: a_piece(text, named)), limits_with())
    assert isinstance(outcome.result, JobError)
    assert inside.hits == []


# ------------------------------------------------------------------- what ffmpeg itself may do


def _fetch_past_the_judge(task: Any, rules: Any, report: Any, extractors: Any) -> None:
    """Have ffmpeg connect by itself, as if it knew of no proxy."""
    vars(programs)["_as_http"] = lambda _proxy: ""
    tell(came=_comes(task.url))


def _comes(url: str) -> bool:
    source = RemoteStream(url, ca_file="/dev/null", idle_timeout_s=5)
    taken: list[bytes] = []
    try:
        fetching.fetch(source, Container.MPEG_TS, taken.append, ProgramLimits(20, 1 << 29))
    except (ProgramFailed, PermissionError):
        return False
    return bool(taken)


@pytest.mark.parametrize("network", NETWORKS)
def test_past_the_judge_ffmpeg_finds_nobody(
    warm: Worker, inside: Web, network: Network, pieces: dict[str, bytes]
) -> None:
    assert not _past_the_judge(warm, inside, pieces, network)
    assert inside.hits == []


def _past_the_judge(
    made: Worker, inside: Web, pieces: dict[str, bytes], network: Network
) -> object:
    link = put(inside, pieces, lambda text: text)
    rules = limits_with(network=network, allowed_networks=("127.0.0.0/8",))
    error = made.run(link, rules, _fetch_past_the_judge).error
    return json.loads(error.detail)["came"]


def _let_it_connect() -> None:
    without_guard()
    without_landlock()
    bind = programs.bind
    vars(programs)["bind"] = lambda proxy: bind(proxy or "socks5h://nobody")


@pytest.mark.negative
def test_where_nothing_keeps_it_ffmpeg_passes_by_the_judge(
    inside: Web, pieces: dict[str, bytes], tmp_path: Path
) -> None:
    with worker(tmp_path / "downloads", prepare=_let_it_connect, is_cold=True) as weak:
        assert _past_the_judge(weak, inside, pieces, Network.NONE)
    assert "/sound1.ts" in inside.hits


@pytest.mark.parametrize("network", CONFINED)
def test_ps_shows_neither_the_secret_nor_the_address(
    warm: Worker, web: Web, pieces: dict[str, bytes], network: Network
) -> None:
    link = put(web, pieces, lambda text: text)
    web.answers["/sound1.ts"] = lambda _: web.stopping.wait(PATIENCE_S)  # type: ignore[assignment]
    warm.begin(link, limits_with(network=network))
    wait_until(lambda: "/sound1.ts" in web.hits)
    (found,) = [each for each in process_table.descendants(warm.pid) if each.name == "ffmpeg"]
    place = Path(f"/proc/{found.pid}")
    arguments = (place / "cmdline").read_text().split("\0")
    environment = dict(
        entry.split("=", 1) for entry in (place / "environ").read_text().split("\0") if entry
    )
    warm.stop_job()
    assert warm.finish().result is None
    secret = urlsplit(environment["http_proxy"]).password
    assert secret
    assert [name for name, value in environment.items() if secret in value] == ["http_proxy"]
    assert "-protocol_whitelist" in arguments
    assert [word for word in arguments if "://" in word or secret in word or "a.m3u8" in word] == []


def _start_another_program(task: Any, rules: Any, report: Any, extractors: Any) -> None:
    """A program that is not to fetch has no sockets, whatever its environment says."""
    proxied = {"http_proxy": rules.proxy}
    code = "import os, socket; print(*[k for k in os.environ if 'proxy' in k]); socket.socket()"
    command = ["python3", "-S", "-c", code, *THROUGH_THE_JUDGE, "-i", "-"]
    done = subprocess.run(command, env=proxied, capture_output=True, text=True, check=False)
    try:
        subprocess.run(["ffmpeg", *THROUGH_THE_JUDGE, "-i", "-", "-i", "-"], check=False)
        is_refused = False
    except PermissionError:
        is_refused = True
    tell(out=done.stdout.strip(), failed="Permission" in done.stderr, is_refused=is_refused)


def test_no_other_program_gets_the_way_out(warm: Worker) -> None:
    found = told(warm, _start_another_program)
    assert found == {"out": "", "failed": True, "is_refused": True}
