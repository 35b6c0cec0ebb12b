"""yt-dlp as a library: warmed up in the worker, run in the download process.

`warm` and `extractor_index` run in the downloads worker, which is trusted: they import and index
yt-dlp's extractors once, before any link is seen. Everything else runs in the download process,
which is confined and not trusted, since yt-dlp parses what strangers wrote. `errors` is pure and
used by both; `installed` serves the main process and the maintenance commands.
"""
