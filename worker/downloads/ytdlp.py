"""yt-dlp as a library: its options here, one link in, one file out.

Runs in the download process, after `isolation`. Its answer is a path and what yt-dlp knows of
the media; whether that file exists and fits is looked up afterwards by those who send it.
"""

import functools
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from worker.downloads import bounds
from worker.downloads.programs import CONTAINERS
from worker.downloads.rules import Rules
from worker.jobs import Fault, JobError, Progress, Reason, Stage

COOKIES_NAME = "cookies.txt"
MEDIA_NAME = "media"

_REPORT_INTERVAL_S = 0.25
# What a container adds to its streams, and how far an estimate may be off.
_HEADROOM = 0.93
_AUDIO_SHARE = 0.15

_NOT_NOW: dict[str, tuple[Reason, str]] = {
    "is_live": (Reason.LIVE, "live now"),
    "post_live": (Reason.LIVE, "live until just now"),
    "is_upcoming": (Reason.NOT_STARTED, "not started"),
}

Report = Callable[[Progress], None]


def options(rules: Rules, has_ffmpeg: bool) -> dict[str, Any]:
    """Everything that yt-dlp is told; relative names mean the job's own directory."""
    return {
        # One file of a known name, whatever the page calls itself.
        "outtmpl": {"default": f"{MEDIA_NAME}.%(ext)s"},
        "restrictfilenames": True,
        "trim_file_name": 80,
        "updatetime": False,
        # One video: not a playlist, and not the end of an endless one to find its first.
        "noplaylist": True,
        "playlist_items": "1",
        "lazy_playlist": True,
        "match_filter": functools.partial(_refuse, max_file_bytes=rules.max_file_bytes),
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
            "ffmpeg_i": ["-protocol_whitelist", "file", "-format_whitelist", CONTAINERS]
        },
        "format": _format(rules.max_file_bytes, has_ffmpeg),
        "format_sort": ["res:1080", "vcodec:h264", "acodec:aac", "ext:mp4:m4a"],
        "merge_output_format": "mp4",
        # The log is a file.
        "noprogress": True,
        "color": "never",
    }


def _format(max_file_bytes: int, has_ffmpeg: bool) -> str:
    """Telegram's favourite that fits; when nothing is known to, the smallest there is."""
    whole = int(max_file_bytes * _HEADROOM)
    audio = int(whole * _AUDIO_SHARE)
    fits = f"[filesize<?{whole}][filesize_approx<?{whole}]"
    if not has_ffmpeg:
        return f"b{fits}/ba{fits}/b*{fits}/w*"
    video_fits = f"[filesize<?{whole - audio}][filesize_approx<?{whole - audio}]"
    audio_fits = f"[filesize<?{audio}][filesize_approx<?{audio}]"
    return f"bv*{video_fits}+ba{audio_fits}/b{fits}/ba{fits}/wv*+wa/w*"


def _refuse(info: Mapping[str, Any], *, max_file_bytes: int, incomplete: bool = False) -> None:
    """A match_filter of yt-dlp. Raises JobError; returns None for what may go on."""
    status = "is_live" if info.get("is_live") else str(info.get("live_status"))
    if status in _NOT_NOW:
        reason, detail = _NOT_NOW[status]
        raise JobError(reason, Fault.PERMANENT, detail)
    if not incomplete:  # a format is chosen
        bounds.check_length(info, max_file_bytes)


def fetch(
    url: str, rules: Rules, report: Report, extractors: Iterable[Any]
) -> tuple[Path, dict[str, Any]]:
    """Download the media behind `url` into the working directory.

    Returns the file's name and yt-dlp's info about it. Raises JobError for what is decided
    here, and whatever yt-dlp raises.
    """
    meter = _Meter(rules.max_file_bytes, report)
    params = options(rules, shutil.which("ffmpeg") is not None) | {
        "progress_hooks": [meter.on_progress],
        "postprocessor_hooks": [meter.on_postprocessor],
    }
    # Registering all extractors by yt-dlp's own matching of names costs 90 ms.
    with bounds.BoundedYoutubeDL(params) as ydl:
        for extractor in extractors:
            ydl.add_info_extractor(extractor)
        info = _first(ydl.extract_info(url, download=True))
    if info is None:
        raise JobError(Reason.NO_MEDIA, Fault.PERMANENT, "nothing was chosen for download")
    done = info.get("requested_downloads") or []
    path = done[-1].get("filepath") if done else None
    if not path:
        raise JobError(Reason.NO_MEDIA, Fault.PERMANENT, "nothing was downloaded")
    return Path(path), info


def _first(info: Any) -> dict[str, Any] | None:
    """The one video of a result, at whatever depth of playlists it stands."""
    while isinstance(info, dict) and "entries" in info:
        info = next((entry for entry in info["entries"] or () if entry), None)
    return info if isinstance(info, dict) else None


class _Meter:
    """Adds up what yt-dlp's hooks say, and stops what is announced as too large."""

    def __init__(self, limit_bytes: int, report: Report) -> None:
        self._limit = limit_bytes
        self._report = report
        self._next_report = 0.0
        self._done: dict[str, int] = {}
        # Fragments are fetched in threads, and each calls the hook.
        self._lock = threading.Lock()

    def on_progress(self, status: Mapping[str, Any]) -> None:
        """A progress hook of yt-dlp. Raises JobError when the file cannot be sent anyway."""
        info = status.get("info_dict") or {}
        done = _count(status.get("downloaded_bytes"))
        total = _count(status.get("total_bytes"))
        if max(done, total) > self._limit:
            raise JobError(
                Reason.TOO_LARGE, Fault.PERMANENT, f"{max(done, total)} bytes in one stream"
            )
        with self._lock:
            self._done[str(status.get("filename"))] = done
            now = time.monotonic()
            if status.get("status") != "downloading" or now < self._next_report:
                return
            self._next_report = now + _REPORT_INTERVAL_S
            sum_done = sum(self._done.values())
        expected = _expected_bytes(info) or total or _count(status.get("total_bytes_estimate"))
        self._report(
            Progress(
                Stage.DOWNLOADING,
                done_bytes=sum_done,
                total_bytes=max(expected, sum_done) if expected else None,
                speed_bps=float(status.get("speed") or 0) or None,
                eta_s=float(status["eta"]) if status.get("eta") is not None else None,
            )
        )

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
