"""How long yt-dlp waits for a site's first byte: as long as its operator says."""

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from yt_dlp.extractor import get_info_extractor
from yt_dlp.utils import DownloadError

from tests.support.download_limits import limits_with
from worker.downloads.media.conversion import budget_of
from worker.downloads.ytdlp import options
from worker.downloads.ytdlp.extractor_index import ExtractorIndex
from worker.downloads.ytdlp.failures.errors import classify
from worker.downloads.ytdlp.formats.formats import Chooser
from worker.downloads.ytdlp.network import page_limits
from worker.errors import Fault, Reason

ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: 4\r\n"
    b"Connection: close\r\n\r\nfilm"
)
Serve = Callable[[float], str]


def options_for(idle_timeout_s: float) -> dict[str, Any]:
    limits = limits_with(idle_timeout_s=idle_timeout_s)
    return options.for_download(
        limits, Chooser(budget_of(limits), has_ffmpeg=True), lambda info, parts: None
    )


@pytest.mark.parametrize("idle_timeout_s", [1.0, 20.0, 60.0, 600.0])
def test_the_wait_for_a_byte_follows_the_setting(idle_timeout_s: float) -> None:
    # A little less than the worker's own patience, so that yt-dlp says what it waited for.
    assert 0.8 < options_for(idle_timeout_s)["socket_timeout"] / idle_timeout_s < 1


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves one film, with its first byte after so many seconds."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        over = threading.Event()

        def answer(connection: socket.socket, silent_s: float) -> None:
            with connection:
                over.wait(silent_s)
                connection.recv(65_536)
                connection.sendall(ANSWER)

        def accept(silent_s: float) -> None:
            while not over.is_set():
                answer(listener.accept()[0], silent_s)

        def begin(silent_s: float) -> str:
            threading.Thread(target=accept, args=(silent_s,), daemon=True).start()
            return f"http://127.0.0.1:{listener.getsockname()[1]}/film.mp4"

        yield begin
        over.set()


def look(url: str, idle_timeout_s: float) -> Any:
    extractors = ExtractorIndex({"Generic": get_info_extractor("Generic")})
    with page_limits.LimitedYoutubeDL(options_for(idle_timeout_s), extractors) as ydl:
        return ydl.extract_info(url, download=False)


def test_a_site_that_is_slow_to_answer_is_waited_for(serve: Serve) -> None:
    assert look(serve(0.5), idle_timeout_s=60.0)["ext"] == "mp4"


def test_a_site_that_is_slower_than_the_setting_is_not(serve: Serve) -> None:
    with pytest.raises(DownloadError) as caught:
        look(serve(3600.0), idle_timeout_s=0.5)
    error = classify(caught.value)
    assert (error.reason, error.fault) == (Reason.STALLED, Fault.RETRYABLE)
