"""The real `bot.py`, whose yt-dlp also knows the posts of the sandbox's site.

A post is what an extractor of yt-dlp says is one, and none of them knows an address on loopback.
The fork server imports this module too, before it prepares yt-dlp.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    import bot

    bot.PRELOAD = ["tests.sandbox.posts_bot", *bot.PRELOAD]
    sys.exit(bot.main(sys.argv[1:]))
else:
    from tests.sandbox.post_extractor import introduce

    introduce()
