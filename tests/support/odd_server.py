"""A server of a directory that answers for some of its files as a test tells it to."""

import http.server
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.serving import answering

_RANGE = re.compile(r"bytes=([0-9]+)-([0-9]*)")
_TYPES = {".m3u8": "application/x-mpegurl", ".mpd": "application/dash+xml", ".html": "text/html"}

Answer = Callable[["Asked"], None]


@dataclass
class OddServer:
    """Its address, and the names of the files that were asked for, in order."""

    url: str = ""
    asked: list[str] = field(default_factory=list)


class Asked(http.server.BaseHTTPRequestHandler):
    """A request for a file."""

    protocol_version = "HTTP/1.1"
    directory: Path
    answers: Mapping[str, Answer]
    made: OddServer

    @property
    def name(self) -> str:
        return self.path.partition("?")[0].lstrip("/")

    @property
    def start(self) -> int:
        """The first byte that is asked for."""
        found = _RANGE.fullmatch(self.headers.get("Range") or "")
        return int(found[1]) if found else 0

    @property
    def end(self) -> int:
        """The last byte that is asked for; that of the file if no end is named."""
        found = _RANGE.fullmatch(self.headers.get("Range") or "")
        return int(found[2]) if found and found[2] else len(self.data()) - 1

    def data(self) -> bytes:
        return (self.directory / self.name).read_bytes()

    def log_message(self, *args: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.made.asked.append(self.name)
        self.answers.get(self.name, send_file)(self)

    def say(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        given = {"Content_Type": "video/mp4", "Content_Length": str(len(body)), **headers}
        for name, value in given.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


def send_file(asked: Asked) -> None:
    """Answer as a server does that heeds ranges."""
    if not (asked.directory / asked.name).is_file():
        asked.say(404)
        return
    data, found = asked.data(), _RANGE.fullmatch(asked.headers.get("Range") or "")
    end = min(int(found[2]) + 1 if found and found[2] else len(data), len(data))
    kind = _TYPES.get(Path(asked.name).suffix, "video/mp4")
    if found is None:
        asked.say(200, data, Content_Type=kind)
    elif asked.start >= end:
        asked.say(416)
    else:
        send_part(asked, asked.start, end)


def send_part(asked: Asked, start: int, end: int) -> None:
    """Answer with these bytes of the file, whatever was asked for."""
    data = asked.data()
    told = f"bytes {start}-{end - 1}/{len(data)}"
    asked.say(206, data[start:end], Content_Range=told)


@contextmanager
def oddly_served(directory: Path, answers: Mapping[str, Answer]) -> Iterator[OddServer]:
    """Serve the files in `directory` on 127.0.0.1, those in `answers` with these."""
    made = OddServer()
    names = {"directory": directory, "answers": answers, "made": made}
    with answering(type("Handler", (Asked,), names)) as made.url:
        yield made
