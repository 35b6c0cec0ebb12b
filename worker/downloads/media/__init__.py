"""The files that yt-dlp leaves: inspected, converted or cut, and given a thumbnail.

Runs in the download process, which is confined and not trusted: a file's content is a stranger's,
and so is whatever ffmpeg makes of it. `preparing` is the entry point; `child` calls the others by
what is wanted.
"""
