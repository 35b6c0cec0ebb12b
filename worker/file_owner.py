"""Who owns what is made in the bot's directories."""

import os
import pwd
from pathlib import Path


def give_to_owner(path: Path) -> None:
    """Give what root has made to the owner of the directory that it is in, who runs the bot."""
    if os.geteuid() == 0:
        above = path.parent.stat()
        os.chown(path, above.st_uid, above.st_gid)


def account_name(user_id: int) -> str | None:
    """The name of a user; None if this machine or container has no such user."""
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return None


def owner_name(user_id: int) -> str:
    """The name of a user; `#` and the number of one without a name."""
    return account_name(user_id) or f"#{user_id}"
