"""Read what a download process has sent: the type and the range of each field are checked.

Nothing is ever unpickled, and what people would see of it is made harmless.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from worker.downloads.media.contents import LARGEST_SIDE
from worker.downloads.reports import (
    DESCRIPTION_LIMIT,
    DETAIL_LIMIT,
    LARGEST_BYTES,
    LARGEST_SECONDS,
    LONGEST_WAIT_S,
    MAX_FILES,
    MAX_QUALITIES,
    TITLE_LIMIT,
    WORD_LIMIT,
    DownloadMessage,
    FoundMedia,
    Looked,
    NeedsPlayer,
    ReadyFile,
    Result,
)
from worker.downloads.text import clean, clean_lines
from worker.errors import Fault, InvalidLink, JobError, Reason, Remedy
from worker.form import Form, is_language
from worker.protocol import MediaFacts, MediaKind, Note, Progress, Stage
from worker.protocol.choices import (
    MAX_CHAPTERS,
    MAX_LANGUAGES,
    MAX_SUBTITLES,
    Chapter,
    Language,
    Quality,
    SiteOffer,
    Subtitles,
)
from worker.protocol.lists import MAX_ITEMS, ListItem, MediaList
from worker.protocol.looks import MAX_RESULTS, VIDEO_ID, Live, MediaLook, SearchResult
from worker.urls import normalise

_HIGHEST_RATE = 1000
_LARGEST_COUNT = 1_000_000_000


class Garbled(ValueError):
    """Raised for data in the pipe that is not a message."""


def decode(line: bytes) -> DownloadMessage:
    """The message in one line of the pipe. Raises Garbled."""
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
        done_bytes=_whole(fields["done_bytes"], LARGEST_BYTES) or 0,
        total_bytes=_whole(fields["total_bytes"], LARGEST_BYTES),
        speed_bps=_number(fields["speed_bps"], LARGEST_BYTES),
        eta_s=_number(fields["eta_s"], LARGEST_SECONDS),
    )


def _result(fields: Mapping[str, Any]) -> Result:
    files = fields["files"]
    if not 0 < len(files) <= MAX_FILES:
        raise ValueError(f"{len(files)} files")
    return Result(tuple(map(_ready_file, files)), _offer(fields["offer"]))


def _offer(fields: Mapping[str, Any]) -> SiteOffer:
    return SiteOffer(
        qualities=_qualities(fields["qualities"]),
        description=clean_lines(_string(fields["description"]), DESCRIPTION_LIMIT),
        chapters=tuple(map(_chapter, fields["chapters"][:MAX_CHAPTERS])),
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
    start_s, end_s = (_number(fields[name], LARGEST_SECONDS) for name in ("start_s", "end_s"))
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
    return ListItem(url, title, _number(fields["duration_s"], LARGEST_SECONDS))


def _look(fields: Mapping[str, Any]) -> MediaLook:
    results = fields["results"]
    if len(results) > MAX_RESULTS:
        raise ValueError("more than a look finds")
    day = fields["uploaded_on"]
    return MediaLook(
        title=_text(fields["title"], TITLE_LIMIT),
        uploader=_text(fields["uploader"], WORD_LIMIT) or None,
        uploaded_on=date.fromisoformat(day).isoformat() if day else None,
        duration_s=_number(fields["duration_s"], LARGEST_SECONDS),
        views=_whole(fields["views"], LARGEST_BYTES),
        description=clean_lines(_string(fields["description"]), DESCRIPTION_LIMIT),
        live=Live(fields["live"]) if fields["live"] else None,
        qualities=_qualities(fields["qualities"]),
        results=tuple(_search_result(each) for each in results),
    )


def _search_result(fields: Mapping[str, Any]) -> SearchResult:
    if not VIDEO_ID.fullmatch(_string(fields["video_id"])):
        raise ValueError("no id of a video")
    return SearchResult(
        video_id=fields["video_id"],
        title=_text(fields["title"], TITLE_LIMIT),
        uploader=_text(fields["uploader"], WORD_LIMIT) or None,
        duration_s=_number(fields["duration_s"], LARGEST_SECONDS),
    )


def _qualities(values: Sequence[Mapping[str, Any]]) -> tuple[Quality, ...]:
    if len(values) > MAX_QUALITIES:
        raise ValueError(f"{len(values)} qualities")
    return tuple(quality for each in values if (quality := _quality(each)))


def _quality(fields: Mapping[str, Any]) -> Quality | None:
    """A quality; None if its figures cannot be true: the files are good without it."""
    try:
        return _exact_quality(fields)
    except ValueError:
        return None


def _exact_quality(fields: Mapping[str, Any]) -> Quality:
    # A form refuses a height that nobody can ask for.
    form = Form(max_height=_whole(fields["height"], LARGEST_SIDE) or 0)
    return Quality(
        form.max_height or 0,
        _whole(fields["size_bytes"], LARGEST_BYTES),
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
        width=_whole(fields["width"], LARGEST_SIDE),
        height=_whole(fields["height"], LARGEST_SIDE),
        duration_s=_number(fields["duration_s"], LARGEST_SECONDS),
        starts_s=_number(fields["starts_s"], LARGEST_SECONDS),
        note=Note(fields["note"]) if fields["note"] else None,
        part=_whole(fields["part"], MAX_FILES) or 1,
        parts=_whole(fields["parts"], MAX_FILES) or 1,
    )


def _failed(fields: Mapping[str, Any]) -> JobError:
    wait_s = _number(fields["retry_after_s"], LARGEST_SECONDS)
    return JobError(
        Reason(fields["reason"]),
        Fault(fields["fault"]),
        _text(fields["detail"], DETAIL_LIMIT),
        retry_after_s=None if wait_s is None else min(wait_s, LONGEST_WAIT_S),
        remedy=Remedy(fields["remedy"]) if fields.get("remedy") else None,
        languages=tuple(filter(is_language, map(_string, fields["languages"][:MAX_SUBTITLES]))),
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
