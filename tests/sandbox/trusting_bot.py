"""The real `bot.py`, whose downloads believe the certificates in SSL_CERT_FILE and no others.

The fork server imports this module too, before yt-dlp reads the certificates that come with it.
"""

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    import bot

    bot.PRELOAD = ["tests.sandbox.trusting_bot", *bot.PRELOAD]
    sys.exit(bot.main(sys.argv[1:]))
else:
    from tests.sandbox.tls_proxy import trust

    trust(Path(os.environ["SSL_CERT_FILE"]))
