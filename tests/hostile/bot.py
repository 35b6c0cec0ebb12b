"""The real bot, but for a module named in HOSTILE, which it and its fork server import first."""

import importlib
import os
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    import bot

    importlib.import_module(os.environ["HOSTILE"])
    bot.PRELOAD = [os.environ["HOSTILE"]]
    sys.exit(bot.main([]))
