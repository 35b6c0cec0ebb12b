"""Manifests and redirects that lead where no download may go."""

from tests.hostile.web import Web, redirect

M3U8 = "application/vnd.apple.mpegurl"
SECRET = "/secret.mp4"


def playlist(*lines: str) -> str:
    head = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:1"]
    return "\n".join([*head, *lines, "#EXT-X-ENDLIST", ""])


def a_redirect(web: Web, inside: str) -> str:
    web.answers["/r"] = redirect(inside)
    return web.url + "/r"
