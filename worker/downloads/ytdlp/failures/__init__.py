"""What yt-dlp's failures mean."""
