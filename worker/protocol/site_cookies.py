"""The cookies of sites: where they are, who brings them, and what a download says of them."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from worker.errors import Reason
from worker.protocol import Reader, Reply
from worker.protocol.notices import Notice, Topic

_SITE = re.compile(r"[a-z0-9_-][a-z0-9._:-]{0,252}")


@dataclass(frozen=True)
class CookiesTried:
    """A download's report that a site was given its cookies, and whether it refused them.

    `changed_ns` tells their file from the one that replaces it. `is_over` is whether the site has
    ended their session, which a refusal alone does not say.
    """

    site: str
    changed_ns: int
    is_refused: bool
    is_over: bool = False


@dataclass(frozen=True)
class KeepCookies:
    """Store the cookies in a file that an admin has sent, and remove its message.

    `file_id` is None where they are not to be stored. Both an effect and a task.
    """

    reader: Reader
    message_id: int
    file_id: str | None


@dataclass(frozen=True)
class CookiesKept:
    """What has become of a file with cookies, and what to say about it."""

    reply: Reply


def not_kept(sent: KeepCookies, reason: Reason) -> Reply:
    """What to say when cookies could not be stored. Their message may still be in the chat."""
    if sent.file_id is None:
        topic = Topic.COOKIES_PRIVATELY
    elif reason is Reason.TELEGRAM_FAILS:
        topic = Topic.COOKIES_NOT_FETCHED
    else:
        topic = Topic.COOKIES_NOT_STORED
    return Reply(sent.reader, None, (Notice(topic), Notice(Topic.COOKIES_LEFT)))


def keep_cookies_from_json(value: Mapping[str, Any]) -> KeepCookies:
    """The inverse of `worker.protocol.as_json.to_json` for a `KeepCookies`."""
    return KeepCookies(Reader(**value["reader"]), value["message_id"], value["file_id"])


def sent_files(data_dir: Path) -> Path:
    """The directory of the files that admins have sent."""
    return data_dir / "cookies"


def sent_file(data_dir: Path, site: str) -> Path | None:
    """The file with a site's cookies that admins have sent; None if that is no name of a site."""
    return sent_files(data_dir) / f"{site}.txt" if _SITE.fullmatch(site) else None


def file_of(site: str, data_dir: Path, named: Path | None) -> Path | None:
    """The file with a site's cookies: the one that was sent, before the one that is `named`."""
    sent = sent_file(data_dir, site)
    return sent if sent and os.path.exists(sent) else named
