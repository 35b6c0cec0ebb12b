"""The first that the fork server imports: it puts the yt-dlp in use into the path.

Before all that comes from a package, since the packages of an update belong together.
"""

from worker.downloads.ytdlp import copies

copies.use()
