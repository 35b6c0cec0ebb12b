"""The files that a download leaves: read, convert, cut, draw a thumbnail."""
