"""The values from which something is a warning or critical, as maintenance/README.md shows them."""

QUEUE_WARNING = 100
QUEUE_CRITICAL = 200
"""Jobs that wait for one pool, and not for the pace of a site."""

SITES_NAMED = 3
"""How many sites a finding on several names."""

FAILURES_WARNING = 0.05
FAILURES_CRITICAL = 0.10
"""Share of the links answered in the last hour that got no media."""

FAILURES_MIN = 3
"""With fewer failures the rate says nothing: of two links, one may be dead."""

FAILURES_NAMED = 3
"""How many sites and reasons of failures are named."""

MEMORY_CRITICAL = 0.80
"""Share of its cap that a worker uses."""

MAIN_MEMORY_MIB = 150
"""What the bot uses besides its workers and their downloads."""

NO_ROOM_S = 3600.0
"""For how long a download that found no room on the disk counts. One that waits is tried again."""

STARTS_CRITICAL = 5
"""Starts of the bot in an hour, unless all came after a stop."""

SILENCE_S = 90.0
"""How long Telegram may answer no poll (one takes 25 s), or the bot publish nothing (7.5 s)."""

YTDLP_OLD_DAYS = 180

YTDLP_OLDEST = "2026.7.4"
"""Earlier releases of yt-dlp lack security fixes."""
