"""A bot whose downloads run an attacker's program in place of yt-dlp; all else is the real one."""
