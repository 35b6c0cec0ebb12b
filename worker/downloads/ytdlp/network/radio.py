"""Recognise the stream of a radio station, which never ends, by what its server says of it."""

import re
from email.message import Message

# What SHOUTcast and Icecast tell of the station (icy-name, icy-br, icy-metaint).
_STATION = re.compile(r"icy-", re.IGNORECASE)
_SERVERS = re.compile(r"icecast|shoutcast", re.IGNORECASE)


def is_radio(headers: Message) -> bool:
    """Whether a response is a live stream of sound, and no file on such a server."""
    if headers.get("Content-Length") or headers.get("Content-Range"):
        return False
    is_media = str(headers.get("Content-Type")).lower().startswith(("audio/", "application/ogg"))
    by_server = is_media and _SERVERS.search(str(headers.get("Server")))
    return bool(by_server) or any(map(_STATION.match, headers.keys()))
