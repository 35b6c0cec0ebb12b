"""A plain server of a directory."""

import functools
import http.server
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.serving import answering


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def served(directory: Path, host: str = "127.0.0.1") -> Iterator[str]:
    """The address of a plain server of the files in `directory`."""
    handler = functools.partial(_QuietHandler, directory=os.fspath(directory))
    with answering(handler, host) as url:
        yield url
