"""The values from which something is a warning or critical; maintenance/README.md shows them."""

QUEUE_WARNING = 100
QUEUE_CRITICAL = 200
"""Jobs that wait for one pool, and not for the pace of a site."""

SITES_NAMED = 3
"""How many of the sites for whose pace links wait are named."""

FAILURES_WARNING = 0.05
FAILURES_CRITICAL = 0.10
"""Share of the links answered in the last hour that got no media."""

FAILURES_MIN = 3
"""Fewer failures say nothing about the bot: one dead link of two is no failure rate of a half."""

FAILURES_NAMED = 3
"""How many of the sites and reasons for which links fail are named."""

MEMORY_CRITICAL = 0.80
"""Share of its cap that a worker uses."""

MAIN_MEMORY_MIB = 150
"""What the bot uses besides its workers and their downloads."""

STARTS_CRITICAL = 5
"""Starts of the bot in an hour, unless all came after a stop."""

SILENCE_S = 90.0
"""How long there may be no answer to a poll (one takes 25 s) and no news from the bot (7.5 s)."""

YTDLP_OLD_DAYS = 180

YTDLP_OLDEST = "2026.7.4"
"""Earlier releases of yt-dlp lack security fixes."""
