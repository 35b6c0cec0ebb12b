"""Record a live stream: fetch the pieces that its playlists name, for as long as is wanted.

Runs in the download process, after `isolation`. yt-dlp leaves live HLS to ffmpeg, which has neither
cookies nor a browser's handshake, and whose connections are not confined on every machine. So the
pieces are fetched here, each once and in order, as yt-dlp fetches those of other streams.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urljoin

from yt_dlp.aes import aes_cbc_decrypt_bytes
from yt_dlp.utils import YoutubeDLError, parse_m3u8_attributes

from worker.clocks import Monotonic, monotonic
from worker.downloads.confinement.file_limit import allow_file
from worker.downloads.confinement.network import Network
from worker.downloads.limits import DownloadLimits
from worker.downloads.media import recorded
from worker.downloads.media.recorded import RecordedTrack
from worker.downloads.ytdlp.extractor_index import ExtractorIndex
from worker.downloads.ytdlp.failures import starts
from worker.downloads.ytdlp.failures.errors import classify, of_a_page
from worker.downloads.ytdlp.fetch import (
    Fetched,
    extract_info,
    fetch,
    opened,
    videos_in,
    why_nothing,
)
from worker.downloads.ytdlp.formats.formats import Chooser
from worker.downloads.ytdlp.lists import ListFound
from worker.downloads.ytdlp.posts import PostYoutubeDL
from worker.downloads.ytdlp.transfer import hls, hls_variables, ranges
from worker.downloads.ytdlp.transfer.ffmpeg_downloader import needs_ffmpeg
from worker.downloads.ytdlp.transfer.hls import HlsPart, HlsPiece
from worker.downloads.ytdlp.transfer.meter import Report
from worker.errors import Fault, JobError, Reason
from worker.protocol import Download, Progress, Stage

MAX_PIECE_BYTES = 64 * 1024 * 1024
"""The largest piece of a stream: ten seconds of 50 Mbit/s. In memory until it is decrypted."""

_CHUNK_BYTES = 64 * 1024
# A recording ends by itself before the worker would end it for its silence.
_SHARE_OF_PATIENCE = 0.8
_LEAST_WAIT_S, _LONGEST_WAIT_S = 0.2, 10.0
# Between two tries that fail the wait doubles, so that a site that turns it away is not asked five
# times a second, and stays short enough for the next pieces.
_LONGEST_FAILED_WAIT_S = 2.0
_TRIES = 3
# RFC 8216, 4.2.
_LAST_NUMBER = 2**64 - 1
# How much longer than the wanted time a recording may take: its last piece comes late.
_LATE_S = 30.0
# Some servers are a few pieces behind others; more than this means that the stream began again.
_STALE_PIECES = 50


def record(
    task: Download, limits: DownloadLimits, report: Report, extractors: ExtractorIndex
) -> Fetched:
    """Record the live stream behind the task's link, unless an earlier attempt has.

    A stream that is over by now is downloaded. Raises JobError, and whatever yt-dlp raises.
    """
    if not recorded.tracks():
        if not task.record_s:
            raise JobError(Reason.LIVE, Fault.PERMANENT, "nothing may be recorded of it")
        if not _record(task, limits, report, extractors):
            return fetch(task, limits, report, extractors)
    report(Progress(Stage.FINISHING, done_bytes=sum(t.size_bytes for t in recorded.tracks())))
    file, note = recorded.take(limits)
    return Fetched((file,), note)


def _record(
    task: Download, limits: DownloadLimits, report: Report, extractors: ExtractorIndex
) -> bool:
    """Record the link's stream to disk; False if it is not live."""
    with opened(task, limits, report, extractors) as (ydl, chooser, _):
        ydl.params["match_filter"] = _admitting(chooser, task.record_s)
        ydl.format_selector = _choosing(chooser)
        chooser.peek = lambda _: {}
        try:
            found = extract_info(ydl, task.url, download=False)
        except ListFound:
            return False
        except JobError as error:
            if error.reason is not Reason.LIVE:
                raise
            # What never ends and is not HLS; that it is live has been said already.
            raise JobError(Reason.NO_FORMAT, Fault.PERMANENT, error.detail) from error
        video = next(videos_in(found), None)
        if video is None:
            raise why_nothing(ydl)
        if not video.get("is_live"):
            return False
        most_bytes = int(limits.max_answer_bytes * recorded.MOST_SHARE)
        allow_file(limits.max_answer_bytes)
        recorded.note_beginning(video, task.record_s)
        sources = [
            LiveSource(ydl, media, RecordedTrack(number), task.record_s)
            for number, media in enumerate(video.get("requested_formats") or [video])
        ]
        patience_s = limits.idle_timeout_s * _SHARE_OF_PATIENCE
        Recording(sources, task.record_s, most_bytes, patience_s).run(report)
        return True


def _admitting(chooser: Chooser, record_s: float) -> Callable[..., None]:
    def admit(info: Mapping[str, Any], **_: bool) -> None:
        # yt-dlp calls this before it chooses formats. Returning None lets it go on.
        starts.refuse_upcoming(info)
        chooser.duration_s = record_s

    return admit


def _choosing(chooser: Chooser) -> Callable[[Mapping[str, Any]], Iterator[Any]]:
    """Choose as the chooser does, but only HLS; if all is too large, the smallest."""

    def choose(context: Mapping[str, Any]) -> Iterator[Any]:
        formats = [f for f in context.get("formats") or () if f.get("protocol") in hls.PROTOCOLS]
        try:
            yield from chooser({**context, "formats": formats})
        except JobError as error:
            if error.reason is not Reason.TOO_LARGE:
                raise
            yield chooser.least()

    return choose


class NoMoreRoom(Exception):
    """Raised when the next piece would make the recording larger than it may be."""


class LiveSource:
    """A live stream: its playlist, which grows, and the track that is recorded from it."""

    def __init__(
        self, ydl: PostYoutubeDL, media: Mapping[str, Any], track: RecordedTrack, wanted_s: float
    ) -> None:
        self.track = track
        self.next_at = 0.0
        """When its playlist is to be looked at again, in monotonic seconds."""
        self.heard_at: Monotonic | None = None
        """When the last piece came."""
        self._ydl = ydl
        self._media = media
        self._wanted_s = wanted_s
        self._next: int | None = None
        self._written_init: HlsPart | None = None
        self._keys: dict[str, bytes] = {}
        self._tries = 0
        self._failed_wait_s = _LEAST_WAIT_S

    @property
    def is_done(self) -> bool:
        """Whether as much as is wanted is there, or the stream has ended."""
        return self.track.has_ended or self.track.length_s >= self._wanted_s

    def step(self, room_bytes: int, now: Monotonic) -> None:
        """Look at the playlist and fetch what is new in it.

        Raises NoMoreRoom, and whatever yt-dlp raises; after that the next step goes on where this
        one ended.
        """
        self.next_at = now + self._failed_wait_s
        self._failed_wait_s = min(2 * self._failed_wait_s, _LONGEST_FAILED_WAIT_S)
        response = self._ydl.urlopen(self._ydl.request_for(self._media))
        url = response.url
        text = hls_variables.replaced(hls.decoded(response.read()), url)
        if not hls.is_playlist(text):
            raise of_a_page(url)
        needs_ffmpeg(hls.rewritten(text), Network.NONE)
        new = self._new(hls.pieces(text))
        for piece in new:
            room_bytes -= self._take(piece, url, room_bytes)
            self.heard_at = monotonic()
            self._failed_wait_s = _LEAST_WAIT_S
            if self.is_done:
                return
        if hls.is_complete(text):
            self.track.end()
        self._failed_wait_s = _LEAST_WAIT_S
        # RFC 8216, 6.3.4: after as long as a piece lasts, or half of that if nothing was new.
        wait_s = hls.target_s(text) * (1.0 if new else 0.5)
        self.next_at = now + min(max(wait_s, _LEAST_WAIT_S), _LONGEST_WAIT_S)

    def _new(self, listed: Sequence[HlsPiece]) -> list[HlsPiece]:
        """The pieces that have not been taken yet; at first only the latest one."""
        if not listed:
            return []
        latest = listed[-1].number
        if self._next is None or latest < self._next - _STALE_PIECES:
            self._next = latest
        return [piece for piece in listed if piece.number >= (self._next or 0)]

    def _take(self, piece: HlsPiece, playlist_url: str, room_bytes: int) -> int:
        """Fetch a piece, add it to the file and return its size; 0 if it cannot be had."""
        try:
            data = self._with_init(piece, playlist_url)
        except (YoutubeDLError, OSError, ValueError, JobError):
            self._tries += 1
            if self._tries < _TRIES:
                raise
            data = b""
        if len(data) > room_bytes:
            raise NoMoreRoom
        if data or self.track.size_bytes:
            self.track.add(data, piece.length_s)
        if data:
            self._written_init = piece.init
        self._next, self._tries = piece.number + 1, 0
        return len(data)

    def _with_init(self, piece: HlsPiece, playlist_url: str) -> bytes:
        if piece.part is None:
            return b""
        data = self._fetch(piece.part, playlist_url, piece.number)
        if piece.init and piece.init != self._written_init:
            return self._fetch(piece.init, playlist_url, piece.number) + data
        return data

    def _fetch(self, part: HlsPart, playlist_url: str, number: int) -> bytes:
        media = {**self._media, "url": urljoin(playlist_url, part.url)}
        headers = {"Accept-Encoding": "identity"}
        if part.range:
            length, start = map(int, part.range.split("@"))
            headers["Range"] = f"bytes={start}-{start + length - 1}"
        request = self._ydl.request_for(media, **headers)
        response = self._ydl.urlopen(request)
        if not ranges.is_met(request, response):
            response = ranges.cut(request, response)
        data = _read(response)
        key = parse_m3u8_attributes(part.key.partition(":")[2]) if part.key else {}
        if not data or key.get("METHOD") != "AES-128":
            return data
        try:
            return self._decrypt(data, key, playlist_url, number)
        except ValueError as error:
            detail = f"a piece that cannot be decrypted: {error}"
            raise JobError(Reason.BROKEN_FILE, Fault.RETRYABLE, detail) from error

    def _decrypt(
        self, data: bytes, key: Mapping[str, str], playlist_url: str, number: int
    ) -> bytes:
        """Decrypt a piece, and fetch its key if that is a new one.

        Raises ValueError where the key, or what the playlist says of it, cannot be right.
        """
        if "URI" not in key or number > _LAST_NUMBER:
            raise ValueError("a key without an address, or for a piece without a number")
        # Without an IV in the playlist it is the number of the piece (RFC 8216, 5.2).
        iv = bytes.fromhex(key["IV"][2:].zfill(32)) if "IV" in key else number.to_bytes(16, "big")
        secret = self._key(urljoin(playlist_url, key["URI"]))
        return _unpadded(aes_cbc_decrypt_bytes(data, secret, iv))

    def _key(self, url: str) -> bytes:
        if url not in self._keys:
            request = self._ydl.request_for({**self._media, "url": url})
            # Only the latest key is kept: a stream uses one at a time.
            self._keys = {url: self._ydl.urlopen(request).read()}
        return self._keys[url]


def _unpadded(data: bytes) -> bytes:
    """Decrypted data without the padding of its last block (RFC 5652, 6.3)."""
    return data[: -data[-1]]


def _read(response: Any) -> bytes:
    """The content of a piece. Raises JobError if it exceeds `MAX_PIECE_BYTES`."""
    chunks, left = list[bytes](), MAX_PIECE_BYTES
    while chunk := response.read(_CHUNK_BYTES):
        left -= len(chunk)
        if left < 0:
            detail = f"a piece of more than {MAX_PIECE_BYTES} bytes"
            raise JobError(Reason.TOO_LARGE, Fault.PERMANENT, detail)
        chunks.append(chunk)
    return b"".join(chunks)


def _passes(error: Exception) -> bool:
    return classify(error).fault is Fault.RETRYABLE


class Recording:
    """Records one stream, or a video and its sound side by side."""

    def __init__(
        self,
        sources: Sequence[LiveSource],
        wanted_s: float,
        most_bytes: int,
        patience_s: float,
        clock: Callable[[], Monotonic] = monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`patience_s` is how long to wait for the next piece of each source."""
        self._sources = sources
        self._wanted_s = wanted_s
        self._most_bytes = most_bytes
        self._patience_s = patience_s
        self._clock = clock
        self._sleep = sleep
        self._began_at = clock()
        self._trouble: Exception | None = None

    def run(self, report: Report) -> None:
        """Record until there is enough, or no more comes.

        Once there is a piece, failures only end the recording, which is kept. Raises the failure if
        there is no piece.
        """
        try:
            while not self._is_over():
                self._step()
                if all(source.track.size_bytes for source in self._sources):
                    report(self._progress())
                if not self._is_over():
                    wait_s = min(source.next_at for source in self._going_on) - self._clock()
                    self._sleep(max(0.0, wait_s))
        except NoMoreRoom:
            pass
        if not any(source.track.size_bytes for source in self._sources):
            nothing = JobError(Reason.STALLED, Fault.RETRYABLE, "no piece of it has come")
            raise self._trouble or nothing

    def _step(self) -> None:
        for source in self._going_on:
            now = self._clock()
            if now < source.next_at:
                continue
            try:
                source.step(self._most_bytes - self._size_bytes, now)
            except (YoutubeDLError, OSError, ValueError, JobError) as error:
                self._trouble = error
                if not source.track.size_bytes and not _passes(error):
                    raise

    @property
    def _going_on(self) -> list[LiveSource]:
        return [source for source in self._sources if not source.is_done]

    @property
    def _size_bytes(self) -> int:
        return sum(source.track.size_bytes for source in self._sources)

    def _is_over(self) -> bool:
        now = self._clock()
        heard = [source.heard_at or self._began_at for source in self._going_on]
        is_silent = any(now >= at + self._patience_s for at in heard)
        return not heard or is_silent or now >= self._began_at + self._wanted_s + _LATE_S

    def _progress(self) -> Progress:
        left_s = self._wanted_s - min(source.track.length_s for source in self._sources)
        return Progress(Stage.RECORDING, done_bytes=self._size_bytes, eta_s=max(0.0, left_s))
