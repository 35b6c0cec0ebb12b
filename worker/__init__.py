"""What the bot does, in the main process and in its workers."""

__version__ = "1.0.0"
