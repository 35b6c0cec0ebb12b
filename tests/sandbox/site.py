"""A small media site on loopback: clips of every kind, and every way in which a site fails."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from urllib.parse import parse_qs, unquote, urlsplit

from . import site_failures, site_languages, site_live, site_pages
from .clips import Clips, NeedsFfmpeg
from .server import LoopbackServer
from .site_connection import SiteConnection

_TYPES = {
    ".mp4": "video/mp4",
    ".m4a": "audio/mp4",
    ".jpg": "image/jpeg",
    ".mp3": "audio/mpeg",
    ".m3u8": "application/vnd.apple.mpegurl",
    ".ts": "video/mp2t",
    ".mpd": "application/dash+xml",
    ".m4s": "video/iso.segment",
    ".key": "application/octet-stream",
}
_ROUTES = site_pages.ROUTES | site_languages.ROUTES | site_live.ROUTES | site_failures.ROUTES


@dataclass(frozen=True)
class SiteRequest:
    """A request that came in: `path` with its query, `time` in UTC, the Range header if any."""

    method: str
    path: str
    time: datetime
    range: str | None = None


class MediaSite:
    """The site, served by threads of this process between `start` and `stop`.

    Generated clips are kept in `cache_dir`, by default one that all runs share. `ffmpeg=None`
    behaves like a machine without it.
    """

    def __init__(self, cache_dir: Path | None = None, ffmpeg: str | None = "ffmpeg") -> None:
        self.clips = Clips(cache_dir, ffmpeg)
        self.stopping = threading.Event()
        self.is_down = threading.Event()
        """Set: everything is answered with 503."""
        self.is_slow = threading.Event()
        """Set: files come in small pieces, with pauses."""
        self._lock = threading.Lock()
        self._requests: list[SiteRequest] = []
        self._failed: Counter[str] = Counter()
        self._held: set[str] = set()
        self._begun: dict[str, float] = {}
        self._ended: dict[str, float] = {}
        self._started: set[str] = set()
        self._server = LoopbackServer(0, SiteConnection, self)
        self._running = False

    @property
    def url(self) -> str:
        """The address without a trailing slash."""
        return self._server.url

    @property
    def requests(self) -> list[SiteRequest]:
        """The requests so far, oldest first."""
        with self._lock:
            return list(self._requests)

    def hits(self, path: str) -> int:
        """How many requests there were for `path`, its query left out."""
        return sum(urlsplit(request.path).path == path for request in self.requests)

    @contextmanager
    def holding(self, path: str) -> Iterator[None]:
        """Let a file below /slow/ go on after its first piece only when this has ended."""
        self._held.add(path)
        try:
            yield
        finally:
            self._held.discard(path)

    def is_held(self, path: str) -> bool:
        """Whether the file of a path is not to go on."""
        return path in self._held

    def start(self) -> MediaSite:
        """Start serving."""
        self._running = True
        self._server.start()
        return self

    def stop(self) -> None:
        """Stop serving and end every connection, stalled ones too. May be called twice."""
        self.stopping.set()
        if self._running:
            self._running = False
            self._server.stop()
        else:
            self._server.server_close()

    def __enter__(self) -> MediaSite:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def record(self, request: SiteRequest) -> None:
        """Remember a request."""
        with self._lock:
            self._requests.append(request)

    def age_of_stream(self, name: str) -> tuple[float, bool]:
        """For how many seconds a live stream has gone on since this was first asked.

        And whether it has ended.
        """
        with self._lock:
            now = time.monotonic()
            age_s = self._ended.get(name, now) - self._begun.setdefault(name, now)
            return age_s, name in self._ended

    def has_started(self, name: str) -> bool:
        """Whether a live stream that was to start has."""
        with self._lock:
            return name in self._started

    def start_stream(self, name: str) -> None:
        """Start a live stream."""
        with self._lock:
            self._started.add(name)

    def end_stream(self, name: str) -> None:
        """End a live stream."""
        with self._lock:
            self._ended[name] = time.monotonic()

    def fails_again(self, path: str, times: int) -> bool:
        """Count a request for a flaky path; whether it fails once more."""
        with self._lock:
            if self._failed[path] >= times:
                return False
            self._failed[path] += 1
            return True

    def answer(self, to: SiteConnection) -> None:
        """Find what the path of a request stands for and serve it."""
        self.record(SiteRequest(to.command, to.path, datetime.now(UTC), to.headers.get("Range")))
        parts = urlsplit(to.path)
        path = unquote(parts.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if self.is_down.is_set():
            to.fail(503)
            return
        route = _ROUTES.get(path) or _ROUTES.get(path[: path.find("/", 1) + 1])
        if route is not None:
            route(to, path, query)
            return
        if path.startswith("/clip/"):
            path = "/clip.mp4"
        try:
            file = self.clips.path(path.removeprefix("/"))
        except FileNotFoundError:
            to.fail(404)
        except NeedsFfmpeg:
            to.fail(503, text="needs ffmpeg")
        else:
            to.send_bytes(file.read_bytes(), _TYPES.get(file.suffix, "text/plain"))
