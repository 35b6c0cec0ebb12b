"""Turn yt-dlp's exceptions into JobErrors: the reason, whose fault it is, how long to wait.

The type of an exception decides before its text does, because the wording of sites changes every
month. Texts are matched loosely, and never in the part that a link's author can choose.
"""

import encodings.idna
import errno
import ipaddress
import itertools
import json
import re
import socket
import traceback
import urllib.parse
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import yt_dlp
from yt_dlp.networking.exceptions import (
    CertificateVerifyError,
    HTTPError,
    NoSupportingHandlers,
    RequestError,
    SSLError,
    TransportError,
)
from yt_dlp.socks import Socks5Error
from yt_dlp.utils import (
    ContentTooShortError,
    ExtractorError,
    GeoRestrictedError,
    PostProcessingError,
    UnsupportedError,
    UserNotLive,
)

from worker.cookie_file import without_cookies
from worker.downloads import program_paths
from worker.downloads.confinement.egress_guard import Guard
from worker.downloads.judge.socks import SocksReply
from worker.downloads.reports import LONGEST_WAIT_S
from worker.downloads.text import clean, without_paths
from worker.downloads.ytdlp.failures import starts
from worker.downloads.ytdlp.failures.error_texts import (
    SILENCE,
    Classification,
    classify_site_text,
    classify_text,
    remedy_of,
)
from worker.errors import Fault, JobError, Reason
from worker.sites import site_of_link

_DETAIL_LIMIT = 500
# How much of a text or a URL is looked at: sites may put whole pages into them.
_TEXT_LIMIT = 2000

_BY_ERRNO: dict[int, Classification] = {
    errno.EFBIG: (Reason.TOO_LARGE, Fault.PERMANENT),
    errno.ENOSPC: (Reason.DISK_FULL, Fault.RETRYABLE),
    errno.EDQUOT: (Reason.DISK_FULL, Fault.RETRYABLE),
    errno.ENOMEM: (Reason.OUT_OF_MEMORY, Fault.PERMANENT),
    errno.EROFS: (Reason.INTERNAL, Fault.OPERATOR),
    errno.EMFILE: (Reason.INTERNAL, Fault.OPERATOR),
    # What only the whole machine can be out of.
    errno.ENFILE: (Reason.CRASHED, Fault.RETRYABLE),
    errno.EAGAIN: (Reason.CRASHED, Fault.RETRYABLE),
}

# Python forgets the errno, which is EAGAIN.
_NO_THREAD = "can't start new thread"

# If these come with a file's name, it is a file of this machine.
_OF_A_FILE = (errno.EACCES, errno.ENOENT)

_BY_STATUS: dict[int, Classification] = {
    401: (Reason.LOGIN_NEEDED, Fault.PERMANENT),
    402: (Reason.LOGIN_NEEDED, Fault.PERMANENT),
    404: (Reason.NOT_FOUND, Fault.PERMANENT),
    # The operator's proxy says this in place of the site; the judge logs it where it hears it.
    407: (Reason.NETWORK, Fault.RETRYABLE),
    408: (Reason.NETWORK, Fault.RETRYABLE),
    410: (Reason.NOT_FOUND, Fault.PERMANENT),
    425: (Reason.SITE_BUSY, Fault.RETRYABLE),
    429: (Reason.SITE_BUSY, Fault.RETRYABLE),
    451: (Reason.GEO_BLOCKED, Fault.PERMANENT),
}

_UNKNOWN_HOST = (socket.EAI_NONAME, socket.EAI_NODATA)

_EXTRACTORS = Path(yt_dlp.extractor.__file__).parent
_DOWNLOADERS = Path(yt_dlp.__file__).parent / "downloader"
_OURS = Path(__file__).parents[3]
_READ_ADDRESSES = frozenset({urllib.parse.__file__, ipaddress.__file__, encodings.idna.__file__})

# What extractors say when a page is not as they know it, followed by names of any kind.
_NOT_UNDERSTOOD = re.compile(
    r"(unable to|failed to|cannot|could not) (extract|find|parse|recogni[sz]e|decode)\b"
    r"|.*\b(ID|URL|data|information|parameters)\b.* not found",
    re.IGNORECASE,
)

# Where sites send those who have to log in, and those who have not agreed to something.
_LOGIN_PAGE = re.compile(r"://[^?#]*/(login|log-in|signin|sign-in|checkpoint)\b", re.IGNORECASE)
_CONSENT_PAGE = re.compile(r"://(consent\.|[^?#]*/consent\b)", re.IGNORECASE)
# Where they send those whom they take for a program.
_CAPTCHA_PAGE = re.compile(r"://[^?#]*/(\w*captcha\w*|sorry/index)\b", re.IGNORECASE)
# What the services in front of sites add when they answer in their place: Cloudflare ("Detecting
# a challenge page response"), AWS WAF ("CAPTCHA and Challenge actions"), DataDome.
_WALLS = {
    "cf-mitigated": ("challenge",),
    "x-amzn-waf-action": ("captcha", "challenge"),
    "x-datadome": ("protected",),
}
_REFUSED = (401, 403, 405, 429, 503)
# An id that may be a word of the sentence around it.
_PLAIN_WORD = re.compile(r"[a-z]*")

_NO_FFMPEG = re.compile(r"ffmpeg.*not (found|installed)", re.IGNORECASE)

# These come after the page was read without an error: addresses of media expire.
_MEDIA_PHASE = re.compile(
    r"unable to download video data|\bfragment \d|giving up after", re.IGNORECASE
)

# What yt-dlp says about a piece; the rest of the media may be there.
_OF_A_PIECE = re.compile(r"giving up after", re.IGNORECASE)
_GONE = frozenset({404, 410})

# After its last try yt-dlp reports a failure as text, without the exception.
_STATUS_TEXT = re.compile(r"HTTP Error (\d{3})")

# "ERROR: [site] id: message", where the id is a part of the link or of the page.
_PREFIX = re.compile(r"^(?:ERROR:\s*)?(?:\[[^\]]*\]\s*(?:\S+:\s+)?)?")


def classify(error: BaseException, guard: Guard | None = None) -> JobError:
    """The JobError for any exception from yt-dlp; its detail holds no path or query of a URL."""
    if isinstance(error, JobError):
        return error
    causes = list(_causes(error))
    reason, fault = _classification(error, causes, guard)
    wait_s = _retry_after_s(causes, datetime.now(UTC))
    statuses = [f"HTTP Error {cause.status}" for cause in causes if isinstance(cause, HTTPError)]
    said = "\n".join([_own_text(error, causes), *statuses])
    if reason is Reason.NOT_STARTED and wait_s is None:
        wait_s = starts.told_in_s(said)
    return JobError(reason, fault, describe(error), wait_s, remedy_of(reason, said))


def of_a_page(url: str) -> JobError:
    """The JobError for a page that has come from `url` in place of a playlist.

    It may say by its address what it is, such as that of a login.
    """
    told = classify(UnsupportedError(url))
    if told.reason is not Reason.UNSUPPORTED:
        return told
    return JobError(Reason.SITE_ERROR, Fault.RETRYABLE, "a text in place of a playlist")


def describe(error: BaseException) -> str:
    """One short line for the log: the exception's type, and its text with URLs cut short."""
    text = without_cookies(without_paths(str(error)[:_TEXT_LIMIT]))
    return f"{type(error).__name__}: {clean(text, _DETAIL_LIMIT)}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """`error` and all exceptions that led to it, nearest first, each once."""
    pending, seen = [error], set[int]()
    while pending:
        current = pending.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        related: list[object] = [
            *(getattr(current, "exc_info", None) or ())[1:2],
            getattr(current, "cause", None),
            current.__cause__,
            current.__context__,
            *getattr(current, "unexpected_errors", ()),
            *current.args,  # where urllib3 puts its cause
        ]
        pending += [e for e in related if isinstance(e, BaseException)]


def _classification(
    error: BaseException, causes: list[BaseException], guard: Guard | None
) -> Classification:
    if guard and guard.refused_addresses:
        return Reason.REFUSED_ADDRESS, Fault.PERMANENT
    if guard and guard.refused_programs:
        return Reason.NO_FORMAT, Fault.PERMANENT
    for cause in causes:
        if isinstance(cause, JobError):
            return cause.reason, cause.fault
    names = (str(cause.ie) for cause in _extractors(causes))
    extractor = next((name for name in names if name != "None"), "")
    for cause in _extractors(causes):
        # Before other types, because a sentence says more than the status that it came with.
        if by_sentence := _by_sentence(cause, extractor):
            return by_sentence
    text = _own_text(error, causes)
    for cause in causes:
        if by_type := _by_type(cause, text, is_known_host=extractor not in ("", "generic")):
            return by_type
    if status := _STATUS_TEXT.search(text):
        return _by_status(int(status[1]), text)
    if _NO_FFMPEG.search(text):
        # yt-dlp also says so when ffmpeg is killed while yt-dlp asks for its version.
        if "ffmpeg" in program_paths.missing_ffmpeg():
            return Reason.INTERNAL, Fault.OPERATOR
        return Reason.CRASHED, Fault.RETRYABLE
    if by_text := classify_text(text):
        return by_text
    if any(isinstance(cause, PostProcessingError) for cause in causes):
        # ffmpeg could not read what the site sent.
        return Reason.SITE_ERROR, Fault.RETRYABLE
    if any(not cause.expected for cause in _extractors(causes)) or _broke_an_extractor(error):
        return Reason.OUTDATED, Fault.OPERATOR
    if _extractors(causes):
        return Reason.NO_MEDIA, Fault.PERMANENT
    return Reason.INTERNAL, Fault.OPERATOR


def _by_sentence(error: ExtractorError, extractor: str) -> Classification | None:
    """What an extractor itself says; None if it only reports that a request failed."""
    cause = error.cause
    if isinstance(cause, TransportError) or (isinstance(cause, HTTPError) and cause.status >= 500):
        return None
    text = without_paths(error.orig_msg)[:_TEXT_LIMIT]
    if error.video_id and not _PLAIN_WORD.fullmatch(error.video_id):
        text = text.replace(error.video_id, "…")
    if by_site := classify_site_text(text, extractor):
        return by_site
    match error:
        case GeoRestrictedError():
            return Reason.GEO_BLOCKED, Fault.PERMANENT
        case UserNotLive():
            return Reason.NOT_STARTED, Fault.PERMANENT
        case UnsupportedError() if _LOGIN_PAGE.search(error.url[:_TEXT_LIMIT]):
            at_the_site = classify_site_text(
                "redirected to the login page", site_of_link(error.url)
            )
            return at_the_site or (Reason.LOGIN_NEEDED, Fault.PERMANENT)
        case UnsupportedError() if _CAPTCHA_PAGE.search(error.url[:_TEXT_LIMIT]):
            return Reason.BLOCKED_HERE, Fault.OPERATOR
        case UnsupportedError() if _CONSENT_PAGE.search(error.url[:_TEXT_LIMIT]):
            return Reason.FORBIDDEN, Fault.PERMANENT
        case UnsupportedError():
            return Reason.UNSUPPORTED, Fault.PERMANENT
    if cause is not None:
        return None
    if not error.expected and _NOT_UNDERSTOOD.match(text):
        return Reason.OUTDATED, Fault.OPERATOR
    return classify_text(text)


def _broke_an_extractor(error: BaseException) -> bool:
    """Whether an extractor, and nothing of ours that it called, failed at a page."""
    modules = [Path(frame.filename) for frame in traceback.extract_tb(error.__traceback__)]
    called = itertools.dropwhile(lambda module: not module.is_relative_to(_EXTRACTORS), modules)
    is_ours = list(map(_is_ours, called))
    return bool(is_ours) and not any(is_ours)


def _broke_a_downloader(error: BaseException) -> bool:
    """Whether one of yt-dlp's downloaders, and nothing of ours that it called, failed."""
    modules = [Path(frame.filename) for frame in traceback.extract_tb(error.__traceback__)]
    known = [each for each in modules if each.is_relative_to(_DOWNLOADERS) or _is_ours(each)]
    return bool(known) and not _is_ours(known[-1])


def _is_ours(module: Path) -> bool:
    return module.is_relative_to(_OURS)


def _was_raised_in(error: BaseException, function: str) -> bool:
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and frames[-1].name == function


def _is_of_an_address(error: ValueError) -> bool:
    """Whether a parser of addresses has failed, wherever it was called from.

    When a codec fails, Python raises a second error where the codec was used.
    """
    for each in (error, error.__cause__):
        frames = traceback.extract_tb(each.__traceback__) if each else []
        if frames and frames[-1].filename in _READ_ADDRESSES:
            return True
    return False


def _by_type(cause: BaseException, text: str, *, is_known_host: bool) -> Classification | None:
    match cause:
        case MemoryError():
            return Reason.OUT_OF_MEMORY, Fault.PERMANENT
        case IndexError() if _was_raised_in(cause, "real_run_ffmpeg"):
            # yt-dlp takes the last line of ffmpeg's output, and a killed ffmpeg leaves none.
            return Reason.CRASHED, Fault.RETRYABLE
        case RuntimeError() if str(cause) == _NO_THREAD:
            return _BY_ERRNO[errno.EAGAIN]
        case RecursionError():
            # A page whose elements are nested thousands of times.
            return Reason.NO_MEDIA, Fault.PERMANENT
        case json.JSONDecodeError() if cause.pos == 0:
            # No JSON at all: an empty answer, or a page that says why there is none.
            return Reason.SITE_ERROR, Fault.RETRYABLE
        case HTTPError() if cause.redirect_loop:
            return Reason.LEADS_NOWHERE, Fault.PERMANENT
        case HTTPError() if _is_wall(cause):
            return Reason.BLOCKED_HERE, Fault.OPERATOR
        case HTTPError():
            return _by_status(int(cause.status), text)
        case CertificateVerifyError():
            return Reason.NETWORK, Fault.PERMANENT
        case socket.gaierror() | Socks5Error() if _is_unknown_host(cause):
            # The host of a site that has an extractor exists, so the resolver is in trouble.
            if is_known_host:
                return Reason.NETWORK, Fault.RETRYABLE
            return Reason.NOT_FOUND, Fault.PERMANENT
        case OSError() if cause.errno in _BY_ERRNO:
            return _BY_ERRNO[cause.errno]
        case OSError() if cause.errno in _OF_A_FILE and cause.filename is not None:
            return Reason.INTERNAL, Fault.OPERATOR
        case TransportError() if re.search(SILENCE, str(cause), re.IGNORECASE):
            return Reason.STALLED, Fault.RETRYABLE
        case TransportError() | ContentTooShortError():
            # The resolver's error, which says more, comes later among the causes.
            return None if _is_unknown_host(cause) else (Reason.NETWORK, Fault.RETRYABLE)
        case NoSupportingHandlers():
            return None if cause.unexpected_errors else (Reason.UNSUPPORTED, Fault.PERMANENT)
        case RequestError() if isinstance(cause.cause, SSLError):
            # An old server, or one that does not know the site: yt-dlp advises another option.
            return Reason.NETWORK, Fault.PERMANENT
        case RequestError():
            # It could not even be looked up: there is no such address.
            return Reason.INVALID_LINK, Fault.PERMANENT
        case ValueError() if _is_of_an_address(cause):
            return Reason.INVALID_LINK, Fault.PERMANENT
        case ValueError() if _broke_a_downloader(cause):
            # What a playlist says cannot be, such as a key that is the page of a login.
            return Reason.BROKEN_FILE, Fault.RETRYABLE
    return None


def _is_wall(error: HTTPError) -> bool:
    """Whether a service that keeps programs away from the site has answered in its place."""
    headers = error.response.headers
    return error.status in _REFUSED and any(
        (headers.get(name) or "").strip().lower() in values for name, values in _WALLS.items()
    )


def _is_unknown_host(error: BaseException) -> bool:
    return any(
        (isinstance(cause, socket.gaierror) and cause.errno in _UNKNOWN_HOST)
        or (isinstance(cause, Socks5Error) and cause.errno == SocksReply.NO_SUCH_HOST)
        for cause in _causes(error)
    )


def _by_status(status: int, text: str) -> Classification:
    if status >= 500:
        return Reason.SITE_ERROR, Fault.RETRYABLE
    if status < 400:
        return Reason.LEADS_NOWHERE, Fault.PERMANENT
    if status in _GONE and _OF_A_PIECE.search(text):
        return Reason.BROKEN_FILE, Fault.RETRYABLE
    reason, fault = _BY_STATUS.get(status, (Reason.FORBIDDEN, Fault.PERMANENT))
    is_media = _MEDIA_PHASE.search(text) is not None
    if is_media and fault is Fault.PERMANENT and reason is not Reason.GEO_BLOCKED:
        return Reason.SITE_ERROR, Fault.RETRYABLE
    return reason, fault


def _extractors(causes: list[BaseException]) -> list[ExtractorError]:
    """The errors that extractors raised, the outermost first."""
    return [cause for cause in causes if isinstance(cause, ExtractorError)]


def _own_text(error: BaseException, found: list[BaseException]) -> str:
    """What yt-dlp itself says, without prefix and URLs."""
    texts = [cause.orig_msg for cause in found if isinstance(cause, ExtractorError)]
    shown = (without_paths(_PREFIX.sub("", text)) for text in texts or [str(error)])
    return "\n".join(text[:_TEXT_LIMIT] for text in shown)


def _retry_after_s(causes: list[BaseException], at: datetime) -> float | None:
    """Retry-After (RFC 9110, 10.2.3) of the first HTTP error that has one, at most a day."""
    for cause in causes:
        header = cause.response.headers.get("Retry-After") if isinstance(cause, HTTPError) else None
        if not header:
            continue
        try:
            wait_s = float(header)
        except ValueError:
            try:
                wait_s = (parsedate_to_datetime(header) - at).total_seconds()
            except (ValueError, TypeError):
                continue
        if wait_s >= 0:
            return min(wait_s, LONGEST_WAIT_S)
    return None
