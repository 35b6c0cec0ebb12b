"""What yt-dlp is told: its options.

Runs in the download process.
"""

import os
from collections.abc import Callable, MutableMapping
from typing import Any

from worker.downloads import spans
from worker.downloads.file_names import COOKIES_NAME, MEDIA_NAME
from worker.downloads.limits import DownloadLimits
from worker.downloads.media import ffmpeg
from worker.downloads.reports import MAX_FILES
from worker.downloads.ytdlp import site_options
from worker.downloads.ytdlp.failures import starts
from worker.downloads.ytdlp.formats.formats import Chooser
from worker.downloads.ytdlp.network import page_limits
from worker.downloads.ytdlp.players import javascript
from worker.downloads.ytdlp.transfer.meter import CONCURRENT_FRAGMENTS

# The preferred height, unless somebody has asked for another.
_HEIGHT = 1080
_PLAYS_EVERYWHERE = ("+hdr", "vcodec:h264", "acodec:aac", "ext:mp4:m4a")
_SHARE_OF_PATIENCE = 0.9
# Between tries for a piece, where each pause is twice as long as the one before.
_FIRST_PAUSE_S = 0.5
_SHARE_FOR_PAUSE = 0.1


def for_download(
    limits: DownloadLimits,
    chooser: Chooser,
    begin: Callable[[MutableMapping[str, Any], int], None],
) -> dict[str, Any]:
    """All options for yt-dlp. Relative file names refer to the job's own directory.

    `begin` is called with each video that is about to be downloaded, and the number of files that
    it may fill.
    """

    def admit(info: MutableMapping[str, Any], *, incomplete: bool = False) -> None:
        # yt-dlp calls this before and after it chooses formats. Returning None lets it go on.
        starts.refuse_live(info)
        chooser.prepare(info)
        if chooser.span and chooser.span.length_s(chooser.duration_s) == 0:
            raise spans.beyond_the_end()
        if not incomplete:
            page_limits.check_length(info, limits.max_answer_bytes)
            begin(info, chooser.parts)

    def pause_s(n: int) -> float:
        # The worker takes a site for silent that sends nothing for as long as it waits.
        return min(_FIRST_PAUSE_S * (1 << n), limits.idle_timeout_s * _SHARE_FOR_PAUSE)

    form = chooser.form
    height = form.max_height or ("" if form.as_file else _HEIGHT)
    return {
        # File names do not depend on the page.
        "outtmpl": {"default": f"{MEDIA_NAME}%(playlist_index&-{{}}|)s.%(ext)s"},
        "restrictfilenames": True,
        "trim_file_name": 80,
        "updatetime": False,
        # One post and no playlist; an endless one must not be read to its end.
        "noplaylist": not chooser.form.whole_list,
        "playlist_items": f"1:{MAX_FILES}",
        "lazy_playlist": True,
        "match_filter": admit,
        # Nothing is read from this machine or kept for the next download.
        "cachedir": False,
        "usenetrc": False,
        "default_search": "error",
        "enable_file_urls": False,
        "proxy": limits.proxy or "",
        "cookiefile": COOKIES_NAME if os.path.exists(COOKIES_NAME) else None,
        # A little less than the worker's own patience, so that yt-dlp says what it waited for.
        "socket_timeout": _SHARE_OF_PATIENCE * limits.idle_timeout_s,
        # Few retries, because the dispatcher tries the whole job again.
        "retries": 2,
        "fragment_retries": 3,
        "extractor_retries": 1,
        "file_access_retries": 1,
        # A site that is busy with a piece may have it a second later.
        "retry_sleep_functions": dict.fromkeys(("http", "fragment"), pause_s),
        "skip_unavailable_fragments": False,
        "concurrent_fragment_downloads": CONCURRENT_FRAGMENTS,
        # yt-dlp starts nothing that fetches; see `ffmpeg_downloader` for what it cannot fetch.
        "external_downloader": {"default": "native"},
        # `finishing` makes all repairs in one run of ffmpeg.
        "fixup": "never",
        "postprocessor_args": {"merger+ffmpeg_i": list(ffmpeg.INPUT_LIMITS)},
        "format": chooser,
        "format_sort": [f"res:{height}".rstrip(":"), *([] if form.as_file else _PLAYS_EVERYWHERE)],
        "merge_output_format": "mp4/mkv" if form.as_file else "mp4",
        # Output goes to a log file.
        "noprogress": True,
        "color": "never",
        **site_options.combined(limits, javascript.find().options),
    }
