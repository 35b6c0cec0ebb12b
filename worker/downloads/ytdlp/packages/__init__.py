"""Which yt-dlp and which of its plugins are in use; no decision here is made in a download."""
