"""Where a download may go: attacks on the real yt-dlp, and what another program may open."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.downloads_harness import Worker, worker
from tests.hostile.tools import LINK, tell, without_guard
from tests.sandbox.site import MediaSite
from tests.test_downloads import RULES, needs_ffmpeg, served
from worker.jobs import Fault, Progress, Reason


@pytest.fixture(scope="module")
def cold(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with worker(tmp_path_factory.mktemp("hostile"), is_cold=True) as made:
        yield made


@pytest.fixture
def inside(tmp_path: Path) -> Iterator[str]:
    """A server that only the guard keeps a stranger from."""
    home = tmp_path / "inside"
    home.mkdir()
    (home / "secret.mp4").write_bytes(bytes(1000))
    with served(home, "127.0.0.2") as url:
        yield f"{url}/secret.mp4"


def _redirect(site: MediaSite, target: str) -> str:
    return f"{site.url}/redirect?to={target}"


@pytest.fixture(scope="module")
def site() -> Iterator[MediaSite]:
    with MediaSite() as site:
        yield site


@pytest.mark.negative
def test_without_the_guard_a_redirect_reaches_inside(
    site: MediaSite, inside: str, tmp_path: Path
) -> None:
    with worker(tmp_path, prepare=without_guard) as weak:
        outcome = weak.run(_redirect(site, inside), RULES)
    # The thousand zeros arrived; only then was it seen that they are no video.
    assert outcome.result is not None
    assert getattr(outcome.result, "reason", None) is not Reason.REFUSED_ADDRESS
    assert any(isinstance(report, Progress) for report in outcome.reports)


def _connect_to_a_socket_file(url: str, rules: Any, report: Any, extractors: Any) -> None:
    socket.socket(socket.AF_UNIX).connect("/run/any.sock")


def _listen(url: str, rules: Any, report: Any, extractors: Any) -> None:
    socket.create_server(("127.0.0.1", 0))


def _fetch_with_ffmpeg(url: str, rules: Any, report: Any, extractors: Any) -> None:
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", url, "-c", "copy", "media.mp4"]
    subprocess.run(command, check=True)
    tell(fetched=True)


@pytest.mark.parametrize(
    ("fetch", "reason"),
    [
        (_connect_to_a_socket_file, Reason.REFUSED_ADDRESS),
        (_listen, Reason.REFUSED_ADDRESS),
        (_fetch_with_ffmpeg, Reason.NO_FORMAT),
    ],
)
def test_the_guard_refuses(cold: Worker, fetch: Any, reason: Reason) -> None:
    error = cold.run(LINK, RULES, fetch).error
    assert (error.reason, error.fault) == (reason, Fault.PERMANENT)


@needs_ffmpeg
@pytest.mark.negative
def test_without_the_guard_ffmpeg_fetches_what_it_likes(site: MediaSite, tmp_path: Path) -> None:
    with worker(tmp_path, prepare=without_guard, is_cold=True) as weak:
        weak.begin(f"{site.url}/clip.mp4", RULES, _fetch_with_ffmpeg)
        assert json.loads(weak.finish().error.detail) == {"fetched": True}
