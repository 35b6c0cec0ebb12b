"""Who owns what is made in the bot's directories."""

import os
from pathlib import Path


def give_to_owner(path: Path) -> None:
    """Give what root has made to the owner of the directory that it is in, who runs the bot."""
    if os.geteuid() == 0:
        above = path.parent.stat()
        os.chown(path, above.st_uid, above.st_gid)
