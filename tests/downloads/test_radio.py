"""The stream of a radio station, which would keep a download busy until its time is over."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from tests.support.download_limits import LIMITS
from tests.support.downloads_harness import Worker
from tests.support.serving import answering
from worker.errors import Fault, Reason
from worker.form import Form

LIST = "#EXTM3U\n#EXTINF:-1,A station\nstream\n"


class Station(BaseHTTPRequestHandler):
    """A station at `/stream`, and a list that leads to it."""

    def do_GET(self) -> None:
        self.send_response(200)
        if self.path.endswith(".m3u"):
            self.send_header("Content-Type", "audio/x-mpegurl")
            self.send_header("Content-Length", str(len(LIST)))
            self.end_headers()
            self.wfile.write(LIST.encode())
            return
        self.send_header("Content-Type", "audio/mpeg")
        self.send_header("icy-name", "A station")
        self.end_headers()
        while True:
            try:
                self.wfile.write(bytes(4096))
            except OSError:  # whoever has listened is gone
                return

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def station() -> Iterator[str]:
    with answering(Station) as url:
        yield url


@pytest.mark.parametrize("name", ["stream", "list.m3u"])
def test_radio_is_live_and_not_tried_again(warm: Worker, station: str, name: str) -> None:
    error = warm.run(f"{station}/{name}", LIMITS).error
    assert (error.reason, error.fault) == (Reason.LIVE, Fault.PERMANENT), error.detail


def test_radio_cannot_be_recorded(warm: Worker, station: str) -> None:
    warm.begin(f"{station}/stream", LIMITS, form=Form(record_minutes=1), record_s=60.0)
    error = warm.finish().error
    assert (error.reason, error.fault) == (Reason.NO_FORMAT, Fault.PERMANENT), error.detail
