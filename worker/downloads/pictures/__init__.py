"""Posts with pictures, which yt-dlp passes over: read what their sites have answered.

A module for each site, with the shape of the answers that it reads. yt-dlp has fetched those in
its own session before it found no video, or only the videos; nothing is fetched here. Runs in the
download process. Whatever an answer holds, a reader finds a `Post` in it or returns None.
"""
