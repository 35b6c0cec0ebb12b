"""Follow a download through yt-dlp's hooks: report its progress, stop it when it is too large."""

import threading
import time
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

from worker.clocks import Wall, wall_clock
from worker.downloads import spans
from worker.downloads.confinement.file_limit import allow_file
from worker.downloads.media.contents import positive
from worker.downloads.reports import FoundMedia, NeedsPlayer
from worker.downloads.spans import Span
from worker.downloads.ytdlp.transfer.pieces import ENOUGH, PIECES, Estimate, Pieces
from worker.errors import Fault, JobError, Reason
from worker.protocol import Progress, Stage

Report = Callable[[Progress | FoundMedia | NeedsPlayer], None]

LIMIT_BYTES = "limit_bytes"
"""The key, in yt-dlp's information about a video, for the largest size that its file may have."""

CONCURRENT_FRAGMENTS = 4
"""How many pieces of a stream are fetched at a time."""

_REPORT_INTERVAL_S = 0.25
# An estimate counts once the first number, as a share of the limit, has arrived and the estimate
# exceeds the limit by the second number: the more has come, the surer it is.
_EARLY, _LATER = (0.1, 1.5), (0.4, 1.1)


class Meter:
    """Adds up the bytes of one link's videos, and raises JobError for one that is too large.

    `switch_to_cutting` is asked first how many files a video of this size may fill; 0 for no more.
    `asked` is the span that is wanted whatever the page says.
    """

    def __init__(
        self,
        limit_bytes: int,
        report: Report,
        switch_to_cutting: Callable[[int], int] = lambda _: 0,
        asked: Span | None = None,
    ) -> None:
        self._file_limit_bytes = limit_bytes
        self._report = report
        self._cut_instead = switch_to_cutting
        self._asked = asked
        self._limit_bytes = limit_bytes
        self._video: MutableMapping[str, Any] = {}
        self._finished_bytes = 0
        self._next_report = 0.0
        self._done: dict[str, int] = {}
        # yt-dlp fetches fragments in threads, and each of them calls the hook. One that raises
        # ends its own thread alone, so the others are told what was decided.
        self._lock = threading.Lock()
        self._decided: JobError | None = None
        self.announced_bytes: int | None = None
        """The size of the latest video, once it has proved too large."""

    def start_again(self) -> None:
        """Forget what has been downloaded so far."""
        self._done, self._finished_bytes, self.announced_bytes = {}, 0, None
        self._decided = None

    def begin(self, info: MutableMapping[str, Any], parts: int) -> None:
        """Start on a video, which may fill `parts` files."""
        with self._lock:
            self._finished_bytes += sum(self._done.values())
            self._done, self.announced_bytes, self._decided = {}, None, None
            self._video = info
            self._allow(parts)
        if spans.of(info) == self._asked:
            # Some sites give a span the name of the whole, which other people may want.
            self._report(FoundMedia(str(info.get("extractor_key")), str(info.get("id"))))
        if (wait_s := _wait_s(info, wall_clock())) > 0:
            self._report(Progress(Stage.SITE_WAIT, eta_s=wait_s))

    def _allow(self, parts: int) -> None:
        """Let the video fill `parts` files."""
        self._limit_bytes = self._video[LIMIT_BYTES] = self._file_limit_bytes * parts
        allow_file(self._limit_bytes)

    def check_size(self, size_bytes: int, limit_bytes: int) -> None:
        """Raise JobError if a size, announced or real, is too large."""
        if size_bytes > limit_bytes:
            self.announced_bytes = size_bytes
            detail = f"{size_bytes} bytes, announced or downloaded"
            self._decided = JobError(Reason.TOO_LARGE, Fault.PERMANENT, detail)
            raise self._decided

    def _check_progress(self, size_bytes: int) -> None:
        """Raise JobError for a video that is too large, unless it may go on to be cut."""
        if size_bytes > self._limit_bytes and (parts := self._cut_instead(size_bytes)):
            self._allow(parts)
        self.check_size(size_bytes, self._limit_bytes)

    def on_progress(self, status: Mapping[str, Any]) -> None:
        """Handle yt-dlp's progress hook. Raises JobError for a file too large to be sent."""
        info = status.get("info_dict") or {}
        done = _count(status.get("downloaded_bytes"))
        total = _count(status.get("total_bytes"))
        with self._lock:
            if self._decided:
                raise self._decided
            self._done[str(status.get("filename"))] = done
            others = sum(self._done.values()) - done
            estimate = _estimate(status, done)
            self._check_progress(self._reliable(others, done, estimate))
            self._check_progress(others + max(done, total))
            now = time.monotonic()
            if status.get("status") != "downloading" or now < self._next_report:
                return
            self._next_report = now + _REPORT_INTERVAL_S
            done_bytes = self._finished_bytes + sum(self._done.values())
        expected = _expected_bytes(info) or total or estimate.likely
        # Negative once a hook has raised in another thread.
        speed_bps, eta_s = positive(status.get("speed")), positive(status.get("eta"))
        if status.get("fragment_count"):
            # yt-dlp's own comes from its estimate.
            eta_s = positive(max(0, expected - done) / speed_bps) if speed_bps else None
        self._report(
            Progress(
                Stage.DOWNLOADING,
                done_bytes=done_bytes,
                total_bytes=max(self._finished_bytes + expected, done_bytes) if expected else None,
                speed_bps=speed_bps,
                eta_s=eta_s,
            )
        )

    def _reliable(self, others: int, done: int, estimate: Estimate) -> int:
        """The size in bytes together with other streams: estimated once that means something, and
        until then the least that it is.
        """
        limit, likely = self._limit_bytes, others + estimate.likely

        def exceeds(expected: int, share: float, factor: float) -> bool:
            return others + done > limit * share and others + expected > limit * factor

        if exceeds(estimate.early, *_EARLY) or exceeds(estimate.likely, *_LATER):
            return likely
        # What is certain, which may decide that it is cut. In how many parts it would not fit
        # either, a few pieces do not say.
        return others + estimate.least

    def on_postprocessor(self, status: Mapping[str, Any]) -> None:
        """Handle yt-dlp's postprocessor hook."""
        if status.get("status") == "started" and status.get("postprocessor") == "Merger":
            self._report(Progress(Stage.FINISHING, done_bytes=sum(self._done.values())))


def _wait_s(info: Mapping[str, Any], wall: Wall) -> float:
    """For how long yt-dlp will sleep until the site has the media ready."""
    streams = info.get("requested_formats") or [info]
    return max(_count(stream.get("available_at")) for stream in streams) - wall


def _expected_bytes(info: Mapping[str, Any]) -> int:
    """The announced size of all streams together, 0 if one has none or is not fetched whole."""
    if spans.of(info):
        return 0
    formats = info.get("requested_formats") or [info]
    sizes = [_count(f.get("filesize") or f.get("filesize_approx")) for f in formats]
    return sum(sizes) if all(sizes) else 0


def _estimate(status: Mapping[str, Any], done_bytes: int) -> Estimate:
    """What the pieces of a stream say about its size; all 0 if nothing."""
    size, count = _count(status.get("total_bytes_estimate")), _count(status.get("fragment_count"))
    pieces = (status.get("info_dict") or {}).get(PIECES)
    if count and isinstance(pieces, Pieces) and (estimate := pieces.estimate(count)):
        return estimate
    if not count:
        return Estimate(0, size, size)
    # yt-dlp adds the bytes of pieces that are on their way to those of the finished ones.
    begun = min(count, _count(status.get("fragment_index")) + CONCURRENT_FRAGMENTS)
    size = min(size, done_bytes * count // begun)
    return Estimate(0, size, size if begun >= ENOUGH else 0)


def _count(value: object) -> int:
    return int(positive(value) or 0)
