"""One download: from a link to the files that are sent, in a private directory.

Two processes share this package. A downloads worker, which is trusted, forks a download process
for each link, watches it, and believes nothing that it says without checking (`decoding`,
`results`). The download process runs `child` and the subfolders: `confinement` while it
is still trusted, then `ytdlp`, `pictures` and `media`, which read what strangers wrote. `judge` is
a process of its own. `channel` is the pipe from the download to its worker, and `reports` what goes
through it; `limits`, `spans`, `text`, `file_names` and `workspace` serve both sides. All other
modules run in the worker.

`job.make_handler` is the entry point. Nothing is imported here, because the main process and the
maintenance commands use `limits` and `workspace` and have no need of yt-dlp.
"""
