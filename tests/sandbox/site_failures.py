"""The ways in which a site fails: it refuses, stalls, never ends, or breaks off."""

from __future__ import annotations

from .blobs import padded
from .clips import SAMPLE
from .site_connection import Route, SiteConnection

ENDLESS_LIMIT = 300 * 1024 * 1024
"""How many bytes there are of a file without an end."""

_VIDEO = "video/mp4"


def _status(to: SiteConnection, path: str, query: dict[str, str]) -> None:
    headers = {"Retry-After": "5"} if path == "/429.mp4" else {}
    to.fail(int(path[1:4]), headers)


def _flaky(to: SiteConnection, path: str, query: dict[str, str]) -> None:
    # The count is per page hit, and an attempt of yt-dlp ends with its first hit that fails:
    # it looks at the page before it downloads, and does not ask for a page twice.
    if to.site.fails_again(path, int(query.get("fails", "1"))):
        to.fail(503)
    else:
        to.send_bytes(SAMPLE.read_bytes(), _VIDEO)


def _slow(to: SiteConnection, path: str, query: dict[str, str]) -> None:
    """The clip, in so many `seconds`; after the share that comes `at_once`."""
    data = SAMPLE.read_bytes()
    pieces = 50
    first = int(len(data) * float(query.get("at_once", "0")))
    pause_s = float(query.get("seconds", "10")) / pieces
    to.begin(200, {"Content-Type": _VIDEO, "Content-Length": str(len(data))})
    step = -(-(len(data) - first) // pieces)
    if to.command == "HEAD":
        return
    to.wfile.write(data[:first])
    for start in range(first, len(data), step):
        to.wfile.write(data[start : start + step])
        if to.wait_for_its_end(pause_s) or _is_left_while_held(to, path):
            to.close_connection = True
            return


def _is_left_while_held(to: SiteConnection, path: str) -> bool:
    """Wait while a file is held; True when the client has gone meanwhile."""
    while to.site.is_held(path):
        if to.wait_for_its_end(0.1):
            return True
    return False


def _stall(to: SiteConnection, path: str, query: dict[str, str]) -> None:
    data = SAMPLE.read_bytes()
    to.begin(200, {"Content-Type": _VIDEO, "Content-Length": str(len(data))})
    to.close_connection = True
    if to.command == "HEAD":
        return
    to.wfile.write(data[: 10 * 1024])
    to.wait_for_its_end(None)


def _endless(to: SiteConnection, path: str, query: dict[str, str]) -> None:
    to.begin(200, {"Content-Type": _VIDEO, "Transfer-Encoding": "chunked"})
    to.close_connection = True
    if to.command == "HEAD":
        return
    for data in padded(SAMPLE.read_bytes(), ENDLESS_LIMIT).read(0, ENDLESS_LIMIT):
        if to.site.stopping.is_set():
            return
        to.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))


def _empty(to: SiteConnection, path: str, query: dict[str, str]) -> None:
    to.begin(200, {"Content-Type": _VIDEO, "Content-Length": "0"})


def _truncated(to: SiteConnection, path: str, query: dict[str, str]) -> None:
    # Ranges are ignored: a client that tries to go on gets the same short answer again.
    data = SAMPLE.read_bytes()
    to.begin(200, {"Content-Type": _VIDEO, "Content-Length": str(2 * len(data))})
    to.close_connection = True
    if to.command != "HEAD":
        to.wfile.write(data)


# A path, or a folder with its last slash.
ROUTES: dict[str, Route] = {
    "/403.mp4": _status,
    "/404.mp4": _status,
    "/429.mp4": _status,
    "/flaky/": _flaky,
    "/slow/": _slow,
    "/stall.mp4": _stall,
    "/endless.mp4": _endless,
    "/empty.mp4": _empty,
    "/truncated.mp4": _truncated,
}
