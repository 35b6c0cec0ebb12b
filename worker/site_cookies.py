"""Where the cookies of a site are, and what a download says of them."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

_SITE = re.compile(r"[a-z0-9_-][a-z0-9._:-]{0,252}")


@dataclass(frozen=True)
class CookiesTried:
    """A download's report that a site was given its cookies, and whether it refused them.

    `changed_ns` tells their file from the one that replaces it.
    """

    site: str
    changed_ns: int
    is_refused: bool


def sent_files(data_dir: Path) -> Path:
    """The directory of the files that admins have sent."""
    return data_dir / "cookies"


def sent_file(data_dir: Path, site: str) -> Path | None:
    """The file with a site's cookies that admins have sent; None for no name of a site."""
    return sent_files(data_dir) / f"{site}.txt" if _SITE.fullmatch(site) else None


def file_of(site: str, data_dir: Path, named: Path | None) -> Path | None:
    """The file with a site's cookies: the one that was sent, before the one that is `named`."""
    sent = sent_file(data_dir, site)
    return sent if sent and os.path.exists(sent) else named
