"""The real `bot.py` in want of something that its environment names.

NO_ROOM_WHILE=PATH: the disk has no room for a download while that file is there.
EDITS_MAY_OVERTAKE: an answer does not wait for an edit of its message that is on its way.
"""

import os
import sys
from pathlib import Path

import bot
from worker.dispatch.disk_space import DiskSpace
from worker.dispatch.status.showing import Showing

if __name__ == "__main__":
    if path := os.environ.get("NO_ROOM_WHILE"):
        setattr(  # noqa: B010 - mypy wants no method to be replaced
            DiskSpace, "allows_one_beside", lambda _space, _running: not Path(path).exists()
        )
    if "EDITS_MAY_OVERTAKE" in os.environ:
        setattr(Showing, "busy_requests", ())  # noqa: B010 - mypy knows it as a property
    sys.exit(bot.main(sys.argv[1:]))
