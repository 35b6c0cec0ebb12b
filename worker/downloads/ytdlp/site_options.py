"""The options of yt-dlp that an operator may set for a site, see `worker.settings.site_keys`."""

from collections.abc import Mapping
from typing import Any

from worker.downloads.limits import DownloadLimits

_YOUTUBE = "youtube_"


def combined(limits: DownloadLimits, runtime: Mapping[str, Any]) -> dict[str, Any]:
    """The options for the JavaScript `runtime`, and those for the site of the download."""
    of_youtube = {
        name.removeprefix(_YOUTUBE): [value] if isinstance(value, str) else list(value)
        for name, value in limits.options.items()
        if name.startswith(_YOUTUBE)
    }
    others = {
        name: limits.options[name] for name in limits.options if not name.startswith(_YOUTUBE)
    }
    arguments = {**runtime.get("extractor_args", {}), "youtube": of_youtube}
    headers = {"http_headers": dict(limits.headers)} if limits.headers else {}
    return {**runtime, **others, **headers, "extractor_args": arguments}
