"""A YoutubeDL that fetches streams as players do, where yt-dlp gives up on them.

It reads odd HLS playlists, asks again for what is no piece, and goes on after cut connections.
"""

import contextlib
import glob
import re
import tempfile
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from yt_dlp.networking.exceptions import HTTPError, TransportError
from yt_dlp.utils import DownloadError

from worker.downloads import spans
from worker.downloads.media import file_types, transport_stream
from worker.downloads.media.subtitles import LANGUAGE
from worker.downloads.ytdlp.extractor_index import ExtractorIndex
from worker.downloads.ytdlp.failures.errors import classify, of_a_page
from worker.downloads.ytdlp.network import small_fetches
from worker.downloads.ytdlp.network.page_limits import LimitedYoutubeDL
from worker.downloads.ytdlp.transfer import dash, hls, hls_variables, ranges
from worker.downloads.ytdlp.transfer.ffmpeg_downloader import download_by_ffmpeg, needs_ffmpeg
from worker.downloads.ytdlp.transfer.pieces import PIECES, Pieces
from worker.errors import Reason

_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
# Servers that end connections early are asked for the rest as long as bytes come, but not forever.
_MOST_STARTS = 20
# A playlist that goes on grows within 1.5 times its target duration (RFC 8216, 6.2.1).
_GROWS_WITHIN = 1.5
_BEFORE_PLAYLIST = re.compile(rb"(?:\xef\xbb\xbf|\s)+(?=#EXTM3U)")
_UTF16_PLAYLISTS = ("\ufeff#EXTM3U".encode("utf-16-le"), "\ufeff#EXTM3U".encode("utf-16-be"))


class PatientYoutubeDL(LimitedYoutubeDL):
    """A YoutubeDL for one link that fetches every playlist which a player would play."""

    def __init__(
        self,
        params: dict[str, Any],
        extractors: ExtractorIndex,
        on_stream: Callable[[Path], None],
    ) -> None:
        """Make one that calls `on_stream` with the file of each stream that it has downloaded."""
        super().__init__(params, extractors)
        self._on_stream = on_stream
        self._pieces: Pieces | None = None  # of the stream that is downloaded
        self._is_in_pieces = self._is_text = self._is_plain = False
        self._one_file: hls.OneFile | None = None
        self._trouble: DownloadError | None = None
        self._gone: set[str] = set()  # URLs at which there is nothing
        self._refusals: dict[int, HTTPError] = {}  # of the stream, the latest of each status

    def urlopen(self, req: Any) -> Any:
        """Open a URL; a playlist begins with its first line, whatever stands before that."""
        try:
            response: Any = super().urlopen(req)
        except HTTPError as error:
            self._refusals[error.status] = error
            if error.status in _GONE:
                self._gone.add(req if isinstance(req, str) else req.url)
            raise
        response.read = _from_first_line(response.read)
        return self._piece(req, response, self._pieces) if self._pieces else response

    def _piece(self, request: Any, response: Any, pieces: Pieces) -> Any:
        """The response, if it is for a piece of a stream with just that, and its length noted."""
        # As yt-dlp asks for media, and not for playlists and keys.
        if request.headers.get("Accept-Encoding") != "identity":
            return response
        # The rest of a piece may be too short to tell.
        if (
            self._is_in_pieces
            and not self._is_text
            and response.status != HTTPStatus.PARTIAL_CONTENT
        ):
            response.read = _refusing_text(response.read)
        if not ranges.is_met(request, response):
            if self._one_file:
                with contextlib.closing(response):
                    response.read(file_types.HEAD_BYTES)
                raise ranges.RangesIgnored
            response = ranges.cut(request, response)
        if self._is_in_pieces and response.headers.get("Content-Length") == "0":
            # For yt-dlp all of the stream would be empty then. Players ask again.
            response.close()
            raise TransportError("an empty piece")
        if length := ranges.length_of(response):
            pieces.note((request.url, ranges.end_of(request)), length)
        return response

    def process_ie_result(
        self, ie_result: Any, download: bool = True, extra_info: Any = None
    ) -> Any:
        """Check again what counts as live only because its playlist has no last line."""
        guess = (ie_result.get("extractor_key"), ie_result.get("live_status"))
        if guess == ("Generic", "is_live") and (duration_s := self._length_if_over(ie_result)):
            ie_result = {**ie_result, "live_status": "not_live", "duration": duration_s}
        return super().process_ie_result(ie_result, download, extra_info)

    def dl(self, name: str, info: Any, subtitle: bool = False, test: bool = False) -> Any:
        """Download one stream into the file `name`."""
        if info.get("protocol") in hls.PROTOCOLS:
            # Where an extractor has fetched it, it may have left out advertisements.
            given = info.get("hls_media_playlist_data")
            text, url = (given, info["url"]) if given else self._playlist(info)
            if not hls.is_playlist(text):
                # Each of its lines would be asked for as a piece.
                raise of_a_page(url)
            if needs_ffmpeg(hls.rewritten(text), self.network):
                given_to = {**info, "url": url, "hls_media_playlist_data": text}
                return download_by_ffmpeg(self, name, given_to, is_test=test)
            if span := spans.of(info):
                spans.note_start(info, info, hls.starts_s(text, span))
            info = {**info, "url": url, "hls_media_playlist_data": hls.rewritten(text, span)}
        self._is_plain = False
        starts_left = _MOST_STARTS
        while True:
            had_bytes = _bytes_of(name)
            done, failure = self._try(name, info, subtitle, test)
            if failure is None:
                return self._finish(name, done, test=test)
            if shorter := dash.without_gone_end(info, self._gone):
                info = shorter
                _forget_pieces(name)
                continue
            starts_left -= 1
            # What is only tried, and an item of a post, has to come at once.
            is_patient = starts_left and self.params.get("retries") and not test
            if not (is_patient and _is_cut_off(failure) and _bytes_of(name) > had_bytes):
                # Not in an `except`: the error of the file says nothing about the failure.
                raise failure from self._refusal_behind(failure)

    def _try(
        self, name: str, info: Any, subtitle: bool, test: bool
    ) -> tuple[Any, DownloadError | None]:
        """Download a stream, or go on with it. Returns yt-dlp's result, or else the failure."""
        try:
            return self._dl(name, {**info}, subtitle, test), None
        except DownloadError as error:
            return None, error
        except ValueError:
            # Where a thread has failed to fetch a piece, yt-dlp closes the file under the thread
            # that writes another, and notes that one as written.
            if self._trouble is None:
                raise
            _forget_stream(name)
            return None, self._trouble

    def _finish(self, name: str, done: Any, *, test: bool) -> Any:
        if done[0] is None:  # as yt-dlp returns WebVTT that was in pieces
            done = (Path(name).exists(), *done[1:])
        if done[0] and not test:
            if self._is_in_pieces:
                transport_stream.uncover(Path(name))
            # Before yt-dlp merges it with another stream, and takes its first part for all of it.
            self._on_stream(Path(name))
        return done

    def _refusal_behind(self, failure: DownloadError) -> HTTPError | None:
        """The answer of the site that a failure to fetch a piece names, of which it is the text."""
        said = str(failure)
        refusals = self._refusals.items()
        return next((each for status, each in refusals if f"HTTP Error {status}" in said), None)

    def can_fetch(self, media: Mapping[str, Any]) -> bool:
        """Whether the beginning of a format comes within a few seconds."""
        comes: bool = False
        with tempfile.TemporaryDirectory() as directory, small_fetches.without_failures():
            comes, _ = self.dl(f"{directory}/beginning", {**media}, test=True)
        return comes

    def _dl(self, name: str, info: Any, subtitle: bool, test: bool) -> Any:
        """Download a stream piece by piece, or else as the one file of which they are parts."""
        self._trouble, self._refusals, self._gone = None, {}, set()
        info[PIECES] = Pieces()
        self._is_text = subtitle or LANGUAGE in info
        file = hls.one_file(info.get("hls_media_playlist_data") or "")
        if not (file and self._is_plain):
            is_in_pieces = info.get("protocol") in hls.PROTOCOLS or bool(info.get("fragments"))
            self._one_file, self._is_in_pieces = file, is_in_pieces
            try:
                return self._download_measured(name, info, subtitle, test)
            except ranges.RangesIgnored:
                # Pieces that have come before would be taken for its beginning.
                Path(f"{name}.part").unlink(missing_ok=True)
        assert file is not None  # noqa: S101 - ranges are ignored for such a file alone
        # Also if it is started again: what has come of the file is not the beginning of a piece.
        self._is_plain, self._one_file, self._is_in_pieces = True, None, False
        return self._download_measured(name, _as_plain_file(info, file), subtitle, test)

    def _download_measured(self, name: str, info: Any, subtitle: bool, test: bool) -> Any:
        """Download a stream, and note the lengths of its pieces."""
        self._pieces = info[PIECES]
        try:
            return super().dl(name, info, subtitle, test)
        finally:
            self._pieces = None

    def trouble(self, *args: Any, **options: Any) -> None:
        """Remember the first failure, which yt-dlp may hide behind another."""
        try:
            super().trouble(*args, **options)
        except DownloadError as error:
            self._trouble = self._trouble or error
            raise

    def _playlist(self, media: Mapping[str, Any]) -> tuple[str, str]:
        """The text of a playlist, and the URL that it came from after all redirects."""
        response = self.urlopen(self.request_for(media))
        return hls_variables.replaced(hls.decoded(response.read()), response.url), response.url

    def _length_if_over(self, video: Mapping[str, Any]) -> float:
        """The length in seconds of a stream that is over; 0 if it is live."""
        formats = video.get("formats") or ()
        media = next((f for f in formats if f.get("protocol") in hls.PROTOCOLS), None)
        if media is None:
            return 0.0
        text, _ = self._playlist(media)
        if not hls.is_complete(text):
            before = hls.outline(text)
            wait_s = _GROWS_WITHIN * hls.target_s(text)
            patience_s = float(self.params.get("socket_timeout") or 0)
            if before.has_lost_pieces or not 0 < wait_s < patience_s:
                return 0.0
            time.sleep(wait_s)
            text, _ = self._playlist(media)
            if hls.outline(text) != before:
                return 0.0
        return hls.duration_s(text)


def _is_cut_off(failure: DownloadError) -> bool:
    return classify(failure).reason is Reason.NETWORK


def _bytes_of(name: str) -> int:
    """How much there is of a stream, or of those that are fetched at once, and of their pieces."""
    path = Path(name)
    found = path.parent.glob(f"{glob.escape(path.stem)}*")
    return sum(each.stat().st_size for each in found)


def _forget_stream(name: str) -> None:
    """Remove all that has come of a stream, and yt-dlp's note of how much that is."""
    for suffix in (".part", ".ytdl"):
        Path(f"{name}{suffix}").unlink(missing_ok=True)
    _forget_pieces(name)


def _forget_pieces(name: str) -> None:
    """Remove what has come of pieces whose numbers change."""
    path = Path(name)
    for piece in path.parent.glob(f"{glob.escape(path.name)}.part-Frag*"):
        piece.unlink()


def _as_plain_file(stream: Mapping[str, Any], file: hls.OneFile) -> Any:
    """A stream as the file that its playlist leads to."""
    where = {"Range": f"bytes={file.start}-{file.end}"}
    headers = {**(stream.get("http_headers") or {}), **where}
    url = urljoin(stream["url"], file.url)
    return {**stream, "protocol": "https", "url": url, "http_headers": headers}


def _from_first_line(read: Callable[..., bytes]) -> Callable[..., bytes]:
    """Put a playlist in order, and leave out what stands before it: a mark, blank lines."""
    is_first = True

    def read_on(amt: int | None = None) -> bytes:
        nonlocal is_first
        data = read(amt)
        if is_first:
            is_first = False
            data = data[blank.end() :] if (blank := _BEFORE_PLAYLIST.match(data)) else data
            if data.startswith(_UTF16_PLAYLISTS):
                data = (data + read()).decode("utf-16", "replace").encode()
            if data.startswith(b"#EXTM3U"):
                data = hls.with_forced_last(data + read())
        return data

    return read_on


def _refusing_text(read: Callable[..., bytes]) -> Callable[..., bytes]:
    """Raise TransportError, after which players ask again, for a page that says why not."""
    is_first = True

    def read_on(amt: int | None = None) -> bytes:
        nonlocal is_first
        data = read(amt)
        if is_first and file_types.is_text(data):
            raise TransportError("a text in place of a piece")
        is_first = False
        return data

    return read_on
