"""Keep the cookies that an admin sends as a file, each site's in a file of its own.

Their message is removed from the chat in any case, or its sender is asked to do so: what is in it
is as good as a password. Safe to repeat.
"""

import fcntl
import logging
import os
from collections.abc import Iterable
from pathlib import Path

from worker import cookie_file
from worker.clocks import Wall
from worker.errors import (
    PASSING_ERRNOS,
    ChatClosed,
    Fault,
    FileIdRefused,
    JobError,
    MessageGone,
    Reason,
    TopicClosed,
)
from worker.protocol import Reply, site_cookies
from worker.protocol.notices import Notice, Topic
from worker.protocol.site_cookies import CookiesKept, KeepCookies
from worker.telegram.client import Client

log = logging.getLogger(__name__)

MAX_BYTES = 1 << 20
MAX_SITES = 20


def keep(client: Client, task: KeepCookies, data_dir: Path, wall: Wall) -> CookiesKept:
    """Store the cookies in a file, remove its message, and say what has become of them.

    A file that was sent to a group is only removed.
    """
    if task.file_id is None:
        said = [Notice(Topic.COOKIES_PRIVATELY)]
    else:
        said = _store(client, task.file_id, data_dir, wall)
    said.append(Notice(Topic.COOKIES_REMOVED if _remove(client, task) else Topic.COOKIES_LEFT))
    return CookiesKept(Reply(task.reader, None, tuple(said)))


def _store(client: Client, file_id: str, data_dir: Path, wall: Wall) -> list[Notice]:
    try:
        content = client.get_file(file_id, MAX_BYTES)
    except (JobError, FileIdRefused, OSError) as error:
        log.warning("Telegram does not give a file with cookies: %s", error)
        return [Notice(Topic.COOKIES_NOT_FETCHED)]
    if content is None:
        return [Notice(Topic.COOKIES_TOO_LARGE)]
    by_site, over = cookie_file.usable(content.decode("utf-8-sig", "replace"), wall)
    if len(by_site) > MAX_SITES:
        return [Notice(Topic.COOKIES_TOO_LARGE)]
    paths = {site: site_cookies.sent_file(data_dir, site) for site in by_site}
    kept = sorted(site for site, path in paths.items() if path)
    try:
        for site in kept:
            _write(site_cookies.sent_files(data_dir) / f"{site}.txt", by_site[site])
    except OSError as error:
        if error.errno in PASSING_ERRNOS:
            raise JobError(Reason.DISK_FULL, Fault.RETRYABLE, str(error.strerror)) from error
        log.error("Cookies that were sent cannot be stored: %s.", error.strerror)
        return [Notice(Topic.COOKIES_NOT_STORED)]
    said = [Notice(Topic.COOKIES_KEPT, {"sites": ", ".join(kept)})] if kept else []
    if over:
        said.append(Notice(Topic.COOKIES_EXPIRED, {"sites": ", ".join(sorted(over)[:MAX_SITES])}))
    return said or [Notice(Topic.COOKIES_UNREADABLE)]


def _write(path: Path, lines: Iterable[str]) -> None:
    """Replace the file of a site; a downloads worker may be writing renewed cookies to it, too."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    directory_fd = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    made = path.with_name(f".{path.name}.sent")
    try:
        fcntl.flock(directory_fd, fcntl.LOCK_EX)
        made.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(made, flags, mode=0o600), "w", encoding="utf-8") as file:
            file.write(cookie_file.HEADER)
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        os.replace(made, path)
        os.fsync(directory_fd)
    finally:
        os.close(directory_fd)


def _remove(client: Client, task: KeepCookies) -> bool:
    """Remove the message with the file. False where Telegram does not let the bot do so."""
    try:
        client.delete_message(task.reader.chat_id, task.message_id)
    except MessageGone:
        return True
    except (JobError, ChatClosed, TopicClosed) as error:
        log.warning("A message with cookies cannot be removed: %s", error)
        return False
    return True
