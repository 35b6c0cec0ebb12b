"""What people take from playlists and channels, item by item."""
