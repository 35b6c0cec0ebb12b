"""yt-dlp as a library: warmed up in the worker, run in the download process.

`warm` runs in the fork server and in the downloads workers, which are trusted: it imports yt-dlp
and indexes its extractors once, before any link is seen. `packages` says which yt-dlp and which
plugins are in use, for all trusted processes, and `failures` is pure and used by the worker as
well. Everything else runs in the download process, which is confined and not trusted, since yt-dlp
parses what strangers wrote.
"""
