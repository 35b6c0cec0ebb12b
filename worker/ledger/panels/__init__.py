"""Messages of the bot's own with buttons: whose they are, and what each shows."""
