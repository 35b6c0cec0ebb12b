"""What a page may cost before there is a file to be measured: its size, its detours, its pieces.

Time, memory and bytes on disk have limits of their own, from outside. These are reached sooner,
and say better what was wrong.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import yt_dlp
from yt_dlp.utils import PagedList

from worker.downloads.channel import MOST_FILES
from worker.downloads.ytdlp.extractor_index import ExtractorIndex
from worker.errors import Fault, JobError, Reason

MAX_PAGE_BYTES = 16 * 1024 * 1024
"""Of a page or manifest, decompressed. Ten hours in pieces of two seconds, each with an address of
800 bytes as signed ones have them, are 14 MiB of HLS or of DASH and take 50 MB of memory; in
pieces of five seconds with 1 300 bytes they are 9 MiB."""

MAX_HOPS = 20
"""From one page to the next. A short link, its page, the player in it and the player's own site are
four; browsers give up after as many redirects (Fetch Standard, HTTP-redirect fetch)."""

MAX_FRAGMENTS = 20_000
"""Of one stream: eleven hours in pieces of two seconds, the shortest that are usual. A template can
name any number of them in a line, and yt-dlp takes 7 MB for so many."""

LOWEST_BYTES_PER_S = 4_000
"""32 kbit/s. What would have to be smaller than that to fit is not worth looking for."""

HANDLERS = frozenset({"Requests", "Urllib", "Websockets"})
"""yt-dlp's request handlers that use Python's own sockets, so that the guard hears of them. What
else is installed, such as curl_cffi, connects past it."""

# Not a part of yt-dlp's interface. Adding each costs 7 ms, for each is touched; see `Catalogue`.
_THEIR_EXTRACTORS = "_ies"
_PIECE_BYTES = 64 * 1024
_HLS_FRAGMENT = b"\n#EXTINF:"


class BoundedYoutubeDL(yt_dlp.YoutubeDL):
    """A YoutubeDL for one link that neither reads nor wanders for ever. Raises JobError."""

    def __init__(self, params: dict[str, Any], extractors: ExtractorIndex) -> None:
        super().__init__(params, auto_init=False)  # type: ignore[arg-type]
        self._extractors = extractors
        if hasattr(self, _THEIR_EXTRACTORS):
            setattr(self, _THEIR_EXTRACTORS, extractors)
        else:
            for extractor in extractors.values():
                self.add_info_extractor(extractor)
        self._hops = 0

    def extract_info(
        self, url: str, download: bool = True, ie_key: str | None = None, *args: Any, **options: Any
    ) -> Any:
        """yt-dlp's own, called for the link and again for each that a page refers to."""
        self._hops += 1
        if self._hops > MAX_HOPS:
            detail = f"more than {MAX_HOPS} pages that each name another"
            raise JobError(Reason.LEADS_NOWHERE, Fault.PERMANENT, detail)
        ie_key = ie_key or self._extractors.suitable(url)
        return super().extract_info(url, download, ie_key, *args, **options)

    def process_ie_result(
        self, ie_result: Any, download: bool = True, extra_info: Any = None
    ) -> Any:
        """yt-dlp's own, after a playlist was cut down to one post."""
        if ie_result.get("_type") in ("playlist", "multi_video"):
            ie_result = {**ie_result, "entries": _one_post(ie_result)}
        return super().process_ie_result(ie_result, download, extra_info)

    def build_request_director(self, handlers: Iterable[Any], preferences: Any = None) -> Any:
        """yt-dlp's own, with the handlers that the guard hears of."""
        heard = [handler for handler in handlers if handler.RH_KEY in HANDLERS]
        return super().build_request_director(heard, preferences)

    def urlopen(self, req: Any) -> Any:
        """yt-dlp's own; the answer can be read in pieces as before, but as a whole to a limit."""
        response: Any = super().urlopen(req)
        response.read = _bounded(response.read)
        return response


def _one_post(playlist: Mapping[str, Any]) -> list[Any]:
    """What a person meant who sent a link to this playlist.

    A post with several videos comes with all that is known of each. The first is enough of
    anything else: an endless channel, a series, a page of the web with advertisements.
    """
    entries = playlist.get("entries") or ()
    if isinstance(entries, PagedList):
        return entries.getslice(0, 1)
    coming = filter(None, entries)
    post = list(itertools.islice(coming, 1))
    if post and _is_complete(post[0]) and playlist.get("extractor_key") != "Generic":
        post += itertools.takewhile(_is_complete, itertools.islice(coming, MOST_FILES - 1))
    return post


def _is_complete(entry: Mapping[str, Any]) -> bool:
    return str(entry.get("_type", "video")) == "video"


def _bounded(read: Callable[..., bytes]) -> Callable[..., bytes]:
    def read_bounded(amt: int | None = None) -> bytes:
        if amt is not None:
            return read(amt)
        pieces: list[bytes] = []
        left = MAX_PAGE_BYTES
        while piece := read(min(_PIECE_BYTES, left + 1)):
            left -= len(piece)
            if left < 0:
                detail = f"a page of more than {MAX_PAGE_BYTES} bytes"
                raise JobError(Reason.HUGE_PAGE, Fault.PERMANENT, detail)
            pieces.append(piece)
        page = b"".join(pieces)
        # yt-dlp hands all of a playlist's pieces to its threads before it looks at the first.
        _check_fragments(page.count(_HLS_FRAGMENT))
        return page

    return read_bounded


def check_length(info: Mapping[str, Any], max_file_bytes: int) -> None:
    """Refuse media in too many pieces, or that by its length cannot fit. Raises JobError.

    `info` is what yt-dlp knows when formats are chosen. The length counts where no size is known.
    """
    duration_s = info.get("duration")
    streams = info.get("requested_formats") or [info]
    for stream in streams:
        if isinstance(fragments := stream.get("fragments"), list):
            _check_fragments(len(fragments))
    if not isinstance(duration_s, int | float) or all(s.get("filesize") for s in streams):
        return
    if duration_s * LOWEST_BYTES_PER_S > max_file_bytes:
        raise JobError(Reason.TOO_LONG, Fault.PERMANENT, f"{duration_s:.0f} s")


def _check_fragments(count: int) -> None:
    if count > MAX_FRAGMENTS:
        raise JobError(Reason.TOO_LONG, Fault.PERMANENT, f"{count} pieces")
