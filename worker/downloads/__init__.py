"""One download: from a link to one file in a private directory, ready to be sent.

`job.make_handler` is the way in. Nothing is imported here: the main process and the commands
use `workspace` and `rules`, and have no use for yt-dlp.
"""
