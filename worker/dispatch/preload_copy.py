"""Puts the yt-dlp in use into the path of the fork server.

It comes before any import from a package, since the packages of an update belong together.
"""

from worker.downloads.ytdlp.packages import copies

copies.use()
