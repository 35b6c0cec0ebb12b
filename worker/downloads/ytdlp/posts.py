"""A YoutubeDL that fetches posts whole: with the pictures that yt-dlp passes over, in order."""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from yt_dlp.networking import Request
from yt_dlp.utils import YoutubeDLError

from worker.downloads import spans
from worker.downloads.file_names import subtitles_path
from worker.downloads.limits import DownloadLimits
from worker.downloads.media.subtitles import ABSENT, AUTOMATIC, LANGUAGE
from worker.downloads.pictures import finding, page, thumbnails
from worker.downloads.pictures.post import IS_PICTURE, MORE_PLACES, Post
from worker.downloads.pictures.reading import SiteAnswer
from worker.downloads.readable_links import readable
from worker.downloads.reports import MAX_FILES
from worker.downloads.ytdlp import covers, lists, subtitles
from worker.downloads.ytdlp.answers import Answers
from worker.downloads.ytdlp.extractor_index import ExtractorIndex
from worker.downloads.ytdlp.failures import starts
from worker.downloads.ytdlp.failures.errors import classify
from worker.downloads.ytdlp.formats import streams
from worker.downloads.ytdlp.network.page_limits import IS_POST, MAX_VIDEOS
from worker.downloads.ytdlp.patience import Patience
from worker.downloads.ytdlp.players.challenges import PlayerCache
from worker.downloads.ytdlp.players.player_source import PlayerSource
from worker.downloads.ytdlp.transfer.span_downloader import SpanYoutubeDL
from worker.errors import Fault, JobError, Reason
from worker.form import WHOLE, Form
from worker.protocol import Note

# Failures of one item of a post that say nothing about the others.
_OF_AN_ITEM = frozenset(
    {
        *(Reason.NOT_FOUND, Reason.FORBIDDEN, Reason.PRIVATE, Reason.LOGIN_NEEDED),
        *(Reason.AGE_RESTRICTED, Reason.GEO_BLOCKED, Reason.DRM, Reason.NO_FORMAT),
        *(Reason.NO_MEDIA, Reason.NO_SOUND, Reason.UNSUPPORTED, Reason.INVALID_LINK),
        *(Reason.TOO_LONG, Reason.HUGE_PAGE, Reason.LEADS_NOWHERE, Reason.EMPTY_FILE),
        *(Reason.BROKEN_FILE, Reason.SITE_BUSY, Reason.SITE_ERROR, Reason.NETWORK),
        *(Reason.LIVE, Reason.NOT_STARTED, Reason.UNLIKE_PARTS, Reason.BEYOND_END),
        *(Reason.NOT_CUT, Reason.STALLED, Reason.JUST_ENDED),
    }
)

_NO_VIDEO_ON_PAGE = frozenset({Reason.NO_MEDIA, Reason.UNSUPPORTED})
# An extractor may also break at a post that has no video.
_NOTHING_FOUND = _NO_VIDEO_ON_PAGE | {Reason.NO_FORMAT, Reason.OUTDATED}


def may_be_left_out(error: BaseException) -> bool:
    """Whether a post can come without an item that has failed in this way."""
    return classify(error).reason in _OF_AN_ITEM


class PostYoutubeDL(SpanYoutubeDL):
    """A YoutubeDL for one link.

    A post comes without the items that cannot be had; `left_out` is why, for each. `has_more` says
    that it has more items than one answer holds.
    """

    def __init__(
        self,
        params: dict[str, Any],
        extractors: ExtractorIndex,
        on_stream: Callable[[Path], None],
        limits: DownloadLimits,
        *,
        form: Form = WHOLE,
        patience: Patience | None = None,
        players: PlayerSource | None = None,
        on_whole: Callable[[], None] = lambda: None,
        on_extracted: Callable[[Mapping[str, Any]], None] = lambda _: None,
    ) -> None:
        """Make one for what is wanted: the media, a form of it, or something beside it.

        It begins with no further item of a post once an answer is full, and raises
        `lists.ListFound` for a list unless the limits admit no items. Without `players`, each of
        YouTube's players is solved here.
        """
        super().__init__(params, extractors, on_stream)
        self._limits = limits
        self._form = form
        self._patience = patience or Patience(limits)
        self.add_progress_hook(lambda _: self._patience.hear())
        self.network = limits.network
        self.span = spans.asked(form)
        self.on_whole = on_whole
        self.on_extracted = on_extracted
        if players:
            self.players = players
            self.cache = PlayerCache(players.find)  # type: ignore[assignment]
        self._answers = Answers()
        self._link = ""
        self.leaves_out_large = False
        """Whether a post comes without what is too large, since there is nothing smaller."""
        self.begin_again()

    def begin_again(self) -> None:
        """Forget the post and its items."""
        self._answers.forget()
        self.is_in_post = False
        self._has_several = False
        self._done_bytes = 0
        self.left_out: list[Exception] = []
        self.has_more = False

    def urlopen(self, req: Any) -> Any:
        """Open a URL, and keep what is read from it for the readers of posts."""
        if self._has_several:
            req = Request(req) if isinstance(req, str) else req
            req.extensions["timeout"] = self._patience.silence_s(self._done_bytes)
        response = super().urlopen(req)
        if not self.is_in_post:
            self._answers.watch(response, self._link)
        return response

    def extract_info(
        self, url: str, download: bool = True, ie_key: str | None = None, *args: Any, **options: Any
    ) -> Any:
        """Ask the extractor that knows the post, even if it knows it by another link."""
        url = readable(url)
        self._link = url
        ie_key = ie_key or self._extractors.suitable(url)
        # The extractor returns the pictures then, and does not fail for lack of a video.
        self.params["ignore_no_formats_error"] = ie_key in thumbnails.SITES
        return super().extract_info(url, download, ie_key, *args, **options)

    def process_ie_result(
        self, ie_result: Any, download: bool = True, extra_info: Any = None
    ) -> Any:
        """Download the whole post that an extractor has found a part of, or just what it found."""
        self.params["ignore_no_formats_error"] = False
        if self.is_in_post:
            return self._process_item(ie_result, download, extra_info)
        if post := self._post_around(ie_result):
            return self._process_post(post, download, extra_info)
        if ie_result.get("_type") == "playlist":
            ie_result = lists.looked_at(ie_result)
            most = self._limits.max_items
            if most and (found := lists.read(ie_result, most)):
                raise lists.ListFound(found)
            media = lists.media_of(ie_result)
            if len(media) > MAX_VIDEOS:
                if isinstance(ie_result["entries"], list | tuple):
                    post = {**ie_result, "entries": media}
                    return self._process_post(post, download, extra_info)
                self.has_more = True
        return super().process_ie_result(ie_result, download, extra_info)

    def raise_no_formats(self, info: Any, *args: Any, **options: Any) -> None:
        """Fail for lack of formats, which a stream that has just ended does not have yet."""
        starts.refuse_just_ended(info)
        super().raise_no_formats(info, *args, **options)

    def process_video_result(self, info_dict: Any, download: bool = True) -> Any:
        """Download the cover or the subtitles of a video in its place, where that is wanted."""
        formats = info_dict.get("formats") or ()
        is_for_eyes = not (self._form.is_sound_only or self._form.is_beside_media)
        if is_for_eyes and streams.has_locked_pictures(formats):
            raise JobError(Reason.DRM, Fault.PERMANENT, "only its sound is not encrypted")
        if self._form.has_subtitles_inside and download:
            return self._process_with_subtitles(info_dict)
        is_inside = self._form.is_cover and covers.may_be_inside(info_dict)
        if is_inside or not self._form.is_beside_media:
            return super().process_video_result(info_dict, download)
        self.on_extracted(info_dict)  # what comes after says nothing about the video
        if self._form.has_subtitles_alone:
            return self._process_subtitles(info_dict, download)
        failures: list[Exception] = []
        for picture in covers.pictures(info_dict):
            try:
                return super().process_video_result(picture, download)
            except (YoutubeDLError, JobError, OSError) as error:
                if not may_be_left_out(error):
                    raise
                failures.append(error)
        raise failures[0]

    def _process_with_subtitles(self, info: dict[str, Any]) -> Any:
        """Download a video, and its subtitles next to it if it has any."""
        try:
            track = subtitles.chosen(info, self._form.subtitles)
        except JobError as error:
            done = super().process_video_result(info, download=True)
            has_others = error.reason is Reason.NO_SUCH_SUBTITLES
            return {**done, ABSENT: Note.NO_SUCH_SUBTITLES} if done and has_others else done
        # A copy, because yt-dlp changes what an extractor has found.
        wanted = {**subtitles.download_of(info, track), "http_headers": info.get("http_headers")}
        done = super().process_video_result(info, download=True)
        parts = (done or {}).get("requested_downloads") or ()
        if not parts:
            return done
        target = subtitles_path(Path(parts[-1]["filepath"]))
        try:
            if text := wanted.get(subtitles.TEXT):
                target.write_text(text, encoding="utf-8", errors="replace")
            else:
                self.dl(str(target), wanted, subtitle=True)
            subtitles.make_plain(target, wanted, self.charset)
        except (YoutubeDLError, JobError, OSError) as error:
            # Sites are stricter with subtitles, and many people want them with every video.
            if not may_be_left_out(error):
                raise
            return {**done, ABSENT: Note.NO_SUBTITLES_INSIDE}
        language = subtitles.long_tag(wanted[LANGUAGE])
        return {**done, LANGUAGE: language, AUTOMATIC: track.is_automatic}

    def _process_subtitles(self, info: Mapping[str, Any], download: bool) -> Any:
        """Download the subtitles of a video in the language that is wanted."""
        track = subtitles.chosen(info, self._form.subtitles)
        wanted = subtitles.download_of(info, track)
        if subtitles.TEXT in wanted:
            done = subtitles.write(wanted)
        else:
            done = super().process_video_result(wanted, download)
        for each in done.get("requested_downloads") or ():
            subtitles.make_plain(Path(each["filepath"]), done, self.charset)
        return done

    def process_unseen_post(self, error: Exception, download: bool = True) -> Any:
        """Download the post, or the picture of a page, where yt-dlp has failed to find any media.

        Returns None if there is neither.
        """
        reason = classify(error).reason
        if self.is_in_post or reason not in _NOTHING_FOUND:
            return None
        found = finding.post_in(self._answers) or self._picture_of_page(reason)
        return self._process_post(found.for_ytdlp(), download, None) if found else None

    def _picture_of_page(self, reason: Reason) -> Post | None:
        if self._form.is_sound_only or reason not in _NO_VIDEO_ON_PAGE:
            return None
        if page.is_of_picture(self._link) and not any(map(_is_of_picture, self._answers)):
            # An extractor for videos may have asked elsewhere.
            with contextlib.suppress(YoutubeDLError, JobError, OSError):
                self.urlopen(self._link).read()
        return finding.picture_of_page(self._answers) if self.served.is_page else None

    def _post_around(self, result: Mapping[str, Any]) -> dict[str, Any] | None:
        extractor = result.get("extractor_key")
        if extractor in (None, "Generic"):
            return None
        found = finding.post_in(self._answers)
        if found and found.has_pictures:
            return found.for_ytdlp()
        return thumbnails.with_pictures(result) if extractor in thumbnails.SITES else None

    def _process_post(self, post: dict[str, Any], download: bool, extra_info: Any) -> Any:
        self.is_in_post = True
        if self._form.is_sound_only:
            post["entries"] = [entry for entry in post["entries"] if not entry.get(IS_PICTURE)]
            if not post["entries"]:
                raise JobError(Reason.NO_SOUND, Fault.PERMANENT, "a post of pictures")
        if self._form.is_beside_media:
            post["entries"] = post["entries"][:1]
        self.has_more = len(post["entries"]) > MAX_FILES
        self._has_several = len(post["entries"]) > 1
        if self._has_several:
            # What cannot be had at once is left out.
            self.params["retries"], self.params["fragment_retries"] = 0, 1
        return super().process_ie_result({**post, IS_POST: True}, download, extra_info)

    def _process_item(self, item: dict[str, Any], download: bool, extra_info: Any) -> Any:
        """Download one item of a post; None if it is left out."""
        if self._done_bytes >= self._limits.max_answer_bytes:
            self.has_more = True
            return None
        if self._done_bytes and self._patience.is_over(self._done_bytes):
            late = JobError(Reason.TIMED_OUT, Fault.RETRYABLE, "no time left for it")
            self.left_out.append(late)
            return None
        failures: list[Exception] = []
        for variant in _places(item):
            try:
                done = super().process_ie_result(variant, download, extra_info)
            except (YoutubeDLError, JobError, OSError) as error:
                if not (may_be_left_out(error) or self._is_too_large(error, item)):
                    raise
                failures.append(error)
            else:
                self._done_bytes += _size_bytes(done)
                self._patience.hear()
                return done
        self.left_out.append(failures[0])
        return None

    def _is_too_large(self, error: BaseException, item: Mapping[str, Any]) -> bool:
        """Whether an item is too large, and there is nothing smaller of it."""
        is_only = bool(item.get(IS_PICTURE)) or len(item.get("formats") or ()) < 2
        is_large = classify(error).reason is Reason.TOO_LARGE
        return is_large and (is_only or self.leaves_out_large)


def _is_of_picture(answer: SiteAnswer) -> bool:
    return page.is_of_picture(answer.url)


def _places(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Copies of the item, one for each of its places; yt-dlp may write to them."""
    yield dict(item)
    for url in item.get(MORE_PLACES) or ():
        yield {**item, "url": url}


def _size_bytes(done: Any) -> int:
    paths = [part.get("filepath") for part in (done or {}).get("requested_downloads") or ()]
    return sum(os.stat(path).st_size for path in paths if path and os.path.exists(path))
