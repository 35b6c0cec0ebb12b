"""The payload takes the place of yt-dlp in every download; all guards are on."""

from tests.hostile import payload
from worker.downloads import child
from worker.downloads.ytdlp import warm

warm.warm_up = dict  # type: ignore[assignment]  # no yt-dlp is run
vars(child)["fetch"] = payload.fetch
