"""Packages with a plugin for yt-dlp, as an installer leaves them in a directory."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

PROVIDER = """
import json
from yt_dlp.extractor.youtube.pot.provider import (
    PoTokenContext, PoTokenProvider, PoTokenProviderError, PoTokenResponse, register_provider,
)
from yt_dlp.networking import Request

@register_provider
class StandInPTP(PoTokenProvider):
    _SUPPORTED_CLIENTS = None
    _SUPPORTED_CONTEXTS = (PoTokenContext.GVS, PoTokenContext.PLAYER)

    def is_available(self):
        return True

    def _real_request_pot(self, request):
        asked = Request(
            "{url}/get_pot",
            data=json.dumps({{"proxy": request.request_proxy}}).encode(),
            headers={{"Content-Type": "application/json"}},
            proxies={{"all": None}},
        )
        try:
            answer = json.load(self._request_webpage(asked))
        except Exception as error:
            raise PoTokenProviderError(str(error)) from error
        return PoTokenResponse(answer["poToken"])
"""
"""A provider of PO tokens, which asks a server at `url` for them."""


def install(directory: Path, package: str, modules: Mapping[str, str]) -> None:
    """Install a package whose plugin has these modules, such as `extractor/one.py`."""
    files = {f"yt_dlp_plugins/{name}": text for name, text in modules.items()}
    about = f"{package.replace('-', '_')}-1.0.dist-info"
    files[f"{about}/METADATA"] = f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n"
    files[f"{about}/RECORD"] = "".join(f"{name},,\n" for name in files)
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def allow(directory: Path, *packages: str) -> None:
    """Have this process find what is installed there, and load the plugins of some of it."""
    from worker.downloads.ytdlp.packages import plugin_packages

    sys.path.append(str(directory))
    plugin_packages.allow(packages)
