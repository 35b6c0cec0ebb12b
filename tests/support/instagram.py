"""A stand-in for Instagram that answers browsers alone, as it does whoever has no login."""

from __future__ import annotations

import functools
import json
import string
from collections.abc import Mapping, Sequence
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.sandbox.clips import SAMPLE
from tests.sandbox.tls_proxy import Response
from tests.support.pictures import png
from tests.support.tls_sites import TlsSites, data, file, page

INSTAGRAM = "www.instagram.com"
LINK = f"https://{INSTAGRAM}/reel/CFa1b2c3d4e/"
_DIGITS = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
_CDN = "scontent.cdninstagram.com"


class Instagram(TlsSites):
    """Serves one reel to whoever sends back its cookie and its token; `agents` are its visitors.

    Posts, which it serves as well, are made by `post`.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, [INSTAGRAM, _CDN])
        self.for_browsers = {INSTAGRAM}
        self.agents: set[str] = set()
        self._posts: dict[str, dict[str, Any]] = {}
        self.post(urlsplit(LINK).path.split("/")[2], ["film"])
        self.answers = {
            f"{INSTAGRAM}/$": page('<script id="__eqmc">{"l": "a-token"}</script>'),
            f"{INSTAGRAM}/api/v1/web/get_ruling_for_content/": data({"status": "ok"}),
            f"{_CDN}/film.mp4": file(SAMPLE.read_bytes(), "video/mp4"),
            rf"{_CDN}/\d+\.png": lambda address: (200, "image/png", png(int(Path(address).stem))),
        }

    def post(self, code: str, items: Sequence[str]) -> str:
        """The link of a post of these items: a film, or a picture of some width."""
        media = [{"pk": str(number), **_item(item)} for number, item in enumerate(items, 1)]
        self._posts[_number(code)] = {"carousel_media": media} if len(media) > 1 else media[0]
        return f"https://{INSTAGRAM}/p/{code}/"

    def answer(self, address: str, headers: Message, body: bytes) -> Response:
        """Refuse a query without both."""
        if address.startswith(INSTAGRAM):
            self.agents.add(headers["User-Agent"])
        if "graphql" in address and not _has_both(headers, body):
            return 403, {}, b""
        if "graphql" in address:
            asked = json.loads(parse_qs(body.decode())["variables"][0])
            post = _product(self._posts[asked["media_id"]])
            self.answers[f"{INSTAGRAM}/api/graphql"] = data(post)
        status, given, content = super().answer(address, headers, body)
        cookie = "csrftoken=a-cookie; Domain=.instagram.com; Path=/; Secure; Max-Age=9000"
        return status, {**given, "Set-Cookie": cookie}, content


def _item(name: str) -> dict[str, Any]:
    picture = {"url": f"https://{_CDN}/{name}.png", "width": 1080, "height": 1350}
    shown = {"image_versions2": {"candidates": [picture]}}
    source = {"url": f"https://{_CDN}/film.mp4", "type": 1, "width": 320, "height": 240}
    film = {"video_versions": [source]}
    return {**shown, **(film if name == "film" else {})}


def _has_both(headers: Message, body: bytes) -> bool:
    tokens = (headers["X-CSRFToken"], headers["X-FB-LSD"], *parse_qs(body.decode())["lsd"])
    is_sent_back = "csrftoken=a-cookie" in headers.get("Cookie", "")
    return is_sent_back and tokens == ("a-cookie", "a-token", "a-token")


def _number(code: str) -> str:
    """What the API calls a post that has this code in its link."""
    return str(functools.reduce(lambda value, digit: 64 * value + _DIGITS.index(digit), code, 0))


def _product(media: Mapping[str, Any]) -> Mapping[str, Any]:
    owner = {"username": "ada", "full_name": "Ada", "pk": "1"}
    post = {"pk": "1", "user": owner, "caption": {"text": "A post"}, **media}
    return {"data": {"xig_polaris_media": {"if_not_gated_logged_out": post}}}
