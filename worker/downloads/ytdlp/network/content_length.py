"""Correct the length that a server gives for its answer, before yt-dlp parses it."""

import re
from email.message import Message

_NAME = "Content-Length"
_NUMBER = re.compile("[0-9]{1,18}")


def correct(headers: Message) -> None:
    """Keep one of several equal lengths (RFC 9110, 8.6), and drop one that is not a number.

    Without a length an answer ends with its connection.
    """
    said = headers.get_all(_NAME) or []
    lengths = {length.strip() for line in said for length in str(line).split(",")}
    del headers[_NAME]
    if len(lengths) == 1 and _NUMBER.fullmatch(length := lengths.pop()):
        headers[_NAME] = length
