"""A tiny Bot API client for tests, which control every byte that is sent."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from .patience import PATIENCE_S

Part = tuple[str, bytes]


@dataclass(frozen=True)
class Answer:
    """The HTTP status and the JSON object of an answer."""

    status: int
    body: dict[str, Any]

    @property
    def result(self) -> Any:
        """The result of a successful call; raises AssertionError otherwise."""
        assert self.body.get("ok"), self.body
        return self.body["result"]

    @property
    def description(self) -> str:
        """The description of an error; empty without one."""
        return str(self.body.get("description", ""))


class Client:
    """Calls methods at `url`, each over a connection of its own."""

    def __init__(self, url: str, token: str, timeout_s: float = PATIENCE_S) -> None:
        self._address = urlsplit(url).netloc
        self._token = token
        self._timeout_s = timeout_s

    def call(self, method: str, files: Mapping[str, Part] | None = None, **params: Any) -> Answer:
        """A call with JSON parameters, or multipart when there are files (name and bytes)."""
        if files:
            body = multipart(_as_text(params), files)
            return self.raw(method, b"".join(body), content_type=MULTIPART)
        return self.raw(method, json.dumps(params).encode(), content_type="application/json")

    def do(self, method: str, files: Mapping[str, Part] | None = None, **params: Any) -> Any:
        """The result of a call that must succeed."""
        return self.call(method, files, **params).result

    def by_query(self, method: str, **params: Any) -> Answer:
        """A GET with everything in the query string."""
        return self.raw(f"{method}?{urlencode(_as_text(params))}", None, verb="GET")

    def raw(
        self,
        path: str,
        body: bytes | Iterable[bytes] | None,
        *,
        content_type: str = "",
        verb: str = "POST",
        token: str | None = None,
    ) -> Answer:
        """Send a request as it is; an iterable body is sent in chunks."""
        connection = http.client.HTTPConnection(self._address, timeout=self._timeout_s)
        try:
            headers = {"Content-Type": content_type} if content_type else {}
            chunked = body is not None and not isinstance(body, bytes)
            if chunked:
                headers["Transfer-Encoding"] = "chunked"
            target = f"/bot{token or self._token}/{path}"
            connection.request(verb, target, body, headers, encode_chunked=chunked)
            response = connection.getresponse()
            return Answer(response.status, json.loads(response.read()))
        finally:
            connection.close()


_BOUNDARY = "a-boundary-of-the-tests"
MULTIPART = f"multipart/form-data; boundary={_BOUNDARY}"


def multipart(params: Mapping[str, str], files: Mapping[str, Part]) -> Iterator[bytes]:
    """The pieces of a multipart body."""
    for name, value in params.items():
        head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
        yield f"{head}{value}\r\n".encode()
    for name, (file_name, data) in files.items():
        yield (
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; '
            f'filename="{file_name}"\r\nContent-Type: application/octet-stream\r\n\r\n'
        ).encode()
        yield data
        yield b"\r\n"
    yield f"--{_BOUNDARY}--\r\n".encode()


def _as_text(params: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in params.items()
    }
