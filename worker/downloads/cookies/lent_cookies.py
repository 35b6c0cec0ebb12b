"""Give a download the operator's cookies for its link's site, and for no other."""

import errno
import hashlib
import os
import struct
from dataclasses import dataclass
from pathlib import Path

from worker.clocks import wall_clock
from worker.cookie_file import HEADER, Cookie, for_ytdlp, open_to_read, read_line
from worker.errors import Fault, JobError, Reason
from worker.processes import child_call
from worker.sites import site_of_url

_DIGEST_BYTES = 16
_HEAD = struct.Struct("qI")


@dataclass(frozen=True)
class LentCookies:
    """Which cookies a download was given: those of a site, from a file, as they were then.

    `changed_ns` is when the operator last changed the file; `digests` are of the cookies, and
    `lasting` of the keys of those that had not expired.
    """

    source: Path
    site: str
    changed_ns: int
    digests: frozenset[bytes]
    lasting: frozenset[bytes] = frozenset()


def copy_in_child(url: str, source: Path, target: Path) -> LentCookies | None:
    """Call `copy_site_cookies` in a child process, so that no other site's cookies stay in memory.

    Returns what it returns. The caller must have one thread. Raises OSError when the disk is full,
    otherwise JobError, which only the operator can fix.
    """
    try:
        packed = child_call.call(lambda: _packed(copy_site_cookies(url, source, target)))
    except child_call.ChildFailed as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        detail = f"cookies cannot be copied from {source.name}: {error.strerror}"
        raise JobError(Reason.INTERNAL, Fault.OPERATOR, detail) from None
    return _unpacked(packed, url, source) if packed else None


def copy_site_cookies(url: str, source: Path, target: Path) -> LentCookies | None:
    """Write the cookies in `source` that the site of `url` may see to `target`.

    Returns what was given; None if there is none. Raises OSError, also when `target` exists.
    """
    site = site_of_url(url)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    digests = set()
    lasting = set()
    wall = wall_clock()
    with (
        open(open_to_read(source), encoding="utf-8", errors="surrogateescape", newline="") as jar,
        open(
            os.open(target, flags, mode=0o600), "w", encoding="utf-8", errors="surrogateescape"
        ) as copy,
    ):
        changed_ns = os.fstat(jar.fileno()).st_mtime_ns
        copy.write(HEADER)
        for line in jar:
            cookie = read_line(line)
            if cookie and cookie.site == site and (taken := for_ytdlp(line, cookie)):
                copy.write(taken)
                digests.add(digest(cookie))
                if not cookie.is_over(wall):
                    lasting.add(key_digest(cookie))
    if not digests:
        return None
    return LentCookies(source, site, changed_ns, frozenset(digests), frozenset(lasting))


def digest(cookie: Cookie) -> bytes:
    """A digest by which a cookie is recognised without keeping it."""
    return _digest(*cookie.key, cookie.value, cookie.expires)


def key_digest(cookie: Cookie) -> bytes:
    """A digest by which a cookie is recognised, whatever its value."""
    return _digest(*cookie.key)


def _digest(*words: str) -> bytes:
    text = "\0".join(words)
    return hashlib.sha256(text.encode(errors="surrogateescape")).digest()[:_DIGEST_BYTES]


def _packed(lent: LentCookies | None) -> bytes:
    if lent is None:
        return b""
    return _HEAD.pack(lent.changed_ns, len(lent.digests)) + b"".join([*lent.digests, *lent.lasting])


def _unpacked(packed: bytes, url: str, source: Path) -> LentCookies:
    changed_ns, count = _HEAD.unpack_from(packed)
    places = range(_HEAD.size, len(packed), _DIGEST_BYTES)
    found = [packed[place : place + _DIGEST_BYTES] for place in places]
    return LentCookies(
        source, site_of_url(url), changed_ns, frozenset(found[:count]), frozenset(found[count:])
    )
