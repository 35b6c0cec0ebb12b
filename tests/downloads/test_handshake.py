"""Sites that answer a browser's TLS handshake alone, against stand-ins that end all others."""

from __future__ import annotations

import functools
import json
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from yt_dlp.networking.common import Request
from yt_dlp.networking.exceptions import TransportError
from yt_dlp.networking.impersonate import ImpersonateTarget
from yt_dlp.utils import ExtractorError

from tests.hostile import floods
from tests.hostile.tools import tell, told
from tests.hostile.web import Web, redirect
from tests.sandbox import tls_proxy
from tests.support.download_limits import limits_with
from tests.support.downloads_harness import Worker, worker
from tests.support.instagram import INSTAGRAM, LINK, Instagram
from tests.support.networks import NETWORKS
from worker.downloads.confinement.network import Network
from worker.downloads.ytdlp.extractor_index import ExtractorIndex
from worker.downloads.ytdlp.network.page_limits import LimitedYoutubeDL
from worker.errors import Reason, Remedy
from worker.protocol import MediaKind

CONFINED = [each for each in NETWORKS if each.values != (Network.NONE,)]

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instagram]:
    with Instagram(tmp_path_factory.mktemp("instagram")) as instagram:
        yield instagram


@pytest.fixture
def instagram(running: Instagram) -> Instagram:
    running.requests.clear()
    running.turned_away.clear()
    running.agents.clear()
    return running


@pytest.fixture(scope="module")
def warm(running: Instagram, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    prepare = functools.partial(tls_proxy.trust, running.certificate)
    with worker(tmp_path_factory.mktemp("downloads"), prepare=prepare, knows_all=True) as made:
        yield made


@pytest.mark.parametrize("network", CONFINED)
def test_a_reel_comes_without_a_login(warm: Worker, instagram: Instagram, network: Network) -> None:
    outcome = warm.run(LINK, limits_with(proxy=instagram.proxy, network=network))
    assert (outcome.media.facts.kind, outcome.media.facts.uploader) == (MediaKind.VIDEO, "Ada")
    assert f"{INSTAGRAM}/api/graphql" in instagram.requests
    assert instagram.turned_away == []
    assert all("Chrome/" in agent for agent in instagram.agents)


def _ask_by_each(task: Any, rules: Any, report: Any, extractors: Any) -> None:
    said = {}
    ydl: Any
    with LimitedYoutubeDL({"quiet": True}, extractors) as ydl:
        ydl.network = rules.network
        for key, handler in ydl._request_director.handlers.items():
            asked = Request(f"https://{INSTAGRAM}/", proxies={"all": rules.proxy})
            if key == "Browser":
                asked.extensions = {"impersonate": ImpersonateTarget()}
            try:
                said[key] = str(handler.send(asked).status) if key != "Websockets" else ""
            except TransportError as error:
                said[key] = type(error).__name__
    tell(**said)


@pytest.mark.negative
def test_no_other_handler_passes_for_a_browser(warm: Worker, instagram: Instagram) -> None:
    said = told(warm, _ask_by_each, proxy=instagram.proxy)
    assert said.pop("Browser") == "200"
    assert said.pop("Websockets") == ""
    assert set(said) == {"Requests", "Urllib"}
    assert "200" not in said.values()
    assert len(instagram.turned_away) >= len(said)


@pytest.mark.negative
def test_where_nothing_confines_native_code_the_site_ends_the_handshake(
    warm: Worker, instagram: Instagram
) -> None:
    outcome = warm.run(LINK, limits_with(proxy=instagram.proxy, network=Network.NONE))
    assert outcome.error.reason is Reason.NETWORK
    assert set(instagram.turned_away) == {INSTAGRAM}
    assert instagram.requests == []


def _as_a_browser() -> None:
    """Make every request of this worker's downloads begin with a browser's handshake."""
    urlopen = LimitedYoutubeDL.urlopen

    def urlopen_as_browser(self: LimitedYoutubeDL, req: Any) -> Any:
        request = Request(req) if isinstance(req, str) else req
        request.extensions = {**request.extensions, "impersonate": ImpersonateTarget()}
        return urlopen(self, request)

    LimitedYoutubeDL.urlopen = urlopen_as_browser  # type: ignore[method-assign]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with worker(tmp_path_factory.mktemp("browser"), prepare=_as_a_browser) as made:
        yield made


@pytest.fixture
def web() -> Iterator[Web]:
    with Web() as web:
        yield web


def a_redirect(target: str) -> Callable[[Web], str]:
    return lambda web: floods.put(web, "/r", redirect(target))


def refused(web: Web) -> str:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return f"http://127.0.0.1:{closed.getsockname()[1]}/"


def no_tls(web: Web) -> str:
    return web.url.replace("http:", "https:") + "/"


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        (floods.an_endless_page, Reason.HUGE_PAGE),
        (floods.an_endless_file, Reason.TOO_LARGE),
        (floods.a_page_that_unpacks_without_end, Reason.HUGE_PAGE),
        (floods.a_page_in_brotli_that_unpacks_without_end, Reason.HUGE_PAGE),
        (floods.a_file_that_unpacks_without_end, Reason.TOO_LARGE),
        (floods.a_redirect_to_itself, Reason.LEADS_NOWHERE),
        (a_redirect("http://127.0.0.2:8080/"), Reason.REFUSED_ADDRESS),
        (a_redirect("http://localhost:22/"), Reason.REFUSED_ADDRESS),
        (a_redirect("ftp://127.0.0.1:8080/a.mp4"), Reason.NETWORK),
        (a_redirect("http://no-such-host.invalid/"), Reason.NOT_FOUND),
        (refused, Reason.NETWORK),
        (no_tls, Reason.NETWORK),
        (lambda web: web.url + "/gone", Reason.NOT_FOUND),
    ],
)
def test_what_fails_as_a_browser_fails_as_it_always_does(
    browser: Worker, web: Web, link: Callable[[Web], str], reason: Reason
) -> None:
    error = browser.run(link(web), limits_with(max_file_bytes=1_000_000)).error
    assert error.reason is reason, error


@pytest.mark.parametrize("network", Network)
def test_an_extractor_that_has_to_do_without_is_for_the_operator_to_help(
    network: Network, web: Web
) -> None:
    ydl: Any
    with LimitedYoutubeDL({"quiet": True, "proxy": ""}, ExtractorIndex({})) as ydl:
        ydl.network = network
        generic = ydl.get_info_extractor("Generic")
        with pytest.raises(ExtractorError):
            generic._request_webpage(f"{web.url}/gone", "1", impersonate=True)
    remedy = ydl.complaint.remedy if ydl.complaint else None
    assert remedy is (Remedy.SOFTWARE if network is Network.NONE else None)


@pytest.mark.parametrize("network", Network)
@pytest.mark.parametrize("wanted", [None, True, "chrome", ["firefox", "chrome"], ["chrome-999"]])
def test_what_is_fetched_beside_a_format_is_asked_for_as_that_is(
    network: Network, wanted: Any
) -> None:
    with LimitedYoutubeDL({"quiet": True}, ExtractorIndex({})) as ydl:
        ydl.network = network
        media = {"url": "https://a.example/", "http_headers": {"A": "b"}, "impersonate": wanted}
        request = ydl.request_for(media, Range="bytes=0-1")
    assert request.headers == {"A": "b", "Range": "bytes=0-1"}
    is_possible = wanted not in (None, ["chrome-999"]) and network is not Network.NONE
    assert ("impersonate" in request.extensions) == is_possible


def _read_a_little(task: Any, rules: Any, report: Any, extractors: Any) -> None:
    """Read one byte of an answer without end, and hang up when no more of it is taken."""
    ydl: Any
    with LimitedYoutubeDL({"quiet": True, "proxy": rules.proxy}, extractors) as ydl:
        ydl.network = rules.network
        response = ydl.urlopen(Request(task.url, extensions={"impersonate": ImpersonateTarget()}))
        response.read(1)
        waiting = response.fp._response.queue
        until = time.monotonic() + 10
        while not waiting.full() and time.monotonic() < until:
            time.sleep(0.01)
        is_full = waiting.full()
        response.close()
    tell(is_full=is_full)


def test_no_more_is_taken_than_is_read(browser: Worker, web: Web) -> None:
    error = browser.run(floods.an_endless_file(web), limits_with(), _read_a_little).error
    assert json.loads(error.detail) == {"is_full": True}
