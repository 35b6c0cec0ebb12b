"""Limit what a page may cost before there is a file: its size, its redirects, its fragments.

The worker limits time, memory and bytes on disk from outside. The limits here are reached sooner
and give a better reason.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping
from email.message import Message
from typing import Any

import yt_dlp
from yt_dlp.networking import Request
from yt_dlp.utils import KNOWN_EXTENSIONS, PagedList

from worker.downloads import spans
from worker.downloads.confinement.network import Network
from worker.downloads.judge.socks import plugin_proxy
from worker.downloads.media.preparing import Served
from worker.downloads.media.subtitles import LANGUAGE
from worker.downloads.players import is_address
from worker.downloads.reports import MAX_FILES
from worker.downloads.spans import Span
from worker.downloads.ytdlp.extractor_index import ExtractorIndex
from worker.downloads.ytdlp.failures.complaints import Complaint, complaint_in
from worker.downloads.ytdlp.network import content_length, radio
from worker.downloads.ytdlp.network import handlers as request_handlers
from worker.downloads.ytdlp.network.served import served
from worker.downloads.ytdlp.players.player_source import PlayerSource, response_of
from worker.errors import Fault, JobError, Reason

MAX_PAGE_BYTES = 16 * 1024 * 1024
"""The largest page or manifest, decompressed. Ten hours in fragments of two seconds with signed
URLs of 800 bytes are 14 MiB of HLS or DASH and take 50 MB of memory; in fragments of five seconds
with URLs of 1 300 bytes they are 9 MiB."""

MAX_HOPS = 20
"""The most pages that may lead from one to the next. A short link, its page, an embedded player and
the player's own site are four; browsers follow 20 redirects (Fetch Standard)."""

MAX_FRAGMENTS = 20_000
"""The most fragments of one stream: eleven hours in fragments of two seconds, about as short as
sites make them. One line of a DASH template can name any number; this many take 7 MB."""

LOWEST_BYTES_PER_S = 4_000
"""32 kbit/s. Media that would fit only at a lower rate are refused by their length."""

# A private attribute of YoutubeDL. Adding the extractors one by one would touch each, which costs
# 7 ms (see `extractor_index`).
_EXTRACTORS_ATTRIBUTE = "_ies"
# Another private one: chooses a browser to pass for, among those that a format names.
_FIND_TARGETS = "_parse_impersonate_targets"
_CHUNK_BYTES = 64 * 1024
_HLS_FRAGMENT = b"\n#EXTINF:"
SERVED = "served"
"""The key for the `Served` in a file's information, if the link leads straight to the file."""

IS_POST = "is_post"
"""The key that is true of a playlist that is one post, all of whose entries are wanted."""

MAX_VIDEOS = 10
"""The most videos of something that may be a post but may also be a channel."""

_UNKNOWN_EXTENSION = "unknown_video"


class LimitedYoutubeDL(yt_dlp.YoutubeDL):
    """A YoutubeDL for one link that raises JobError when a page exceeds the limits above."""

    def __init__(self, params: dict[str, Any], extractors: ExtractorIndex) -> None:
        super().__init__(params, auto_init=False)  # type: ignore[arg-type]
        self._extractors = extractors
        if hasattr(self, _EXTRACTORS_ATTRIBUTE):
            setattr(self, _EXTRACTORS_ATTRIBUTE, extractors)
        else:
            for extractor in extractors.values():
                self.add_info_extractor(extractor)
        self._hops = 0
        self.complaint: Complaint | None = None
        """The first warning of what only the operator can mend."""
        self.players: PlayerSource | None = None
        """Where solved players come from; None to solve each here."""
        self.network = Network.NONE
        """What keeps native code from the network. To be set before the first request."""
        self.span: Span | None = None
        """What is wanted of each video; None for what its page says."""
        self._latest: tuple[str, Message] = ("", Message())
        self.on_extracted: Callable[[Mapping[str, Any]], None] = lambda _: None
        """Is called with what an extractor has found of a video, before all else is done."""

    @property
    def served(self) -> Served:
        """What the latest response said about the file in it."""
        return served(*self._latest)

    @property
    def charset(self) -> str | None:
        """The encoding that the latest response named, in lower case."""
        return self._latest[1].get_content_charset()

    def extract_info(
        self, url: str, download: bool = True, ie_key: str | None = None, *args: Any, **options: Any
    ) -> Any:
        """Count the pages: yt-dlp calls this for the link and for each page that it leads to."""
        self._hops += 1
        if self._hops > MAX_HOPS:
            detail = f"more than {MAX_HOPS} pages that each refer to another"
            raise JobError(Reason.LEADS_NOWHERE, Fault.PERMANENT, detail)
        ie_key = ie_key or self._extractors.suitable(url)
        return super().extract_info(url, download, ie_key, *args, **options)

    def process_ie_result(
        self, ie_result: Any, download: bool = True, extra_info: Any = None
    ) -> Any:
        """Reduce a playlist to one post first."""
        if ie_result.get("_type") in ("playlist", "multi_video"):
            ie_result = {**ie_result, "entries": _one_post(ie_result)}
        return super().process_ie_result(ie_result, download, extra_info)

    def process_video_result(self, info_dict: Any, download: bool = True) -> Any:
        """Hide from yt-dlp that only a span of a video is wanted (see `spans`)."""
        self.on_extracted(info_dict)
        spans.take(info_dict, self.span)
        return super().process_video_result(info_dict, download)

    def process_info(self, info_dict: Any) -> None:
        """Replace an extension that yt-dlp does not know, such as `php`, by one that says nothing.

        yt-dlp refuses to write such files. Here no name is believed: `media` looks at the content.
        """
        for stream in (info_dict, *(info_dict.get("requested_formats") or ())):
            if stream.get("ext") not in KNOWN_EXTENSIONS and LANGUAGE not in stream:
                stream["ext"] = _UNKNOWN_EXTENSION
        super().process_info(info_dict)
        if info_dict.get("direct") and info_dict.get("extractor_key") == "Generic":
            info_dict[SERVED] = self.served

    def _forceprint(self, key: str, info_dict: Any) -> None:
        """Print nothing: yt-dlp lays out tables of all formats and captions for nobody to read.

        It does so seven times, 20 ms each for 56 formats and captions in 155 languages. If
        this private method of yt-dlp disappears, only that time is lost.
        """

    def report_warning(self, message: str, only_once: bool = False) -> None:
        """Note a warning that explains the failure that comes later."""
        self.complaint = self.complaint or complaint_in(message)
        super().report_warning(message, only_once)

    def build_request_director(self, handlers: Iterable[Any], preferences: Any = None) -> Any:
        """Leave out handlers whose connections could bypass the judge."""
        permitted = request_handlers.permitted(handlers, self.network)
        return super().build_request_director(permitted, preferences)

    def request_for(self, media: Mapping[str, Any], **headers: str) -> Request:
        """What to open for a format: with its headers, and a browser's handshake if it wants that.

        yt-dlp's own downloaders ask for it in the same way.
        """
        extensions = {}
        if (wanted := media.get("impersonate")) is not None:
            target, _ = getattr(self, _FIND_TARGETS)(wanted)
            extensions = {"impersonate": target} if target else {}
        headers = {**(media.get("http_headers") or {}), **headers}
        return Request(str(media.get("url")), headers=headers, extensions=extensions)

    def urlopen(self, req: Any) -> Any:
        """Limit how much of the response can be read at once; reading in chunks stays unlimited."""
        address = req if isinstance(req, str) else req.url
        if self.players and is_address(address) and (player := self.players.find(address)):
            return response_of(address, player)
        if isinstance(req, Request) and req.proxies and not any(req.proxies.values()):
            # As yt-dlp prescribes to plugins for servers on the same machine.
            req.proxies = {"all": plugin_proxy(self.params.get("proxy"))}
        response: Any = super().urlopen(req)
        content_length.correct(response.headers)
        if radio.is_radio(response.headers):
            response.close()
            raise JobError(Reason.LIVE, Fault.PERMANENT, "a radio station")
        self._latest = response.url, response.headers
        response.read = _limited(response.read)
        return response


def _one_post(playlist: Mapping[str, Any]) -> list[Any]:
    """The entries that somebody who sends a link to this playlist wants.

    Entries that come with their formats are a post with several videos. Of anything else only the
    first is wanted: an endless channel, a series, a web page with advertisements.
    """
    entries = playlist.get("entries") or ()
    if playlist.get(IS_POST):
        return list(entries[:MAX_FILES])
    if isinstance(entries, PagedList):
        return entries.getslice(0, 1)
    remaining = filter(None, entries)
    post = list(itertools.islice(remaining, 1))
    if post and is_media(post[0]) and playlist.get("extractor_key") != "Generic":
        post += itertools.takewhile(is_media, itertools.islice(remaining, MAX_VIDEOS - 1))
    return post


def is_media(entry: Mapping[str, Any]) -> bool:
    """Whether an entry of a playlist is media, and not a reference to some."""
    return str(entry.get("_type", "video")) == "video"


def _limited(read: Callable[..., bytes]) -> Callable[..., bytes]:
    def read_limited(amt: int | None = None) -> bytes:
        if amt is not None:
            return read(amt)
        chunks: list[bytes] = []
        left = MAX_PAGE_BYTES
        while chunk := read(min(_CHUNK_BYTES, left + 1)):
            left -= len(chunk)
            if left < 0:
                detail = f"a page of more than {MAX_PAGE_BYTES} bytes"
                raise JobError(Reason.HUGE_PAGE, Fault.PERMANENT, detail)
            chunks.append(chunk)
        page = b"".join(chunks)
        # yt-dlp queues all fragments of an HLS playlist before `check_length` sees any.
        _check_fragments(page.count(_HLS_FRAGMENT))
        return page

    return read_limited


def check_length(info: Mapping[str, Any], max_file_bytes: int) -> None:
    """Raise JobError for media with too many fragments, or too long to fit into `max_file_bytes`.

    `info` is what yt-dlp knows once formats are chosen. The length matters only while a stream's
    size is unknown.
    """
    duration_s = info.get("duration")
    streams = info.get("requested_formats") or [info]
    for stream in streams:
        if isinstance(fragments := stream.get("fragments"), list):
            _check_fragments(len(fragments))
    if (span := spans.of(info)) and isinstance(duration_s, int | float):
        duration_s = span.length_s(duration_s)
    if not isinstance(duration_s, int | float) or all(s.get("filesize") for s in streams):
        return
    if duration_s * LOWEST_BYTES_PER_S > max_file_bytes:
        raise JobError(Reason.TOO_LONG, Fault.PERMANENT, f"{duration_s:.0f} s")


def _check_fragments(count: int) -> None:
    if count > MAX_FRAGMENTS:
        raise JobError(Reason.TOO_LONG, Fault.PERMANENT, f"{count} fragments")
