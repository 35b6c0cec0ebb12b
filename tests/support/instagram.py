"""A stand-in for Instagram that answers browsers alone, as it does whoever has no login."""

from __future__ import annotations

from collections.abc import Mapping
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from tests.sandbox.clips import SAMPLE
from tests.sandbox.tls_proxy import Response
from tests.support.tls_sites import TlsSites, data, file, page

INSTAGRAM = "www.instagram.com"
LINK = f"https://{INSTAGRAM}/reel/CFa1b2c3d4e/"
_CDN = "scontent.cdninstagram.com"


class Instagram(TlsSites):
    """Serves one reel to whoever sends back its cookie and its token; `agents` are its visitors."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, [INSTAGRAM, _CDN])
        self.for_browsers = {INSTAGRAM}
        self.agents: set[str] = set()
        self.answers = {
            f"{INSTAGRAM}/$": page('<script id="__eqmc">{"l": "a-token"}</script>'),
            f"{INSTAGRAM}/api/v1/web/get_ruling_for_content/": data({"status": "ok"}),
            f"{INSTAGRAM}/api/graphql": data(_product()),
            f"{_CDN}/film.mp4": file(SAMPLE.read_bytes(), "video/mp4"),
        }

    def answer(self, address: str, headers: Message, body: bytes) -> Response:
        """Refuse a query without both."""
        if address.startswith(INSTAGRAM):
            self.agents.add(headers["User-Agent"])
        if "graphql" in address and not _has_both(headers, body):
            return 403, {}, b""
        status, given, content = super().answer(address, headers, body)
        cookie = "csrftoken=a-cookie; Domain=.instagram.com; Path=/; Secure; Max-Age=9000"
        return status, {**given, "Set-Cookie": cookie}, content


def _has_both(headers: Message, body: bytes) -> bool:
    tokens = (headers["X-CSRFToken"], headers["X-FB-LSD"], *parse_qs(body.decode())["lsd"])
    is_sent_back = "csrftoken=a-cookie" in headers.get("Cookie", "")
    return is_sent_back and tokens == ("a-cookie", "a-token", "a-token")


def _product() -> Mapping[str, Any]:
    film = {"url": f"https://{_CDN}/film.mp4", "type": 1, "width": 320, "height": 240}
    owner = {"username": "ada", "full_name": "Ada", "pk": "1"}
    post = {"pk": "1", "user": owner, "caption": {"text": "A reel"}, "video_versions": [film]}
    return {"data": {"xig_polaris_media": {"if_not_gated_logged_out": post}}}
