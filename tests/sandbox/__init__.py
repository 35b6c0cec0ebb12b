"""A sandbox to run the bot in: a Bot API stand-in, a small media site and a chat page.

Everything listens on loopback only and needs nothing but the standard library; `ffmpeg` is used
for the streaming samples when it is there. `python -m tests.sandbox` starts all of it.
"""
