"""The pipe from a download process to its worker: one line of JSON for each message.

`Sender` runs in the download process, which has parsed a stranger's page and is not trusted.
`Receiver` runs in the worker and checks everything: the length of a line, the type and range of
each field. Nothing is ever unpickled.
"""

import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, TypeVar

from worker.as_json import to_json
from worker.choices import (
    MAX_CHAPTERS,
    MAX_LANGUAGES,
    MAX_SUBTITLES,
    Chapter,
    Language,
    Quality,
    Subtitles,
)
from worker.downloads.text import clean, clean_lines
from worker.errors import Fault, InvalidLink, JobError, Reason, Remedy
from worker.form import Form, is_language
from worker.lists import MAX_ITEMS, ListItem, MediaList
from worker.looks import MAX_RESULTS, VIDEO_ID, Live, MediaLook, SearchResult
from worker.protocol import MediaFacts, MediaKind, Note, Progress, Stage
from worker.urls import normalise

TITLE_LIMIT = 300
WORD_LIMIT = 200
DETAIL_LIMIT = 1000
DESCRIPTION_LIMIT = 2000

MAX_FILES = 50
"""Most files of one answer, five full albums. TikTok takes 35 pictures in a post, others 20."""

MAX_QUALITIES = 12
"""Most qualities among which people can choose: more rows of buttons than fit on a screen."""

LINE_LIMIT_BYTES = MAX_FILES * 16 * 1024
"""Longest message. A title and a name of 400 characters each, escaped, are 10 KB in the worst
case, and each file of an answer may have them. An item of a list is 4 KB with its link and 100
characters of a title, and there are four times as many. A
description, which one file alone has, is 36 KB."""

_Figure = TypeVar("_Figure", int, float)

_CHUNK_BYTES = 64 * 1024
_LARGEST_BYTES = 1 << 50
_LARGEST_SECONDS = 1e7
_HIGHEST_RATE = 1000
_LARGEST_SIDE = 1 << 16
_LARGEST_COUNT = 1_000_000_000


class Garbled(ValueError):
    """Raised for data in the pipe that is not a message."""


@dataclass(frozen=True)
class FoundMedia:
    """What a link leads to, by yt-dlp's names, as the download process claims."""

    extractor: str
    media_id: str


@dataclass(frozen=True)
class NeedsPlayer:
    """A download waits for the player at this address, see `worker.downloads.players`."""

    address: str


@dataclass(frozen=True)
class ReadyFile:
    """A file that can be sent, as the download process claims.

    `name` and `thumbnail` are file names in the download's directory.
    """

    name: str
    facts: MediaFacts
    thumbnail: str | None = None


@dataclass(frozen=True)
class Result:
    """The last message of a successful download: its files in order, as in `Media`."""

    files: tuple[ReadyFile, ...]
    qualities: tuple[Quality, ...] = ()
    found_list: MediaList | None = None
    description: str = ""
    chapters: tuple[Chapter, ...] = ()
    languages: tuple[Language, ...] = ()
    subtitles: tuple[Subtitles, ...] = ()


@dataclass(frozen=True)
class Looked:
    """The last message of a successful look."""

    look: MediaLook


DownloadMessage = Progress | FoundMedia | NeedsPlayer | Result | Looked | JobError


_KINDS: Mapping[type[object], str] = {
    Progress: "progress",
    FoundMedia: "found",
    NeedsPlayer: "needs_player",
}


class Sender:
    """The download process's end of the pipe; it writes to `fd`.

    Figures that a site tells and that cannot be true are left out: the receiver would refuse them.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        # yt-dlp calls progress hooks from the threads that fetch fragments.
        self._lock = threading.Lock()

    def report(self, message: Progress | FoundMedia | NeedsPlayer) -> None:
        """Report progress, what was found, or what is needed."""
        if isinstance(message, Progress):
            message = _believed(message)
        self._send({_KINDS[type(message)]: vars(message)})

    def finished(self, result: Result) -> None:
        """Report success."""
        qualities = _believed_qualities(result.qualities)
        description = clean_lines(result.description, DESCRIPTION_LIMIT)
        result = replace(result, qualities=qualities, description=description)
        self._send({"finished": to_json(result)})

    def looked(self, look: MediaLook) -> None:
        """Report what a look has found."""
        self._send({"looked": to_json(_believed_look(look))})

    def failed(self, error: JobError) -> None:
        """Report failure."""
        fields = {
            "reason": error.reason,
            "fault": error.fault,
            "detail": error.detail[:DETAIL_LIMIT],
            "retry_after_s": _believable(error.retry_after_s, _LARGEST_SECONDS),
            "remedy": error.remedy,
        }
        self._send({"failed": fields})

    def _send(self, message: dict[str, Any]) -> None:
        line = json.dumps(message).encode() + b"\n"
        with self._lock:
            while line:
                line = line[os.write(self.fd, line) :]


def _believed_qualities(qualities: Iterable[Quality]) -> tuple[Quality, ...]:
    return tuple(
        replace(each, size_bytes=_believable(each.size_bytes, _LARGEST_BYTES)) for each in qualities
    )


def _believed_look(look: MediaLook) -> MediaLook:
    return replace(
        look,
        title=look.title[:TITLE_LIMIT],
        uploader=look.uploader and look.uploader[:WORD_LIMIT],
        description=look.description[:DESCRIPTION_LIMIT],
        duration_s=_believable(look.duration_s, _LARGEST_SECONDS),
        views=_believable(look.views, _LARGEST_BYTES),
        qualities=_believed_qualities(look.qualities),
        results=tuple(
            replace(
                each,
                title=each.title[:TITLE_LIMIT],
                uploader=each.uploader and each.uploader[:WORD_LIMIT],
                duration_s=_believable(each.duration_s, _LARGEST_SECONDS),
            )
            for each in look.results
        ),
    )


def _believed(progress: Progress) -> Progress:
    return replace(
        progress,
        total_bytes=_believable(progress.total_bytes, _LARGEST_BYTES),
        speed_bps=_believable(progress.speed_bps, _LARGEST_BYTES),
        eta_s=_believable(progress.eta_s, _LARGEST_SECONDS),
    )


def _believable(figure: _Figure | None, largest: float) -> _Figure | None:
    """The figure; None for one that cannot be true."""
    return figure if figure is not None and 0 <= figure <= largest else None


class Receiver:
    """The worker's end of the pipe: turns bytes into messages."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[DownloadMessage]:
        """The messages that `data` completes. Raises Garbled."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if max(map(len, [*lines, self._rest])) > LINE_LIMIT_BYTES:
            raise Garbled("a message is too long")
        return map(_decode, lines)


def read_chunk(fd: int) -> bytes | None:
    """Whatever is in a pipe that does not block: None for nothing yet, b"" at end-of-file."""
    try:
        return os.read(fd, _CHUNK_BYTES)
    except BlockingIOError:
        return None


def _decode(line: bytes) -> DownloadMessage:
    try:
        ((kind, fields),) = json.loads(line).items()
        match kind:
            case "progress":
                return _progress(fields)
            case "found":
                return FoundMedia(
                    _text(fields["extractor"], WORD_LIMIT), _text(fields["media_id"], WORD_LIMIT)
                )
            case "needs_player":
                return NeedsPlayer(_text(fields["address"], WORD_LIMIT))
            case "finished":
                if found := fields.get("found_list"):
                    return Result((), found_list=_list(found))
                return _result(fields)
            case "looked":
                return Looked(_look(fields))
            case "failed":
                return _failed(fields)
    # RecursionError is raised by a few thousand opening brackets.
    except (
        *(ValueError, TypeError, KeyError, AttributeError, RecursionError, InvalidLink),
    ) as error:
        raise Garbled(f"not a message: {type(error).__name__}") from error
    raise Garbled("a message of an unknown kind")


def _progress(fields: Mapping[str, Any]) -> Progress:
    return Progress(
        stage=Stage(fields["stage"]),
        done_bytes=_whole(fields["done_bytes"], _LARGEST_BYTES) or 0,
        total_bytes=_whole(fields["total_bytes"], _LARGEST_BYTES),
        speed_bps=_number(fields["speed_bps"], _LARGEST_BYTES),
        eta_s=_number(fields["eta_s"], _LARGEST_SECONDS),
    )


def _result(fields: Mapping[str, Any]) -> Result:
    files, qualities = fields["files"], fields["qualities"]
    if not 0 < len(files) <= MAX_FILES or len(qualities) > MAX_QUALITIES:
        raise ValueError(f"{len(files)} files, {len(qualities)} qualities")
    possible = tuple(quality for each in qualities if (quality := _quality(each)))
    description = clean_lines(_string(fields["description"]), DESCRIPTION_LIMIT)
    chapters = tuple(map(_chapter, fields["chapters"][:MAX_CHAPTERS]))
    return Result(
        tuple(map(_ready_file, files)),
        possible,
        description=description,
        chapters=chapters,
        languages=tuple(map(_language, fields["languages"][:MAX_LANGUAGES])),
        subtitles=tuple(map(_subtitles, fields["subtitles"][:MAX_SUBTITLES])),
    )


def _language(fields: Mapping[str, Any]) -> Language:
    tag = _tag(fields["tag"])
    return Language(tag, fields["is_original"] is True, fields["is_dubbed"] is True)


def _subtitles(fields: Mapping[str, Any]) -> Subtitles:
    return Subtitles(_tag(fields["tag"]), fields["is_automatic"] is True)


def _tag(value: object) -> str:
    tag = _string(value)
    if not is_language(tag):
        raise ValueError("no tag of a language")
    return tag


def _chapter(fields: Mapping[str, Any]) -> Chapter:
    start_s, end_s = (_number(fields[name], _LARGEST_SECONDS) for name in ("start_s", "end_s"))
    return Chapter(_text(fields["title"], WORD_LIMIT), start_s or 0.0, end_s or 0.0)


def _list(fields: Mapping[str, Any]) -> MediaList:
    items = tuple(map(_item, fields["items"]))
    if not 1 < len(items) <= MAX_ITEMS or len({item.url for item in items}) < len(items):
        raise ValueError(f"{len(items)} items")
    count = _whole(fields["count"], _LARGEST_COUNT)
    if count is not None and count < len(items):
        raise ValueError(f"{len(items)} items of {count}")
    return MediaList(_text(fields["title"], TITLE_LIMIT), items, count)


def _item(fields: Mapping[str, Any]) -> ListItem:
    # Raises InvalidLink for what nobody could have sent as a link.
    url = normalise(fields["url"])
    title = _text(fields["title"], TITLE_LIMIT)
    return ListItem(url, title, _number(fields["duration_s"], _LARGEST_SECONDS))


def _look(fields: Mapping[str, Any]) -> MediaLook:
    results = fields["results"]
    if len(fields["qualities"]) > MAX_QUALITIES or len(results) > MAX_RESULTS:
        raise ValueError("more than a look finds")
    day = fields["uploaded_on"]
    return MediaLook(
        title=_text(fields["title"], TITLE_LIMIT),
        uploader=_text(fields["uploader"], WORD_LIMIT) or None,
        uploaded_on=date.fromisoformat(day).isoformat() if day else None,
        duration_s=_number(fields["duration_s"], _LARGEST_SECONDS),
        views=_whole(fields["views"], _LARGEST_BYTES),
        description=clean_lines(_string(fields["description"]), DESCRIPTION_LIMIT),
        live=Live(fields["live"]) if fields["live"] else None,
        qualities=tuple(q for each in fields["qualities"] if (q := _quality(each))),
        results=tuple(_search_result(each) for each in results),
    )


def _search_result(fields: Mapping[str, Any]) -> SearchResult:
    if not VIDEO_ID.fullmatch(_string(fields["video_id"])):
        raise ValueError("no id of a video")
    return SearchResult(
        video_id=fields["video_id"],
        title=_text(fields["title"], TITLE_LIMIT),
        uploader=_text(fields["uploader"], WORD_LIMIT) or None,
        duration_s=_number(fields["duration_s"], _LARGEST_SECONDS),
    )


def _quality(fields: Mapping[str, Any]) -> Quality | None:
    """A quality; None if it cannot be true, without which the files are as good."""
    try:
        return _exact_quality(fields)
    except ValueError:
        return None


def _exact_quality(fields: Mapping[str, Any]) -> Quality:
    # A form refuses a height that nobody can ask for.
    form = Form(max_height=_whole(fields["height"], _LARGEST_SIDE) or 0)
    return Quality(
        form.max_height or 0,
        _whole(fields["size_bytes"], _LARGEST_BYTES),
        _whole(fields["messages"], MAX_FILES) or 0,
        _whole(fields["fps"], _HIGHEST_RATE) or None,
        fields["is_hdr"] is True,
    )


def _ready_file(fields: Mapping[str, Any]) -> ReadyFile:
    return ReadyFile(
        name=_text(fields["name"], WORD_LIMIT),
        facts=_facts(fields["facts"]),
        thumbnail=_text(fields["thumbnail"], WORD_LIMIT) or None,
    )


def _facts(fields: Mapping[str, Any]) -> MediaFacts:
    return MediaFacts(
        kind=MediaKind(fields["kind"]),
        title=_text(fields["title"], TITLE_LIMIT),
        uploader=_text(fields["uploader"], WORD_LIMIT) or None,
        width=_whole(fields["width"], _LARGEST_SIDE),
        height=_whole(fields["height"], _LARGEST_SIDE),
        duration_s=_number(fields["duration_s"], _LARGEST_SECONDS),
        starts_s=_number(fields["starts_s"], _LARGEST_SECONDS),
        note=Note(fields["note"]) if fields["note"] else None,
        part=_whole(fields["part"], MAX_FILES) or 1,
        parts=_whole(fields["parts"], MAX_FILES) or 1,
    )


def _failed(fields: Mapping[str, Any]) -> JobError:
    return JobError(
        Reason(fields["reason"]),
        Fault(fields["fault"]),
        _text(fields["detail"], DETAIL_LIMIT),
        retry_after_s=_number(fields["retry_after_s"], _LARGEST_SECONDS),
        remedy=Remedy(fields["remedy"]) if fields.get("remedy") else None,
    )


def _number(value: object, largest: float) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("not a number")
    if not 0 <= value <= largest:  # nor is NaN
        raise ValueError("a number out of range")
    return float(value)


def _whole(value: object, largest: int) -> int | None:
    number = _number(value, largest)
    return None if number is None else int(number)


def _text(value: object, limit: int) -> str:
    return "" if value is None else clean(_string(value), limit)


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value
