"""Telegram: read updates, and make the few calls that answer them."""
