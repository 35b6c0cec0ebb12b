"""What an extractor has found about a link's one video, written down for later downloads.

Runs in the download process, in its directory. What is read here came from a stranger's page, like
all that extractors return.
"""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from worker.downloads.extraction_store import MAX_BYTES
from worker.downloads.file_names import COOKIES_NAME, EARLIER_NAME, EXTRACTION_NAME
from worker.downloads.ytdlp.failures.errors import classify
from worker.downloads.ytdlp.network.page_limits import LimitedYoutubeDL
from worker.errors import Reason

# What a download adds to these fields.
_MADE_LATER = frozenset(
    {
        *("filepath", "filename", "requested_formats", "requested_downloads", "entries"),
        *("requested_subtitles", "requested_entries", "cookies"),
    }
)
# Failures that a newer answer of the site would not change, or that asking again would make worse.
_AS_BEFORE = frozenset(
    {
        *(Reason.TOO_LARGE, Reason.TOO_LONG, Reason.NO_FORMAT, Reason.NO_SOUND),
        *(Reason.DISK_FULL, Reason.OUT_OF_MEMORY, Reason.SITE_BUSY, Reason.NETWORK),
        Reason.STALLED,
    }
)
_NEVER_SENT_AGAIN = frozenset({"cookie", "authorization", "proxy-authorization"})
_OVER = frozenset({"None", "not_live", "was_live"})


def write(info: Mapping[str, Any], own_headers: Mapping[str, str]) -> None:
    """Write down what an extractor has found, once, if a later download could begin with it.

    Nothing is written about what an account sees, one of several videos, a live stream, or a link
    to a file. Cookies, logins and the operator's `own_headers` are left out.
    """
    path = Path(EXTRACTION_NAME)
    is_plain = str(info.get("_type", "video")) == "video" and not info.get("direct")
    is_alone = info.get("playlist") is None and info.get("playlist_index") is None
    is_over = not info.get("is_live") and str(info.get("live_status")) in _OVER
    if not (is_plain and is_alone and is_over) or path.exists() or Path(COOKIES_NAME).exists():
        return
    unsent = _NEVER_SENT_AGAIN | {name.lower() for name in own_headers}
    # TypeError: an extractor may leave functions and generators for later.
    with contextlib.suppress(TypeError, ValueError, RecursionError, OSError):
        text = json.dumps(_without(info, unsent)).encode()
        if len(text) <= MAX_BYTES:
            path.write_bytes(text)


def earlier() -> dict[str, Any] | None:
    """What an earlier download has found behind this link; None if there is nothing."""
    with contextlib.suppress(OSError, ValueError, RecursionError):
        found = json.loads(Path(EARLIER_NAME).read_bytes())
        if isinstance(found, dict) and (found.get("formats") or found.get("url")):
            return {**dict(_own_fields(found)), "_type": "video"}
    return None


def begin_with_earlier(ydl: LimitedYoutubeDL, start_again: Callable[[], None]) -> Any:
    """Download what an earlier download has found behind the link; None if nothing comes of it.

    If its addresses have expired, or the site may know more by now, `start_again` is called.
    """
    found = earlier()
    if found is None:
        return None
    write_again, ydl.on_extracted = ydl.on_extracted, lambda _: None
    try:
        return ydl.process_ie_result(found, download=True)
    except Exception as error:
        # An error of any kind: the fields come from a file, and not from an extractor.
        if classify(error).reason in _AS_BEFORE:
            raise
    ydl.on_extracted = write_again
    Path(EARLIER_NAME).unlink(missing_ok=True)
    start_again()
    return None


def _own_fields(info: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((k, v) for k, v in info.items() if not k.startswith("_") and k not in _MADE_LATER)


def _without(info: Mapping[str, Any], unsent: frozenset[str]) -> dict[str, Any]:
    """The fields of an extractor, without headers of these names anywhere in them."""
    return {name: _clean(value, name, unsent) for name, value in _own_fields(info)}


def _clean(value: Any, name: str, unsent: frozenset[str]) -> Any:
    if isinstance(value, Mapping):
        dropped = unsent if name == "http_headers" else frozenset({"cookies"})
        return {
            k: _clean(v, str(k), unsent) for k, v in value.items() if str(k).lower() not in dropped
        }
    if isinstance(value, list | tuple):
        return [_clean(each, name, unsent) for each in value]
    return value
