"""Write back the cookies that a site changed while a download used them.

Sites renew a session while it is used, and an old one ends after a while. Runs in the downloads
worker, which does not trust the download: it takes new values of cookies that were there, of the
download's own site, and nothing else. So a download that lies spoils the cookies of its own site.

The file is replaced as a whole, so a writer that is killed leaves it as it was. Downloads that end
at the same time wait for each other, and the first to change a cookie wins. The file keeps its time
of modification: another time shows that the operator has replaced the file, which is then left
alone.
"""

import contextlib
import errno
import fcntl
import logging
import os
import re
import stat
from dataclasses import replace
from pathlib import Path

from worker.clocks import wall_clock
from worker.cookie_file import HEADER, Cookie, open_to_read, read_line, with_value
from worker.downloads.cookies.lent_cookies import LentCookies, digest, key_digest
from worker.processes import child_call

log = logging.getLogger(__name__)

PATIENCE_S = 5.0
"""How long a writer may take, with all that it waits for."""

_MAX_RETURNED_BYTES = 1 << 20
# Of name and value together (RFC 6265bis, 5.6).
_MAX_COOKIE_BYTES = 4096
# RFC 6265bis, 5.5: a browser keeps no cookie for longer, whatever the site says.
_MAX_AGE_S = 400 * 86_400
_VALUE = re.compile(r"[ -:<-~]*")
_EXPIRES = re.compile(r"[0-9]{1,11}")

_Key = tuple[str, str, str]

# Files that the log has already called unwritable.
_said: set[Path] = set()


def take_back(lent: LentCookies, returned: Path) -> None:
    """Write the changed cookies in the file `returned` to where they come from.

    In a child process, so that no other site's cookies stay in memory; the caller must have one
    thread. What does not work is logged, once for each file.
    """
    try:
        child_call.call(lambda: write_back(lent, returned), PATIENCE_S)
    except OSError as error:
        if lent.source not in _said:
            _said.add(lent.source)
            log.warning(
                "Cookies that sites change cannot be written back to %s (%s): they may end early.",
                lent.source,
                error.strerror,
            )


def has_taken_away(lent: LentCookies, returned: Path) -> bool:
    """Whether the site has taken cookies away that had not ended, as it does with a logout.

    In a child process, as `take_back`. No, if that cannot be found out.
    """
    try:
        return bool(child_call.call(lambda: b"yes" * takes_away(lent, returned), PATIENCE_S))
    except OSError:
        return False


def takes_away(lent: LentCookies, returned: Path) -> bool:
    """Find out in this process whether cookies were taken away, see `has_taken_away`."""
    text = _text_of(returned)
    left = {key_digest(cookie) for cookie in _of_site(text, lent.site)}
    # A file without its first line was never written.
    return text.startswith(HEADER) and not lent.lasting <= left


def write_back(lent: LentCookies, returned: Path) -> None:
    """Write back in this process, see `take_back`. Raises OSError."""
    changes = _changes(lent, returned)
    if not changes:
        return
    source = Path(os.path.realpath(lent.source))
    directory_fd = os.open(source.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(directory_fd, fcntl.LOCK_EX)
        before = source.stat()
        if before.st_mtime_ns != lent.changed_ns:
            return
        if not before.st_mode & stat.S_IWUSR:
            # The person who made the file read-only wants it to stay, though it could be replaced.
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        lines = _read(source).splitlines(keepends=True)
        merged = "".join(_merged(line, lent, changes) for line in lines)
        if merged != "".join(lines):
            _replace(source, merged, before, directory_fd)
    finally:
        os.close(directory_fd)


def _changes(lent: LentCookies, returned: Path) -> dict[_Key, Cookie]:
    """What the download has changed, by its own account."""
    latest = int(wall_clock() + _MAX_AGE_S)
    return {
        cookie.key: replace(cookie, expires=str(min(int(cookie.expires), latest)))
        for cookie in _of_site(_text_of(returned), lent.site)
        if digest(cookie) not in lent.digests and _is_sane(cookie)
    }


def _text_of(returned: Path) -> str:
    """What a download has left; nothing if that is no ordinary file."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        fd = os.open(returned, flags)
    except OSError:
        return ""
    try:
        status = os.fstat(fd)
        is_file = stat.S_ISREG(status.st_mode) and status.st_nlink == 1
        if not is_file or status.st_size > _MAX_RETURNED_BYTES:
            return ""
        return os.read(fd, _MAX_RETURNED_BYTES).decode("utf-8", "replace")
    finally:
        os.close(fd)


def _of_site(text: str, site: str) -> list[Cookie]:
    found = map(read_line, text.split("\n"))
    return [cookie for cookie in found if cookie and cookie.site == site]


def _is_sane(cookie: Cookie) -> bool:
    return (
        len(cookie.name) + len(cookie.value) <= _MAX_COOKIE_BYTES
        and _VALUE.fullmatch(cookie.value) is not None
        and _EXPIRES.fullmatch(cookie.expires) is not None
    )


def _read(path: Path) -> str:
    with open(open_to_read(path), "rb") as file:
        return file.read().decode("utf-8", "surrogateescape")


def _merged(line: str, lent: LentCookies, changes: dict[_Key, Cookie]) -> str:
    cookie = read_line(line)
    # Only what the download was given, and nobody has changed since.
    if cookie is None or cookie.key not in changes or digest(cookie) not in lent.digests:
        return line
    change = changes[cookie.key]
    return with_value(line, change.value, change.expires)


def _replace(path: Path, text: str, before: os.stat_result, directory_fd: int) -> None:
    """Replace a file whole, unless somebody else has done so meanwhile."""
    made = path.with_name(f".{path.name}.new")
    made.unlink(missing_ok=True)  # that of a writer which was killed
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with open(os.open(made, flags, mode=0o600), "wb") as file:
            file.write(text.encode("utf-8", "surrogateescape"))
            file.flush()
            made_by = os.fstat(file.fileno())
            if (made_by.st_uid, made_by.st_gid) != (before.st_uid, before.st_gid):
                os.fchown(file.fileno(), before.st_uid, before.st_gid)
            os.fchmod(file.fileno(), stat.S_IMODE(before.st_mode) & 0o666)
            os.utime(file.fileno(), ns=(before.st_atime_ns, before.st_mtime_ns))
            os.fsync(file.fileno())
        if _identity(path.stat()) == _identity(before):
            os.replace(made, path)
            os.fsync(directory_fd)
    finally:
        with contextlib.suppress(OSError):
            made.unlink()


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
