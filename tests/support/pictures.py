"""Pictures and posts for tests."""

import json
import struct
import zlib
from typing import Any


def png(width: int, height: int = 240) -> bytes:
    """A white picture of this size."""
    rows = (b"\x00" + b"\xff" * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(_chunk, *zip(*chunks, strict=True)))


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def instagram_page(*media: dict[str, Any]) -> str:
    """The page of an Instagram post of several media, or of one."""
    owner = {"username": "ada", "full_name": "Ada", "pk": "1"}
    post: dict[str, Any] = {"pk": "2271800837462", "user": owner, "caption": {"text": "A post"}}
    post |= {"carousel_media": list(media)} if len(media) > 1 else media[0]
    result = {"data": {"xig_polaris_media": {"if_not_gated_logged_out": post}}}
    entry = ["adp_Post", {"__bbox": {"result": result}}]
    inner = {"__bbox": {"require": [["RelayPrefetchedStreamCache", "next", [], entry]]}}
    outer = {"require": [["ScheduledServerJS", "handle", None, [inner]]]}
    script = f'<script type="application/json" data-sjs>{json.dumps(outer)}</script>'
    return f"<!doctype html><title>Post</title>{script}"
