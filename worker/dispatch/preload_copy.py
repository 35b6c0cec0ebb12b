"""The first module that the fork server imports: it puts the yt-dlp in use into the path.

It comes before any import from a package, since the packages of an update belong together.
"""

from worker.downloads.ytdlp import copies

copies.use()
