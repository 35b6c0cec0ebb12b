"""Look at what there is behind a link, as a download would, and fetch nothing of it.

Runs in the download process, after `isolation`.
"""

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any

from worker.downloads import spans
from worker.downloads.limits import DownloadLimits
from worker.downloads.media.contents import positive
from worker.downloads.reports import FoundMedia
from worker.downloads.ytdlp.extractor_index import ExtractorIndex
from worker.downloads.ytdlp.failures import starts
from worker.downloads.ytdlp.fetch import (
    extract_info,
    opened,
    qualities_of,
    title_of,
    videos_in,
    why_nothing,
)
from worker.downloads.ytdlp.formats.formats import Chooser
from worker.downloads.ytdlp.lists import ListFound
from worker.downloads.ytdlp.posts import PostYoutubeDL
from worker.downloads.ytdlp.transfer.meter import Report
from worker.errors import Fault, JobError, Reason
from worker.form import What
from worker.protocol import Download
from worker.protocol.lists import MediaList
from worker.protocol.looks import MAX_RESULTS, Live, MediaLook, SearchResult

_LIVE = {
    "is_live": Live.NOW,
    "post_live": Live.OVER,
    "is_upcoming": Live.SOON,
    "was_live": Live.OVER,
}
_NOT_TO_BE_SENT = frozenset({Reason.TOO_LARGE, Reason.NO_FORMAT, Reason.NO_SOUND})
# How many results of a search are looked through for videos.
_MOST_ENTRIES = 40


def look(
    task: Download, limits: DownloadLimits, report: Report, extractors: ExtractorIndex
) -> MediaLook | MediaList:
    """What the site of the task's link says about the media behind it, or finds by its words.

    Raises JobError for what is decided here, and whatever yt-dlp raises.
    """
    with opened(task, limits, report, extractors) as (ydl, chooser, _):
        if task.form.what is What.SEARCH:
            return MediaLook(results=_results(ydl, task.url))
        ydl.params["match_filter"] = _learning(chooser, is_awaited=task.form.awaits_start)
        ydl.format_selector = _choosing_any(chooser)
        # While nothing is to be downloaded, no format is worth a request.
        chooser.peek = lambda _: {}
        try:
            found = extract_info(ydl, task.url, download=False)
        except ListFound as listed:
            return listed.found
        videos = list(videos_in(found))
        if not videos:
            raise why_nothing(ydl)
        if len(videos) == 1 and spans.of(videos[0]) is None:
            report(FoundMedia(str(videos[0].get("extractor_key")), str(videos[0].get("id"))))
        qualities = qualities_of(ydl, chooser) if len(videos) == 1 else ()
        return _told(videos[0], qualities)


def _learning(chooser: Chooser, *, is_awaited: bool) -> Callable[..., None]:
    def learn(info: MutableMapping[str, Any], **_: bool) -> None:
        # yt-dlp calls this before it chooses formats. Returning None lets it go on.
        starts.refuse_unmade(info)
        if is_awaited:
            starts.refuse_upcoming(info)
        chooser.prepare(info)

    return learn


def _choosing_any(chooser: Chooser) -> Callable[[Mapping[str, Any]], Iterator[Any]]:
    """Choose as the chooser does, or anything if it wants none of what there is."""

    def choose(context: Mapping[str, Any]) -> Iterator[Any]:
        try:
            yield from chooser(context)
        except JobError as error:
            if error.reason not in _NOT_TO_BE_SENT:
                raise
            yield from (context.get("formats") or ())[-1:]

    return choose


def _told(info: Mapping[str, Any], qualities: Any) -> MediaLook:
    views = info.get("view_count")
    return MediaLook(
        title=str(title_of(info) or ""),
        uploader=next((str(info[key]) for key in ("uploader", "channel") if info.get(key)), None),
        uploaded_on=_date_of(info),
        duration_s=positive(info.get("duration")),
        views=views if isinstance(views, int) and views >= 0 else None,
        description=str(info.get("description") or ""),
        live=Live.NOW if info.get("is_live") else _LIVE.get(str(info.get("live_status"))),
        qualities=qualities,
    )


def _date_of(info: Mapping[str, Any]) -> str | None:
    """When it was uploaded, as a date in ISO 8601; None if that is not known."""
    with contextlib.suppress(ValueError):
        given = datetime.strptime(str(info.get("upload_date")), "%Y%m%d").replace(tzinfo=UTC)
        return given.date().isoformat()
    return None


def _results(ydl: PostYoutubeDL, url: str) -> tuple[SearchResult, ...]:
    """The first videos that a search finds, each at its own address."""
    found = ydl.extract_info(url, download=False, process=False)
    entries = itertools.islice((found or {}).get("entries") or (), _MOST_ENTRIES)
    videos = (entry for entry in entries if entry and entry.get("ie_key") == "Youtube")
    results = tuple(map(_result, itertools.islice(videos, MAX_RESULTS)))
    if not results:
        raise JobError(Reason.NOTHING_FOUND, Fault.PERMANENT, "no video among the results")
    return results


def _result(entry: Mapping[str, Any]) -> SearchResult:
    uploader = entry.get("uploader") or entry.get("channel")
    return SearchResult(
        str(entry.get("id")),
        str(entry.get("title") or ""),
        str(uploader) if uploader else None,
        positive(entry.get("duration")),
    )
