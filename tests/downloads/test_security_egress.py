"""Where a download may go: attacks on the real yt-dlp, and what another program may open.

The stranger's site is at 127.0.0.1, which the tests allow; 127.0.0.2 stands for the machine's
own network, and keeps account of who came in.
"""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.addresses import NOT_PUBLIC, NUMERIC
from tests.hostile.manifests import M3U8, SECRET, a_redirect, playlist
from tests.hostile.tools import LINK, tell, told, without_guard, without_landlock
from tests.hostile.web import Web, content, redirect
from tests.sandbox.site import MediaSite
from tests.support.download_limits import LIMITS, limits_with
from tests.support.downloads_harness import Worker, worker
from tests.support.exhaustive import some_of
from tests.support.judges import allow_everything
from tests.support.networks import NETWORKS, ONE_NETWORK
from worker.downloads.confinement import landlock, seccomp
from worker.downloads.confinement.network import Network
from worker.downloads.media import ffmpeg
from worker.downloads.media.program_run import ProgramFailed
from worker.errors import Fault, Reason


@pytest.fixture(scope="module")
def cold(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with worker(tmp_path_factory.mktemp("hostile"), is_cold=True) as made:
        yield made


# ----------------------------------------------------------------- attacks on the real yt-dlp


def _manifest(web: Web, path: str, text: str, kind: str = M3U8) -> str:
    web.answers[path] = content(text, kind)
    return web.url + path


def _page(web: Web, body: str) -> str:
    return _manifest(web, "/page", f"<html><head><title>t</title>{body}</html>", "text/html")


def redirects_in_a_row(web: Web, inside: str) -> str:
    web.answers |= {"/1": redirect("/2"), "/2": redirect("/3"), "/3": redirect(inside)}
    return web.url + "/1"


def a_redirect_to_a_number(web: Web, inside: str) -> str:
    return a_redirect(web, inside.replace("127.0.0.2", "2130706434"))


def a_redirect_to_a_mapped_address(web: Web, inside: str) -> str:
    return a_redirect(web, inside.replace("127.0.0.2", "[::ffff:127.0.0.2]"))


def a_name_that_leads_inside(web: Web, inside: str) -> str:
    return a_redirect(web, inside.replace("127.0.0.2", "inside.example"))


def a_name_that_changes(web: Web, inside: str) -> str:
    # The page is the stranger's, and so is its name, until it is asked a second time.
    web.answers[SECRET] = content(bytes(5000), "video/mp4")
    return f"http://{web.port}.changes.example:{web.port}{SECRET}"


def a_segment(web: Web, inside: str) -> str:
    return _manifest(web, "/a.m3u8", playlist("#EXTINF:1,", inside))


def a_redirected_segment(web: Web, inside: str) -> str:
    web.answers["/0.ts"] = redirect(inside)
    return _manifest(web, "/a.m3u8", playlist("#EXTINF:1,", "0.ts"))


def a_variant(web: Web, inside: str) -> str:
    stream = "#EXT-X-STREAM-INF:BANDWIDTH=1000,RESOLUTION=320x240"
    return _manifest(web, "/a.m3u8", f"#EXTM3U\n{stream}\n{inside}\n")


def a_key(web: Web, inside: str) -> str:
    web.answers["/0.ts"] = content(bytes(1024), "video/mp2t")
    key = f'#EXT-X-KEY:METHOD=AES-128,URI="{inside}"'
    return _manifest(web, "/a.m3u8", playlist(key, "#EXTINF:1,", "0.ts"))


def a_dash_base(web: Web, inside: str) -> str:
    text = f"""<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S">
<Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1000" width="320"
height="240" codecs="avc1.4d401f"><BaseURL>{inside}</BaseURL></Representation></AdaptationSet>
</Period></MPD>"""
    return _manifest(web, "/a.mpd", text, "application/dash+xml")


def a_video_tag(web: Web, inside: str) -> str:
    return _page(web, f'</head><body><video src="{inside}"></video></body>')


def an_open_graph_video(web: Web, inside: str) -> str:
    tags = f'<meta property="og:video" content="{inside}">'
    return _page(web, f'{tags}<meta property="og:title" content="t"></head><body></body>')


def a_refresh(web: Web, inside: str) -> str:
    return _page(web, f'<meta http-equiv="refresh" content="0; url={inside}"></head><body></body>')


def linked_data(web: Web, inside: str) -> str:
    data = {"@context": "http://schema.org", "@type": "VideoObject", "contentUrl": inside}
    script = json.dumps(data | {"name": "t"})
    return _page(web, f'<script type="application/ld+json">{script}</script></head>')


def a_feed(web: Web, inside: str) -> str:
    item = f'<item><title>t</title><link>{inside}</link><enclosure url="{inside}"/></item>'
    text = f'<?xml version="1.0"?><rss version="2.0"><channel>{item}</channel></rss>'
    return _manifest(web, "/feed", text, "application/rss+xml")


Attack = Callable[[Web, str], str]
ATTACKS: tuple[Attack, ...] = (
    *(a_redirect, redirects_in_a_row, a_redirect_to_a_number, a_redirect_to_a_mapped_address),
    *(a_name_that_leads_inside, a_name_that_changes),
    *(a_segment, a_redirected_segment, a_variant, a_key, a_dash_base),
    *(a_video_tag, an_open_graph_video, a_refresh, linked_data, a_feed),
)


def resolve_as_the_stranger_wants() -> None:
    """Put a resolver of the test's into the judge."""
    real = socket.getaddrinfo
    asked: list[object] = []

    def getaddrinfo(host: Any, *args: Any, **options: Any) -> Any:
        if host == "inside.example":
            host = "127.0.0.2"
        elif str(host).endswith(".changes.example"):
            asked.append(host)
            host = "127.0.0.1" if asked.count(host) == 1 else "127.0.0.2"
        return real(host, *args, **options)

    vars(socket)["getaddrinfo"] = getaddrinfo


def resolve_and_allow() -> None:
    resolve_as_the_stranger_wants()
    allow_everything()


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    home = tmp_path_factory.mktemp("guarded")
    with worker(home, prepare_judge=resolve_as_the_stranger_wants) as made:
        yield made


@pytest.fixture(scope="module")
def unguarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    home = tmp_path_factory.mktemp("unguarded")
    with worker(home, prepare=without_guard, prepare_judge=resolve_and_allow) as made:
        yield made


@pytest.fixture
def web() -> Iterator[Web]:
    with Web() as web:
        yield web


@pytest.fixture
def inside(web: Web) -> Iterator[Web]:
    # At the same port, for a name that changes leads from the one to the other.
    with Web("127.0.0.2", web.port) as inside:
        inside.answers[SECRET] = content(bytes(5000), "video/mp4")
        yield inside


@pytest.mark.parametrize("kept_by", ONE_NETWORK)
@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_does_not_reach_inside(
    attack: Attack, kept_by: Network, warm: Worker, web: Web, inside: Web
) -> None:
    limits = limits_with(network=kept_by)
    error = warm.run(attack(web, inside.url + SECRET), limits).error
    assert (error.reason, error.fault) == (Reason.REFUSED_ADDRESS, Fault.PERMANENT), error.detail
    assert web.hits
    assert inside.hits == []


@pytest.mark.negative
@pytest.mark.parametrize(
    "attack", some_of(ATTACKS, kept=(a_redirect, a_name_that_changes, a_segment, a_video_tag))
)
def test_without_a_judgement_the_same_attack_does(
    attack: Attack, unguarded: Worker, web: Web, inside: Web
) -> None:
    unguarded.run(attack(web, inside.url + SECRET), LIMITS)
    assert inside.hits


# ------------------------------------------------------------------- every address, every socket


def _connect_everywhere(task: Any, rules: Any, report: Any, extractors: Any) -> None:
    reached = []
    for address in (*NOT_PUBLIC, *NUMERIC):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            try:
                made = socket.socket(family, kind)
            except PermissionError:
                continue
            with made:
                try:
                    # As a resolver reads it; a scope is no part of an address.
                    host = address if ":" in address else socket.inet_ntoa(_read(address))
                    made.settimeout(0.01)
                    made.connect((host.partition("%")[0], 80))
                    reached.append(address)
                except PermissionError as error:
                    if "egress guard" not in str(error):
                        reached.append(address)
                except OSError:
                    reached.append(address)
    tell(reached=reached)


def _read(address: str) -> bytes:
    info = socket.getaddrinfo(address, 80, socket.AF_INET, socket.SOCK_STREAM)
    return socket.inet_aton(str(info[0][4][0]))


@pytest.mark.parametrize("kept_by", NETWORKS)
def test_no_address_that_is_not_public_is_connected_to(cold: Worker, kept_by: Network) -> None:
    limits = limits_with(allowed_networks=(), network=kept_by)
    error = cold.run("http://1.1.1.1/", limits, _connect_everywhere).error
    assert json.loads(error.detail) == {"reached": []}


def _make_sockets(task: Any, rules: Any, report: Any, extractors: Any) -> None:
    own = Path("own.sock").absolute()
    makers: dict[str, Callable[[], object]] = {
        "listening": lambda: socket.create_server(("127.0.0.1", 0)).close(),
        "a socket file": lambda: socket.socket(socket.AF_UNIX).bind(str(own)),
        "an abstract socket": lambda: socket.socket(socket.AF_UNIX).bind("\0of-a-download"),
        "raw": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
        "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
    }
    made = []
    for name, make in makers.items():
        try:
            make()
            made.append(name)
        except PermissionError:
            continue
    tell(made=made)


@pytest.mark.parametrize("kept_by", NETWORKS)
def test_no_socket_but_to_the_web_is_made(cold: Worker, kept_by: Network) -> None:
    assert told(cold, _make_sockets, network=kept_by) == {"made": []}


def _free() -> None:
    without_guard()
    without_landlock()


@pytest.mark.negative
def test_without_the_guard_any_socket_is_made(tmp_path: Path) -> None:
    with worker(tmp_path, prepare=_free, is_cold=True) as weak:
        made = told(weak, _make_sockets)["made"]
    assert set(made) | {"raw"} == {
        "listening",
        "a socket file",
        "an abstract socket",
        "raw",
        "netlink",
    }


# --------------------------------------------------------------------------- other programs


def _fetch_with_ffmpeg(task: Any, rules: Any, report: Any, extractors: Any) -> None:
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", task.url, "-c", "copy", "media.mp4"]
    subprocess.run(command, check=True)
    tell(fetched=True)


def _fetch_by_a_list(task: Any, rules: Any, report: Any, extractors: Any) -> None:
    """No argument is a URL: it stands in a file that ffmpeg, started by another, is to read."""
    Path("list.txt").write_text(f"file '{task.url}'\n")
    command = ["nice", "-n0", "ffmpeg", "-v", "error", "-nostdin", "-f", "concat", "-safe", "0"]
    command += ["-protocol_whitelist", "file,http,tcp", "-i", "list.txt", "-c", "copy", "media.mp4"]
    tell(fetched=subprocess.run(command, check=False, capture_output=True).returncode == 0)


@pytest.mark.usefixtures("needs_ffmpeg")
def test_ffmpeg_is_given_no_url(cold: Worker) -> None:
    error = cold.run(LINK, LIMITS, _fetch_with_ffmpeg).error
    assert (error.reason, error.fault) == (Reason.NO_FORMAT, Fault.PERMANENT)


@pytest.mark.usefixtures("needs_ffmpeg")
@pytest.mark.skipif(
    landlock.abi() < landlock.TCP_ABI and not seccomp.is_offered(),
    reason="needs Landlock's ABI 4 or seccomp",
)
def test_ffmpeg_has_no_network_even_so(cold: Worker, site: MediaSite) -> None:
    error = cold.run(f"{site.url}/clip.mp4", LIMITS, _fetch_by_a_list).error
    assert json.loads(error.detail) == {"fetched": False}


@pytest.mark.usefixtures("needs_ffmpeg")
@pytest.mark.negative
@pytest.mark.parametrize("fetch", [_fetch_with_ffmpeg, _fetch_by_a_list])
def test_without_the_guard_ffmpeg_fetches_what_it_likes(
    site: MediaSite, tmp_path: Path, fetch: Any
) -> None:
    with worker(tmp_path, prepare=without_guard, is_cold=True) as weak:
        weak.begin(f"{site.url}/clip.mp4", limits_with(network=Network.NONE), fetch)
        assert json.loads(weak.finish().error.detail) == {"fetched": True}


PLAYLIST_THAT_READS = """#EXTM3U
#EXT-X-TARGETDURATION:1
#EXTINF:1,
{target}
#EXT-X-ENDLIST
"""


def _probe(task: Any, rules: Any, report: Any, extractors: Any) -> None:
    """A playlist that calls itself a video, for ffprobe as the product starts it."""
    Path("media.mp4").write_text(PLAYLIST_THAT_READS.format(target=task.url))
    try:
        ffmpeg.probe_result(ffmpeg.start_probe(Path("media.mp4")))
    except ProgramFailed as failure:
        tell(said=str(failure))


@pytest.mark.usefixtures("needs_ffmpeg")
def test_a_playlist_in_a_videos_clothes_is_not_read(cold: Worker, web: Web) -> None:
    assert "said" in json.loads(cold.run(f"{web.url}/0.ts", LIMITS, _probe).error.detail)
    assert web.hits == []


def _allow_all_in_ffmpeg() -> None:
    without_guard()
    ffmpeg.INPUT_LIMITS = ("-protocol_whitelist", "file,http,tcp,hls", "-f", "hls")


@pytest.mark.usefixtures("needs_ffmpeg")
@pytest.mark.negative
def test_without_its_lists_ffprobe_follows_the_playlist(web: Web, tmp_path: Path) -> None:
    with worker(tmp_path, prepare=_allow_all_in_ffmpeg, is_cold=True) as weak:
        weak.run(f"{web.url}/0.ts", limits_with(network=Network.NONE), _probe)
    assert "/0.ts" in web.hits
