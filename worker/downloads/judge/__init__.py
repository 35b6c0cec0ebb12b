"""The judge: the one process through which downloads reach the network.

A download has the address of a proxy on this machine and a secret, and nothing else to connect to.
It speaks SOCKS to it; ffmpeg, where it fetches by itself, speaks HTTP to the same port.
Behind that proxy is the judge, a process of the bot's own. It resolves each name, judges every
address, connects to the very address that it has judged, and passes the bytes on, until the
download ends. So whatever runs in a download, what it can reach is decided elsewhere.

`process` is what runs in the judge's process, on top of `server`; `client` is for the downloads
worker and `keeper` for the main process. None of them imports yt-dlp.
"""
