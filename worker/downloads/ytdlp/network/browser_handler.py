"""yt-dlp's request handler with a browser's TLS handshake, for sites that answer nobody else.

Its connections are made by native code (libcurl), which no audit hook sees. So it is for downloads
whose native code finds nothing on the network but the judge (`confinement.network`). It follows
redirects itself, and resolves no name: the judge does, as for all others.
"""

import queue
import re
import sys
from typing import Any, TypeVar

import curl_cffi.requests
from curl_cffi import CurlOpt
from curl_cffi.requests import session as curl_session
from yt_dlp.dependencies import certifi
from yt_dlp.networking._curlcffi import CurlCFFIRH
from yt_dlp.networking.common import Request, Response
from yt_dlp.networking.exceptions import ProxyError
from yt_dlp.socks import Socks5Error

_MAX_WAITING = 64
"""Pieces of an answer, of 16 KiB at most, that may wait to be read."""

_PROTOCOLS = b"http,https"
# The last number is the proxy's reply (RFC 1928, 6).
_SOCKS_REPLY = re.compile(r"SOCKS5 connection to .*\((\d+)\)")
# What curl_cffi calls before each request, by its name there.
_SET_OPTIONS = "set_curl_options"

T = TypeVar("T")


class _Waiting(queue.Queue[T]):
    """What has been read of an answer; the thread that reads waits while there is much of it.

    In curl_cffi's own queue all of an endless answer would wait.
    """

    def __init__(self) -> None:
        super().__init__(_MAX_WAITING)

    def put_nowait(self, item: T) -> None:
        self.put(item)

    def let_go(self) -> None:
        """Release the thread that waits."""
        with self.mutex:
            # Not 0, which `put` looks at only before it waits.
            self.maxsize = sys.maxsize
            self.not_full.notify_all()


class _Answer(curl_cffi.requests.Response):  # type: ignore[misc]
    def _finalize_stream(self) -> None:
        # It waits for the thread that reads, which first has to learn of the end.
        if isinstance(self.queue, _Waiting) and self.quit_now:
            self.quit_now.set()
            self.queue.let_go()
        super()._finalize_stream()


class _Session(curl_cffi.requests.Session[_Answer]):  # type: ignore[misc]
    """Believes the certificates that yt-dlp's other handlers believe."""

    def __init__(self, cookies: Any) -> None:
        super().__init__(
            cookies=cookies,
            verify=certifi.where(),
            response_class=_Answer,
            curl_options={
                CurlOpt.PROTOCOLS_STR: _PROTOCOLS,
                CurlOpt.REDIR_PROTOCOLS_STR: _PROTOCOLS,
            },
        )

    def request(self, *args: Any, timeout: Any = None, **options: Any) -> _Answer:
        # curl_cffi turns a timeout for the connection and one for a silence into one silence of
        # their sum.
        silence_s = timeout[1] if isinstance(timeout, tuple) else timeout
        answer: _Answer = super().request(*args, timeout=silence_s, **options)
        return answer


class BrowserRH(CurlCFFIRH):  # type: ignore[misc]
    """The handler, with bounds."""

    RH_NAME = "browser"

    def _create_instance(self, cookiejar: Any = None) -> _Session:
        return _Session(cookiejar)

    def _send(self, request: Request) -> Response:
        try:
            response: Response = super()._send(request)
        except ProxyError as error:
            if found := _SOCKS_REPLY.search(str(error)):
                # As in yt-dlp's own SOCKS client.
                raise ProxyError(cause=Socks5Error(int(found[1]))) from error
            raise
        return response


def _bound() -> None:
    set_options = getattr(curl_session, _SET_OPTIONS)

    def set_bounded(*args: Any, **options: Any) -> Any:
        if options["queue_class"] is queue.Queue:
            options["queue_class"] = _Waiting
        return set_options(*args, **options)

    setattr(curl_session, _SET_OPTIONS, set_bounded)


_bound()
