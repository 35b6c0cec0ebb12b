"""The operator's side: the bot's maintenance thread, `--check`, and the commands."""
