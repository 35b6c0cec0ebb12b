"""Replace the variables of an HLS playlist by their values (RFC 8216bis, 4.3 and 4.4.2.3). Pure.

What a playlist imports from the one that led to it is not known here, and stays as it is.
"""

import re
from urllib.parse import parse_qsl, urlsplit

from yt_dlp.utils import parse_m3u8_attributes

_DEFINE = "#EXT-X-DEFINE:"
_REFERENCE = re.compile(r"\{\$([A-Za-z0-9_-]+)\}")
# A playlist of a few bytes could otherwise fill the memory.
_MAX_CHARS = 16 * 1024 * 1024


def replaced(text: str, url: str) -> str:
    """The playlist from `url` with values in place of variables, as far as they are defined."""
    if _DEFINE not in text:
        return text
    values: dict[str, str] = {}
    lines, left = [], _MAX_CHARS
    for line in text.splitlines():
        longest = max(map(len, values.values()), default=0)
        left -= len(line) + line.count("{$") * longest
        if left < 0:
            return text
        line = _REFERENCE.sub(lambda found: values.get(found[1], found[0]), line)
        if line.startswith(_DEFINE):
            values.update(_defined(parse_m3u8_attributes(line), url))
        else:
            lines.append(line)
    return "\n".join(lines)


def _defined(attributes: dict[str, str], url: str) -> dict[str, str]:
    if (name := attributes.get("NAME")) is not None:
        return {name: attributes.get("VALUE", "")}
    if (name := attributes.get("QUERYPARAM")) is not None:
        found = dict(parse_qsl(urlsplit(url).query)).get(name)
        return {} if found is None else {name: found}
    return {}
