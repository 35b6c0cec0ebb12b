"""Preloaded by the fork server in place of the product's preload: the payload, all guards on."""

from tests.hostile import payload
from worker.downloads import child
from worker.downloads.ytdlp import warm

warm.warm_up = dict  # type: ignore[assignment]  # no yt-dlp is run
vars(child)["fetch"] = payload.fetch
