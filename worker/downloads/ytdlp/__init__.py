"""yt-dlp: how it is warmed up, asked, bounded, and understood when it fails."""
