"""What keeps the machine clean, inside the bot and as `python -m maintenance`."""
