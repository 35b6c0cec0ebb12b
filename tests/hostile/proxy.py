"""A proxy with a password, for some servers on loopback; it lets nobody through to another."""

from __future__ import annotations

import base64
import http.client
from urllib.parse import urlsplit

from tests.hostile.web import Handler, Web, status

USER, PASSWORD = "operator", "pass-word-of-the-proxy"


class Proxy(Web):
    """Forwards to `targets`, addresses; `refused` are the others that were asked for."""

    def __init__(self, *targets: str, password: str = PASSWORD) -> None:
        super().__init__()
        self._login = f"{USER}:{password}"
        self._targets = {urlsplit(target).netloc for target in targets}
        self.refused: list[str] = []
        self.otherwise = self._forward

    @property
    def setting(self) -> str:
        """The value of PROXY."""
        return self.url.replace("://", f"://{self._login}@")

    def _forward(self, handler: Handler) -> None:
        login = base64.b64encode(self._login.encode()).decode()
        if handler.headers.get("Proxy-Authorization") != f"Basic {login}":
            status(407)(handler)
            return
        url = urlsplit(handler.path)
        if url.netloc not in self._targets:
            self.refused.append(handler.path)
            # The worst that a proxy can do with what it was told: repeat it.
            handler.send_error(502, f"no {handler.path} for {self._login}")
            return
        body = handler.rfile.read() if handler.command == "POST" else None
        onward = http.client.HTTPConnection(url.netloc, timeout=60)
        kept = {"Content-Type": handler.headers.get("Content-Type", "text/plain")}
        onward.request(handler.command, handler.path.partition(url.netloc)[2], body, kept)
        answer = onward.getresponse()
        content = answer.read()
        handler.send_response(answer.status)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)
        onward.close()
