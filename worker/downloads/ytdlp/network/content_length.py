"""Correct what a server says of the length of its answer, before yt-dlp takes it for a number."""

import re
from email.message import Message

_NAME = "Content-Length"
_NUMBER = re.compile("[0-9]{1,18}")


def correct(headers: Message) -> None:
    """Keep one length of several that are the same (RFC 9110, 8.6), and none that is no number.

    Without a length an answer ends with its connection.
    """
    said = headers.get_all(_NAME) or []
    lengths = {length.strip() for line in said for length in str(line).split(",")}
    del headers[_NAME]
    if len(lengths) == 1 and _NUMBER.fullmatch(length := lengths.pop()):
        headers[_NAME] = length
