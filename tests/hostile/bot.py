"""The real bot, but for what its workers find preloaded: a module named in HOSTILE."""

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    import bot

    bot.PRELOAD = [os.environ["HOSTILE"]]
    sys.exit(bot.main([]))
