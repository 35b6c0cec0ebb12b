"""yt-dlp as a library: its options here, one link in, the files of one post out.

Runs in the download process, after `isolation`. Its answer is paths and what yt-dlp knows of
each; whether the files exist and fit is looked up afterwards by those who send them.
"""

import contextlib
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yt_dlp.utils import YoutubeDLError

from worker.downloads.channel import MOST_FILES, Found
from worker.downloads.confinement.isolation import allow_file
from worker.downloads.limits import DownloadLimits
from worker.downloads.media.contents import positive
from worker.downloads.media.conversion import budget_of
from worker.downloads.media.ffmpeg import CONTAINERS
from worker.downloads.media.finishing import cover_of, may_be_film
from worker.downloads.media.thumbnail import ThumbnailDrawing
from worker.downloads.ytdlp import page_limits
from worker.downloads.ytdlp.errors import classify
from worker.downloads.ytdlp.extractor_index import ExtractorIndex
from worker.downloads.ytdlp.formats import Chooser
from worker.errors import Fault, JobError, Reason
from worker.protocol import Download, Note, Progress, Stage

COOKIES_NAME = "cookies.txt"
MEDIA_NAME = "media"

# What is fetched where nobody has asked for another.
_HEIGHT = 1080
# A link that is called so leads to a film, as a rule.
_FILM_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".webm", ".mkv"})
_REPORT_INTERVAL_S = 0.25
# A song goes on without a cover that takes longer.
_COVER_S = 5.0
# How many choices may prove too large before the link does.
_MOST_CHOICES = 4
# An estimate from the first fragments is believed when so much is there and it is so far off.
_ESTIMATE_FROM = 0.1
_ESTIMATE_FACTOR = 1.5

_NOT_NOW: dict[str, tuple[Reason, str]] = {
    "is_live": (Reason.LIVE, "live now"),
    "post_live": (Reason.LIVE, "live until just now"),
    "is_upcoming": (Reason.NOT_STARTED, "not started"),
}

Report = Callable[[Progress | Found], None]


@dataclass(frozen=True)
class Fetched:
    """Names of files in the working directory, with yt-dlp's info about each, in their order."""

    files: tuple[tuple[Path, dict[str, Any]], ...]
    note: Note | None = None
    drawing: ThumbnailDrawing | None = None
    """For the first file's thumbnail."""


def options(
    rules: DownloadLimits, chooser: Chooser, begin: Callable[[Mapping[str, Any], int], None]
) -> dict[str, Any]:
    """Everything that yt-dlp is told; relative names mean the job's own directory.

    `begin` hears of each video that is about to be downloaded, and as how many files it may be
    large.
    """

    def admit(info: Mapping[str, Any], *, incomplete: bool = False) -> None:
        # A match_filter, called before formats are chosen and after; None lets it go on.
        _refuse_live(info)
        chooser.duration_s = positive(info.get("duration"))
        if not incomplete:
            page_limits.check_length(info, rules.max_answer_bytes)
            begin(info, chooser.parts)

    height = chooser.form.max_height or _HEIGHT
    return {
        # Files of known names, whatever the page calls itself.
        "outtmpl": {"default": f"{MEDIA_NAME}%(playlist_index&-{{}}|)s.%(ext)s"},
        "restrictfilenames": True,
        "trim_file_name": 80,
        "updatetime": False,
        # One post: not a playlist, and not the end of an endless one to find its first.
        "noplaylist": True,
        "playlist_items": f"1:{MOST_FILES}",
        "lazy_playlist": True,
        "match_filter": admit,
        # Nothing from the machine that it runs on, nothing kept for the next.
        "cachedir": False,
        "usenetrc": False,
        "default_search": "error",
        "enable_file_urls": False,
        "proxy": rules.proxy or "",
        "cookiefile": COOKIES_NAME if rules.cookies_file else None,
        # Bounded patience; more tries are the dispatcher's decision.
        "socket_timeout": 15,
        "retries": 2,
        "fragment_retries": 3,
        "extractor_retries": 1,
        "file_access_retries": 1,
        "skip_unavailable_fragments": False,
        "concurrent_fragment_downloads": 4,
        # Everything is fetched by yt-dlp itself: ffmpeg would not ask the guard.
        "external_downloader": {"default": "native"},
        # Repairs are made once, in `finishing`, where it is known what they are for.
        "fixup": "never",
        "postprocessor_args": {
            "merger+ffmpeg_i": ["-protocol_whitelist", "file", "-format_whitelist", CONTAINERS]
        },
        "format": chooser,
        "format_sort": [f"res:{height}", "vcodec:h264", "acodec:aac", "ext:mp4:m4a"],
        "merge_output_format": "mp4",
        # The log is a file.
        "noprogress": True,
        "color": "never",
    }


def _refuse_live(info: Mapping[str, Any]) -> None:
    status = "is_live" if info.get("is_live") else str(info.get("live_status"))
    if status in _NOT_NOW:
        reason, detail = _NOT_NOW[status]
        raise JobError(reason, Fault.PERMANENT, detail)


def fetch(
    task: Download, rules: DownloadLimits, report: Report, extractors: ExtractorIndex
) -> Fetched:
    """Download the media behind the task's link into the working directory.

    Raises JobError for what is decided here, and whatever yt-dlp raises.
    """
    has_ffmpeg = shutil.which("ffmpeg") is not None
    chooser = Chooser(
        budget_of(rules),
        has_ffmpeg,
        most_parts=rules.most_parts if has_ffmpeg else 1,
        form=task.form,
    )
    meter = _Meter(rules.max_file_bytes, report)
    drawings: list[ThumbnailDrawing] = []

    def expect(film: bool) -> None:
        if film and has_ffmpeg and not task.form.sound_only and not drawings:
            with contextlib.suppress(OSError):
                drawings.append(ThumbnailDrawing())

    def begin(info: Mapping[str, Any], parts: int) -> None:
        meter.begin(info, parts)
        expect(film=_is_film(info) and parts == 1 == len(meter.limits))

    def look(_: object) -> None:
        for drawing in drawings:
            drawing.look()

    expect(film=Path(task.url.partition("?")[0]).suffix.lower() in _FILM_SUFFIXES)
    params = options(rules, chooser, begin) | {
        "progress_hooks": [meter.on_progress, look],
        "postprocessor_hooks": [meter.on_postprocessor],
    }
    with page_limits.LimitedYoutubeDL(params, extractors) as ydl:
        for choices_left in reversed(range(_MOST_CHOICES)):
            try:
                files = _extract(ydl, task.url, meter)
                return Fetched(files, chooser.note, drawings[0] if drawings else None)
            except (JobError, YoutubeDLError, OSError) as error:
                too_large = classify(error).reason is Reason.TOO_LARGE
                if not (too_large and choices_left and chooser.exclude(meter.announced_bytes)):
                    raise
            meter.start_again()
            _remove_parts()
    raise AssertionError("the last try returns or raises")


def _extract(
    ydl: page_limits.LimitedYoutubeDL, url: str, meter: "_Meter"
) -> tuple[tuple[Path, dict[str, Any]], ...]:
    videos = list(_videos(ydl.extract_info(url, download=True)))
    if not videos:
        raise JobError(Reason.NO_MEDIA, Fault.PERMANENT, "nothing was chosen for download")
    files = []
    for info, limit_bytes in zip(videos, meter.limits, strict=True):
        done = info.get("requested_downloads") or []
        path = done[-1].get("filepath") if done else None
        if not path:
            raise JobError(Reason.NO_MEDIA, Fault.PERMANENT, "nothing was downloaded")
        with contextlib.suppress(FileNotFoundError):
            meter.check_size(os.stat(path, follow_symlinks=False).st_size, limit_bytes)
        _fetch_cover(ydl, Path(path), info)
        files.append((Path(path), info))
    return tuple(files)


def _is_film(info: Mapping[str, Any]) -> bool:
    return info.get("vcodec") != "none" and may_be_film(f".{info.get('ext')}")


def _fetch_cover(ydl: page_limits.LimitedYoutubeDL, path: Path, info: Mapping[str, Any]) -> None:
    """A song's picture, if the site has one. A song without is as good."""
    url = info.get("thumbnail")
    if url and info.get("vcodec") == "none":
        with contextlib.suppress(YoutubeDLError, JobError, OSError, ValueError), _at_most(_COVER_S):
            cover_of(path).write_bytes(ydl.urlopen(url).read())


@contextlib.contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in the block after so long, and each second from then on.

    Once is not enough: yt-dlp tries its next handler when one has failed.
    """

    def end(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _remove_parts() -> None:
    """Or yt-dlp would go on where the choice before has left off."""
    for path in Path().glob(f"{MEDIA_NAME}*"):
        path.unlink()


def _videos(info: Any) -> Iterator[dict[str, Any]]:
    """The videos of a result, at whatever depth of playlists they stand."""
    if not isinstance(info, dict):
        return
    if "entries" not in info:
        yield info
    for entry in info.get("entries") or ():
        yield from _videos(entry)


class _Meter:
    """Adds up what yt-dlp's hooks say, and stops what is announced as too large."""

    def __init__(self, limit_bytes: int, report: Report) -> None:
        self._limit_of_file = limit_bytes
        self._report = report
        self.limits: list[int] = []
        """What each video that was begun may have, in bytes."""
        self._finished_bytes = 0
        self._next_report = 0.0
        self._done: dict[str, int] = {}
        # Fragments are fetched in threads, and each calls the hook.
        self._lock = threading.Lock()
        self.announced_bytes: int | None = None
        """How large the video that was begun last will be, once that has proved too large."""

    def start_again(self) -> None:
        """What was fetched so far does not count."""
        self._done, self._finished_bytes, self.announced_bytes = {}, 0, None
        self.limits.clear()

    def begin(self, info: Mapping[str, Any], parts: int) -> None:
        """A video is about to be downloaded, and may be as large as so many files."""
        with self._lock:
            self._finished_bytes += sum(self._done.values())
            self._done, self.announced_bytes = {}, None
            self.limits.append(self._limit_of_file * parts)
        allow_file(self._limit)
        self._report(Found(str(info.get("extractor_key")), str(info.get("id"))))

    def check_size(self, size_bytes: int, limit_bytes: int) -> None:
        """Raises JobError for a file that is too large, there or announced."""
        if size_bytes > limit_bytes:
            self.announced_bytes = size_bytes
            detail = f"{size_bytes} bytes are announced or there"
            raise JobError(Reason.TOO_LARGE, Fault.PERMANENT, detail)

    @property
    def _limit(self) -> int:
        return self.limits[-1]

    def on_progress(self, status: Mapping[str, Any]) -> None:
        """A progress hook of yt-dlp. Raises JobError when the file cannot be sent anyway."""
        info = status.get("info_dict") or {}
        done = _count(status.get("downloaded_bytes"))
        total = _count(status.get("total_bytes"))
        with self._lock:
            self._done[str(status.get("filename"))] = done
            others = sum(self._done.values()) - done
            self.check_size(others + max(done, total), self._limit)
            self.check_size(self._believable_estimate(status, done), self._limit)
            now = time.monotonic()
            if status.get("status") != "downloading" or now < self._next_report:
                return
            self._next_report = now + _REPORT_INTERVAL_S
            sum_done = self._finished_bytes + sum(self._done.values())
        expected = _expected_bytes(info) or total or _count(status.get("total_bytes_estimate"))
        self._report(
            Progress(
                Stage.DOWNLOADING,
                done_bytes=sum_done,
                total_bytes=max(self._finished_bytes + expected, sum_done) if expected else None,
                speed_bps=float(status.get("speed") or 0) or None,
                eta_s=float(status["eta"]) if status.get("eta") is not None else None,
            )
        )

    def _believable_estimate(self, status: Mapping[str, Any], done: int) -> int:
        estimate = _count(status.get("total_bytes_estimate"))
        is_sure = done > self._limit * _ESTIMATE_FROM and estimate > self._limit * _ESTIMATE_FACTOR
        return estimate if is_sure else 0

    def on_postprocessor(self, status: Mapping[str, Any]) -> None:
        """A postprocessor hook of yt-dlp."""
        if status.get("status") == "started" and status.get("postprocessor") == "Merger":
            self._report(Progress(Stage.FINISHING, done_bytes=sum(self._done.values())))


def _expected_bytes(info: Mapping[str, Any]) -> int:
    """The announced length of all streams together, 0 when one of them has none."""
    formats = info.get("requested_formats") or [info]
    sizes = [_count(f.get("filesize") or f.get("filesize_approx")) for f in formats]
    return sum(sizes) if all(sizes) else 0


def _count(value: object) -> int:
    return int(value) if isinstance(value, int | float) and value > 0 else 0
