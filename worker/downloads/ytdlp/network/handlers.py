"""Which of yt-dlp's request handlers a download may use."""

import functools
from collections.abc import Iterable
from typing import Any

from worker.downloads.confinement.network import Network

GUARDED = frozenset({"Requests", "Urllib", "Websockets"})
"""The handlers that use Python's sockets, which the egress guard sees."""


def permitted(offered: Iterable[Any], network: Network) -> list[Any]:
    """Those of the handlers that yt-dlp offers, and a browser's in place of its own.

    The latter connects by native code, so it needs a network in which that finds the judge alone.
    """
    guarded = [handler for handler in offered if handler.RH_KEY in GUARDED]
    return guarded if network is Network.NONE else [*guarded, *browsers()]


@functools.cache
def browsers() -> tuple[Any, ...]:
    """The handler with a browser's TLS handshake; empty if there is none to be used.

    curl_cffi may be missing, or of an unknown version.
    """
    try:
        from worker.downloads.ytdlp.network.browser_handler import BrowserRH
    except (ImportError, AttributeError):
        return ()
    return (BrowserRH,)
