"""The real `bot.py`, as most tests run it: its yt-dlp knows few sites, so it starts sooner.

IN_MAIN names a module for the main process to import first, and IN_FORK_SERVER one for the fork
server.
"""

import importlib
import os
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    import bot

    if module := os.environ.get("IN_MAIN"):
        importlib.import_module(module)
    first = ("tests.support.few_extractors", os.environ.get("IN_FORK_SERVER"))
    bot.PRELOAD = [*filter(None, first), *bot.PRELOAD]
    sys.exit(bot.main(sys.argv[1:]))
