"""The options of yt-dlp that an operator may set for a site, see `worker.settings.site_keys`."""

from collections.abc import Mapping
from typing import Any

from worker.downloads.limits import DownloadLimits

_ARGUMENTS = {"youtube_": "youtube", "youtubepot_bgutilhttp_": "youtubepot-bgutilhttp"}
"""The prefixes of options that are extractor arguments, each with its extractor."""


def combined(limits: DownloadLimits, runtime: Mapping[str, Any]) -> dict[str, Any]:
    """The options for the JavaScript `runtime`, and those for the site of the download."""
    arguments: dict[str, dict[str, list[Any]]] = {"youtube": {}}
    others = {}
    for name, value in limits.options.items():
        start = next(filter(name.startswith, _ARGUMENTS), None)
        if start:
            values = [value] if isinstance(value, str) else list(value)
            of_owner = arguments.setdefault(_ARGUMENTS[start], {})
            of_owner[name.removeprefix(start)] = values
        else:
            others[name] = value
    of_runtime = runtime.get("extractor_args", {})
    headers = {"http_headers": dict(limits.headers)} if limits.headers else {}
    return {**runtime, **others, **headers, "extractor_args": of_runtime | arguments}
