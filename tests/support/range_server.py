"""A server of a directory that heeds ranges of bytes, and tells what was fetched from it."""

import http.server
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.serving import answering

_RANGE = re.compile(r"bytes=([0-9]+)-([0-9]*)")


@dataclass
class RangeServer:
    """Its address, how many bytes of each file were sent as ranges, and which were sent whole."""

    url: str = ""
    sent: dict[str, int] = field(default_factory=dict)
    whole: list[str] = field(default_factory=list)


@contextmanager
def ranges_served(directory: Path, *, heeds_ranges: bool = True) -> Iterator[RangeServer]:
    """Serve the files in `directory` on 127.0.0.1."""
    made = RangeServer()
    lock = threading.Lock()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None:
            pass

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            name = self.path.partition("?")[0].lstrip("/")
            path = directory / name
            if not path.is_file():
                self.send_error(404)
                return
            data = path.read_bytes()
            asked = _RANGE.fullmatch(self.headers.get("Range") or "") if heeds_ranges else None
            start = int(asked[1]) if asked else 0
            end = min(int(asked[2]) + 1 if asked and asked[2] else len(data), len(data))
            if asked and start >= end:
                self.send_error(416)
                return
            self.send_response(206 if asked else 200)
            if asked:
                self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(data)}")
            self.send_header("Content-Length", str(end - start))
            self.send_header("Content-Type", self._type(path))
            self.end_headers()
            if self.command == "GET":
                with lock:
                    if asked:
                        made.sent[name] = made.sent.get(name, 0) + end - start
                    else:
                        made.whole.append(name)
                self.wfile.write(data[start:end])

        def _type(self, path: Path) -> str:
            types = {".m3u8": "application/x-mpegurl", ".mpd": "application/dash+xml"}
            types |= {".jpg": "image/jpeg", ".gif": "image/gif"}
            return types.get(path.suffix, "video/mp4")

    with answering(Handler) as made.url:
        yield made
