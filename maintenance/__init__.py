"""What keeps the machine clean: the bot's maintenance thread, `--check`, and the commands."""
