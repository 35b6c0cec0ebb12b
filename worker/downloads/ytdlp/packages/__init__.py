"""Which yt-dlp and which of its plugins are in use; nothing here runs in a download."""
