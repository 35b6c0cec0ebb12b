"""Read what a response says of the file in it."""

import contextlib
import mimetypes
from email.message import Message
from email.utils import collapse_rfc2231_value
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote

from yt_dlp.utils import url_basename

from worker.downloads.media.preparing import Served

# Only pages come without any of these.
_PAGES = frozenset({"text/html", "application/xhtml+xml", ""})
# What servers say when they do not know.
_VAGUE = frozenset({"text/plain", "application/octet-stream", "binary/octet-stream"})
# Without any of these, an answer ends where its connection does (RFC 9112, 6.3).
_ENDS = ("Content-Length", "Transfer-Encoding", "Content-Range")
# Of which Python's first suffix is that of a style sheet (.xsl).
_ANY_XML = "application/xml"


def served(url: str, headers: Message) -> Served:
    """What the headers of a response and its address say."""
    content_type = str(headers.get("Content-Type") or "").partition(";")[0].strip().lower()
    says_nothing = content_type in _VAGUE or content_type == _ANY_XML
    by_type = None if says_nothing else mimetypes.guess_extension(content_type)
    given = _given_name(headers)
    names = (given, unquote(url_basename(url)), f"file{by_type or ''}")
    return Served(
        names=tuple(filter(None, names)),
        title=PurePosixPath(given).stem,
        is_page=content_type in _PAGES,
        has_length=any(name in headers for name in _ENDS),
    )


def _given_name(headers: Message) -> str:
    """The name in Content-Disposition (RFC 6266); many servers write its UTF-8 as it is."""
    # Python's parser raises these for parts that do not fit together and for some encodings.
    with contextlib.suppress(TypeError, ValueError, LookupError):
        parts: Any = headers.get_params(header="Content-Disposition") or ()
        names = [value for key, value in parts if key.lower() == "filename"]
        # The extended parameter comes as a tuple, and says more.
        best = next((name for name in names if isinstance(name, tuple)), names[0] if names else "")
        name = collapse_rfc2231_value(best).replace("\\", "/").rpartition("/")[2]
        with contextlib.suppress(UnicodeError):
            return name.encode("latin-1").decode()
        return name
    return ""
