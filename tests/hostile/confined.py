"""Preloaded by the fork server in place of `worker.preload`: the payload, with all guards on."""

from tests.hostile import payload
from worker.downloads import child, warm

warm.warm_up = dict  # type: ignore[assignment]  # no yt-dlp is run
vars(child)["fetch"] = payload.fetch
