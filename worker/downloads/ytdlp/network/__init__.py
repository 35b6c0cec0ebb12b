"""How yt-dlp's requests reach the network, and what a page may cost."""
