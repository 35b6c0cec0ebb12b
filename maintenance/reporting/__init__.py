"""What the bot says about itself outside of Telegram."""
