"""Have yt-dlp's solver find what solves the challenges of a player.

All names of yt-dlp's that are used here are private. If they change, players are no longer solved
in advance, and each download solves its own.
"""

import os
import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

import yt_dlp

from worker.downloads.limits import DownloadLimits
from worker.downloads.players import Player
from worker.downloads.ytdlp.players import javascript

_CACHE_SECTION, _CACHE_KEY = "challenge-solver", "player:"
_TIMESTAMP = re.compile(r"(?:signatureTimestamp|sts)\s*:\s*(\d{5})\b")
_SCRAMBLED = "abcdefghijklmnop"


class PlayerCache:
    """Takes the place of yt-dlp's cache on disk, for solved players alone."""

    enabled = True

    def __init__(self, find: Callable[[str], Player | None]) -> None:
        """Load what `find` finds for an address."""
        self._find = find
        self.stored: dict[str, str] = {}

    def load(self, section: str, key: str, *_: object, default: Any = None, **__: object) -> Any:
        """The solution of a player, or `default`."""
        if section != _CACHE_SECTION or not key.startswith(_CACHE_KEY):
            return default
        player = self._find(key.removeprefix(_CACHE_KEY))
        return player.script if player else default

    def store(self, section: str, key: str, data: Any, *_: object, **__: object) -> None:
        """Keep the solution of a player, and nothing else."""
        if section == _CACHE_SECTION and key.startswith(_CACHE_KEY) and isinstance(data, str):
            self.stored[key.removeprefix(_CACHE_KEY)] = data


def allow_solutions() -> None:
    """Have yt-dlp look for solutions in its cache, which by default it does not do."""
    solver = import_module("yt_dlp.extractor.youtube.jsc._builtin.ejs")
    solver.EJSBaseJCP._ENABLE_PREPROCESSED_PLAYER_CACHE = True


def solve(extractor: Any, address: str, scrambled: str = _SCRAMBLED) -> list[dict[str, str]]:
    """Solve a challenge of each kind with the player at an address: `n`, then a signature."""
    director = import_module("yt_dlp.extractor.youtube.jsc._director")
    kinds = director.JsChallengeType
    requests = [
        director.JsChallengeRequest(kinds.N, director.NChallengeInput(address, [scrambled])),
        director.JsChallengeRequest(kinds.SIG, director.SigChallengeInput(address, [scrambled])),
    ]
    solved = director.initialize_jsc_director(extractor).bulk_solve(requests)
    return [response.output.results for _, response in solved]


def solve_player(address: str, limits: DownloadLimits) -> Player | None:
    """Fetch the player at an address and find its solution; None if it has none."""
    search = javascript.find()
    os.environ.update(search.runtime.environment if search.runtime else {})
    options: dict[str, Any] = {
        "cachedir": False,
        "color": "never",
        "extractor_retries": 1,
        "proxy": limits.proxy or "",
        "socket_timeout": limits.idle_timeout_s,
        **search.options,
    }
    with yt_dlp.YoutubeDL(options, auto_init=False) as ydl:  # type: ignore[arg-type]
        cache = PlayerCache(lambda _: None)
        ydl.cache = cache  # type: ignore[assignment]
        extractor: Any = import_module("yt_dlp.extractor.youtube").YoutubeIE(ydl)
        timestamp = _TIMESTAMP.search(extractor._load_player(None, address))
        is_solved = len(solve(extractor, address)) == 2
        script = cache.stored.get(address)
    return Player(int(timestamp[1]), script) if timestamp and is_solved and script else None
