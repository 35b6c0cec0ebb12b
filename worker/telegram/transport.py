"""One HTTP exchange with the Bot API, for the long poll and for pyTelegramBotAPI.

The latter by itself puts every parameter into the address, reads a whole file before it
sends it, bounds the sending of a body by its connect timeout, and makes exceptions out of
addresses that hold the token. Here parameters travel in the body, files are read from disk as
they go out, time counts only while nothing moves, and every failure is one of ours.
"""

import json
import logging
import math
import threading
import time
from collections.abc import Mapping
from io import FileIO
from typing import Any
from urllib.parse import urlencode

import requests
import urllib3

from worker import bounded_http
from worker.errors import TelegramUnreachable
from worker.telegram.errors import failure
from worker.telegram.multipart import Multipart

# urllib3 applies the connect timeout to each piece of the body as well: an upload fails when
# one piece of 64 kB has not moved for that long.
CONNECT_TIMEOUT_S = 10
UPLOAD_STALL_S = 20
# As long as TELEGRAM_JOB_TIMEOUT allows by default: a message whose answer is not waited for is
# sent twice if Telegram has taken it.
READ_TIMEOUT_S = 25
# A call that only shows progress must not keep the answer waiting.
SHOWING_TIMEOUT_S = 5

_MAX_ANSWER_BYTES = 16 * 1024 * 1024
_CHUNK_BYTES = 64 * 1024
# Python refuses to parse numbers of thousands of digits, and with them the whole answer.
_MAX_DIGITS = 40

_thread = threading.local()


class ApiAnswer:
    """A successful response, with what pyTelegramBotAPI reads of one."""

    status_code = 200
    text = ""  # only ever formatted for the log, which has no business with it

    def __init__(self, body: Mapping[str, Any]) -> None:
        self._body = body

    def json(self) -> Mapping[str, Any]:
        """The parsed body."""
        return self._body


def send(
    _verb: str,
    url: str,
    *,
    params: Mapping[str, Any] | None,
    files: Mapping[str, tuple[str, FileIO]] | None,
    timeout: tuple[float, float],
    proxies: dict[str, str] | None,
) -> ApiAnswer:
    """What `apihelper.CUSTOM_REQUEST_SENDER` is set to; as `call`, always by POST.

    Only the second part of `timeout` counts.
    """
    return call(url, params or {}, timeout[1], proxies, files)


def call(
    url: str,
    params: Mapping[str, Any],
    read_timeout_s: float,
    proxies: dict[str, str] | None,
    files: Mapping[str, tuple[str, FileIO]] | None = None,
) -> ApiAnswer:
    """Call a method of the Bot API.

    `read_timeout_s` are seconds without a byte of the answer. Raises the typed failures of
    `worker.errors` and the internal ones of `worker.telegram.errors`.
    """
    outcome = _exchange(url, params, files, read_timeout_s, proxies)
    # Raised here, outside of any handler: what went wrong below must not be this exception's
    # context, since it holds the address with the token.
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def keep_quiet() -> None:
    """Keep urllib3 from logging: its lines contain URLs with the token, at every level.

    Not done once for all, since yt-dlp sets that level too.
    """
    logging.getLogger("urllib3").setLevel(logging.CRITICAL + 1)


def fetch(url: str, proxies: dict[str, str] | None) -> bytes:
    """The content of a file on Telegram's server. Raises TelegramUnreachable."""
    outcome = _try_fetch(url, proxies)
    # As in `send`: the address holds the token.
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _try_fetch(url: str, proxies: dict[str, str] | None) -> bytes | Exception:
    try:
        with _session().get(
            url,
            timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
            proxies=proxies,
            allow_redirects=False,
            stream=True,
        ) as response:
            status = response.status_code
            content = _content(response, time.monotonic() + READ_TIMEOUT_S)
    except (OSError, urllib3.exceptions.HTTPError) as error:
        return TelegramUnreachable(f"a file: {type(error).__name__}")
    if status != 200 or content is None:
        return TelegramUnreachable(f"a file: HTTP {status}")
    return content


def _exchange(
    url: str,
    params: Mapping[str, Any],
    files: Mapping[str, tuple[str, FileIO]] | None,
    read_timeout_s: float,
    proxies: dict[str, str] | None,
) -> ApiAnswer | Exception:
    method = url.rpartition("/")[2]
    texts = {name: _as_text(value) for name, value in params.items() if value is not None}
    body: Multipart | bytes
    if files:
        body = Multipart(texts, files)
        content_type, connect_timeout_s = body.content_type, UPLOAD_STALL_S
    else:
        body = urlencode(texts, errors="replace").encode("ascii")
        content_type = "application/x-www-form-urlencoded"
        connect_timeout_s = CONNECT_TIMEOUT_S
    try:
        with _session().post(
            url,
            data=body,
            headers={"Content-Type": content_type},
            timeout=(connect_timeout_s, read_timeout_s),
            proxies=proxies,
            allow_redirects=False,
            stream=True,
        ) as response:
            status = response.status_code
            content = _content(response, time.monotonic() + read_timeout_s)
    except (OSError, urllib3.exceptions.HTTPError) as error:  # requests' own are OSErrors
        return TelegramUnreachable(f"{method}: {type(error).__name__}")
    if content is None:
        return TelegramUnreachable(f"{method}: the answer is too long or comes too slowly")
    answer = _parse(content)
    if status == 200 and isinstance(answer, dict) and answer.get("ok") is True:
        return ApiAnswer(answer) if "result" in answer else failure(method, status, None)
    return failure(method, status, answer)


def _session() -> requests.Session:
    """The calling thread's session, which keeps its connection for the next call."""
    session: requests.Session | None = getattr(_thread, "session", None)
    if session is None:
        session = _thread.session = bounded_http.new_session()
    return session


def _content(response: requests.Response, deadline: float) -> bytes | None:
    """The body of a response; None if it is too long or too slow."""
    chunks: list[bytes] = []
    size = 0
    # read1 returns what has arrived, so a response that trickles in meets its deadline too.
    while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
        size += len(chunk)
        if size > _MAX_ANSWER_BYTES or time.monotonic() > deadline:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


def _parse(content: bytes) -> object:
    try:
        return json.loads(content, parse_int=_whole)
    except (ValueError, RecursionError):
        return None


def _whole(digits: str) -> float:
    return int(digits) if len(digits) <= _MAX_DIGITS else math.inf


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
