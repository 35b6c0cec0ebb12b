"""One download: from a link to the files that are sent, in a private directory.

Two processes share this package. A downloads worker, which is trusted, runs `job`, `session`,
`workspace`, `identity` and `usage`: it forks a download process for each link, watches it, and
believes nothing that it says without checking. The download process runs `child` and the
subfolders: `confinement` while it is still trusted, then `ytdlp` and `media`, which read what
strangers wrote and are not. `channel` is the pipe between the two, and `decoding` reads what comes
out of it; `limits` and `text` serve both.

`job.make_handler` is the entry point. Nothing is imported here, because the main process and the
maintenance commands use `limits` and `workspace` and have no need of yt-dlp.
"""
