"""Download the files of one link with yt-dlp.

Runs in the download process, after `isolation`. Whether the files exist and can be sent is
checked afterwards.
"""

import contextlib
import functools
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from yt_dlp.utils import DownloadError, UnsupportedError, YoutubeDLError

from worker.downloads import program_paths, spans
from worker.downloads.file_names import MEDIA_NAME
from worker.downloads.limits import DownloadLimits
from worker.downloads.media import joining
from worker.downloads.media.conversion import budget_of
from worker.downloads.media.finishing import contents_of
from worker.downloads.media.mp4 import reader
from worker.downloads.media.preparing import Downloaded
from worker.downloads.reports import MAX_QUALITIES
from worker.downloads.ytdlp import details, extraction, options
from worker.downloads.ytdlp.extractor_index import ExtractorIndex
from worker.downloads.ytdlp.failures.errors import classify
from worker.downloads.ytdlp.formats.formats import Chooser
from worker.downloads.ytdlp.lists import ListFound
from worker.downloads.ytdlp.network import page_limits, small_fetches
from worker.downloads.ytdlp.players import javascript
from worker.downloads.ytdlp.players.player_source import PlayerSource
from worker.downloads.ytdlp.posts import PostYoutubeDL
from worker.downloads.ytdlp.transfer.meter import LIMIT_BYTES, Meter, Report
from worker.errors import Fault, JobError, Reason
from worker.protocol import Download, Note, Progress, Stage
from worker.protocol.choices import NO_OFFER, Quality, SiteOffer
from worker.protocol.lists import MediaList

# The share of the patience with a site that the worker has for solving a player.
_SHARE_FOR_PLAYER = 0.5
# How many choices of formats are tried before the link counts as too large.
_MAX_CHOICES = 4

# What a site answers for a variant that it lists but does not have; others may be there.
_OF_A_VARIANT = frozenset(
    {Reason.NOT_FOUND, Reason.FORBIDDEN, Reason.SITE_ERROR, Reason.BROKEN_FILE}
)

_TOO_LARGE_NOTES = frozenset({Note.LOWER_QUALITY, Note.AUDIO_ONLY})


@dataclass(frozen=True)
class Fetched:
    """Files in the working directory in order.

    A post can come without one of its files; any other answer cannot.
    """

    files: tuple[Downloaded, ...]
    note: Note | None = None
    is_post: bool = False
    offer: SiteOffer = NO_OFFER
    found_list: MediaList | None = None


def fetch(
    task: Download, limits: DownloadLimits, report: Report, extractors: ExtractorIndex
) -> Fetched:
    """Download the media behind the task's link into the working directory, or return its list.

    If a file proves too large, the next best format is tried, and a video that proves to be silent
    is fetched again with the sound that its site has beside it. Raises JobError for what is decided
    here, and whatever yt-dlp raises.
    """
    try:
        fetched = _fetch(task, limits.within(task.max_bytes), report, extractors)
    except ListFound as listed:
        return Fetched((), found_list=listed.found)
    except (JobError, YoutubeDLError, OSError) as error:
        if task.max_bytes is not None and classify(error).reason is Reason.TOO_LARGE:
            detail = f"nothing is as small as the {task.max_bytes} bytes that came in time"
            raise JobError(Reason.TIMED_OUT, Fault.PERMANENT, detail) from error
        raise
    if task.max_bytes is not None and fetched.note in _TOO_LARGE_NOTES:
        return replace(fetched, note=Note.SLOW_SITE)
    return fetched


def _fetch(
    task: Download, limits: DownloadLimits, report: Report, extractors: ExtractorIndex
) -> Fetched:
    with opened(task, limits, report, extractors) as (ydl, chooser, meter):
        chooser.works = ydl.can_fetch
        for tries_left in reversed(range(_MAX_CHOICES)):
            files = _try(ydl, task.url, meter, chooser, is_last=not tries_left)
            if files:
                return Fetched(
                    tuple(details.with_segments(ydl, file, task.form) for file in files),
                    _note_of(ydl) or chooser.note,
                    is_post=ydl.is_in_post,
                    offer=_offer(ydl, chooser, files),
                )
            _start_again(ydl, meter)
    raise AssertionError("the last try returns or raises")


class Opened(NamedTuple):
    """What a download of a link works with: yt-dlp, the chooser of formats, and the meter."""

    ydl: PostYoutubeDL
    chooser: Chooser
    meter: Meter


@contextlib.contextmanager
def opened(
    task: Download, limits: DownloadLimits, report: Report, extractors: ExtractorIndex
) -> Iterator[Opened]:
    """Set up yt-dlp, chooser and meter for a link, and close them after the block."""
    has_ffmpeg = "ffmpeg" not in program_paths.missing_ffmpeg()
    chooser = Chooser(
        budget_of(limits),
        has_ffmpeg,
        max_parts=limits.max_parts if has_ffmpeg and not task.form.as_file else 1,
        form=task.form,
    )
    meter = Meter(limits.max_file_bytes, report, chooser.switch_to_cutting, spans.asked(task.form))
    runtime = javascript.find().runtime
    os.environ.update(runtime.environment if runtime else {})
    params = options.for_download(limits, chooser, meter.begin) | {
        "progress_hooks": [meter.on_progress],
        "postprocessor_hooks": [meter.on_postprocessor],
    }

    def join(path: Path) -> None:
        if joining.needs_joining(path):
            report(Progress(Stage.FINISHING, done_bytes=path.stat().st_size))
            joining.join(path, limits)

    made = PostYoutubeDL(
        params,
        extractors,
        join,
        limits,
        form=task.form,
        players=PlayerSource(report, limits.idle_timeout_s * _SHARE_FOR_PLAYER),
        on_whole=functools.partial(setattr, chooser, "comes_in_part", False),
        on_extracted=functools.partial(extraction.write, own_headers=limits.headers),
    )
    with made as ydl, _complaint_blamed(ydl):
        chooser.peek = functools.partial(small_fetches.codecs_of, ydl)
        yield Opened(ydl, chooser, meter)


@contextlib.contextmanager
def _complaint_blamed(ydl: page_limits.LimitedYoutubeDL) -> Iterator[None]:
    """Blame the operator for errors that follow from what only the operator can mend."""
    try:
        yield
    except (JobError, YoutubeDLError, OSError) as error:
        if not ydl.complaint:
            raise
        raise ydl.complaint.blamed(classify(error)) from error


def _offer(ydl: PostYoutubeDL, chooser: Chooser, files: Sequence[Downloaded]) -> SiteOffer:
    return SiteOffer(
        qualities=qualities_of(ydl, chooser),
        description=details.description(files[0].info),
        chapters=details.chapters_of(files),
        languages=() if ydl.is_in_post else chooser.languages,
        subtitles=details.subtitles_of(files),
    )


def qualities_of(ydl: PostYoutubeDL, chooser: Chooser) -> tuple[Quality, ...]:
    """The qualities of the link's one video; none for a post."""
    return () if ydl.is_in_post else chooser.qualities[:MAX_QUALITIES]


def _note_of(ydl: PostYoutubeDL) -> Note | None:
    """What to tell people of a post that has not come whole."""
    if ydl.left_out:
        return Note.INCOMPLETE
    return Note.MORE_IN_POST if ydl.has_more else None


def _try(
    ydl: PostYoutubeDL, url: str, meter: Meter, chooser: Chooser, *, is_last: bool
) -> tuple[Downloaded, ...] | None:
    """The files of one choice of formats; None if another choice is to be tried."""
    ydl.leaves_out_large = ydl.leaves_out_large or is_last
    try:
        files = _extract(ydl, url, meter)
    except (JobError, YoutubeDLError, OSError) as error:
        if _is_of_a_variant(error, ydl):
            first = ydl.first_failure = ydl.first_failure or error
            if is_last or not chooser.leave_out(ydl.missing):
                raise first from first.__cause__
            return None
        if is_last or classify(error).reason is not Reason.TOO_LARGE:
            raise
        chooser.exclude(meter.announced_bytes)
        if not chooser.has_choice():
            if not ydl.is_in_post or ydl.leaves_out_large:
                raise
            ydl.leaves_out_large = True
        return None
    silent = [file.info for file in files if _is_silent(file, chooser)]
    for info in silent:
        chooser.note_silent(info)
    return files if is_last or not silent else None


def _is_of_a_variant(error: Exception, ydl: PostYoutubeDL) -> bool:
    """Whether one variant of a video is missing at its site, as far as was tried."""
    return ydl.missing is not None and classify(error).reason in _OF_A_VARIANT


def _extract(ydl: PostYoutubeDL, url: str, meter: Meter) -> tuple[Downloaded, ...]:
    start_again = functools.partial(_start_again, ydl, meter)
    found = extraction.begin_with_earlier(ydl, start_again) or extract_info(ydl, url)
    videos = list(videos_in(found))
    if not videos:
        raise why_nothing(ydl)
    files = []
    for info in videos:
        done = info.get("requested_downloads") or []
        path = done[-1].get("filepath") if done else None
        if not path:
            raise JobError(Reason.NO_MEDIA, Fault.PERMANENT, "nothing was downloaded")
        with contextlib.suppress(FileNotFoundError):
            size = os.stat(path, follow_symlinks=False).st_size
            meter.check_size(size, done[-1][LIMIT_BYTES])
        small_fetches.fetch_cover(ydl, Path(path), info)
        served = done[-1].get(page_limits.SERVED)
        title = (served and served.title) or title_of(info)
        files.append(Downloaded(Path(path), {**info, "title": title}, served))
    return tuple(files)


def title_of(info: Mapping[str, Any]) -> Any:
    # yt-dlp makes one up for a file whose link has no name; "fulltitle" is what there was.
    is_made_up = info.get("direct") and not info.get("fulltitle")
    return "" if is_made_up else info.get("title")


def extract_info(ydl: PostYoutubeDL, url: str, *, download: bool = True) -> Any:
    """Download what a link leads to: its media, a post, or itself if it is no page but a file.

    Without `download` it is only looked at. yt-dlp takes every text that begins with `<` for a
    page, also an SVG picture.
    """
    failure: Exception
    try:
        if any(videos_in(found := ydl.extract_info(url, download))):
            return found
        failure = why_nothing(ydl)
    except DownloadError as error:
        # Failures from here on are no consequence of this one.
        failure = error
    if post := ydl.process_unseen_post(failure, download):
        return post
    if not _is_unsupported(failure) or ydl.served.is_page:
        raise failure
    name = urlsplit(url).path.rpartition("/")[2]
    file = {"id": name or "file", "title": unquote(PurePosixPath(name).stem), "url": url}
    generic = {"extractor": "generic", "extractor_key": "Generic", "direct": True}
    return ydl.process_ie_result({**file, **generic}, download)


def why_nothing(ydl: PostYoutubeDL) -> Exception:
    """The error for a link that led to no file although yt-dlp reported no failure."""
    nothing = JobError(Reason.NO_MEDIA, Fault.PERMANENT, "nothing was chosen for download")
    return next(iter(ydl.left_out), nothing)


def _is_unsupported(error: Exception) -> bool:
    exc_info = error.exc_info if isinstance(error, DownloadError) else None
    return exc_info is not None and isinstance(exc_info[1], UnsupportedError)


def _is_silent(file: Downloaded, chooser: Chooser) -> bool:
    """Whether a video has come without the sound that its site has in a track beside it."""
    if not chooser.may_lack_sound(file.info):
        return False
    try:
        found = reader.read(file.path).contents or contents_of(file.path)
    except (JobError, OSError):
        return False  # what to say about a broken file is decided later
    return found.video is not None and found.audio is None


def _start_again(ydl: PostYoutubeDL, meter: Meter) -> None:
    """Forget what was fetched, and remove what yt-dlp would try to resume."""
    meter.start_again()
    ydl.begin_again()
    ydl.missing = None
    for path in Path().glob(f"{MEDIA_NAME}*"):
        path.unlink()


def videos_in(info: Any) -> Iterator[dict[str, Any]]:
    """The videos in a result of yt-dlp, in playlists of any depth."""
    if not isinstance(info, dict) or not info:
        return
    if "entries" not in info:
        yield info
    for entry in info.get("entries") or ():
        yield from videos_in(entry)
