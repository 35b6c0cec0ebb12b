"""Gives the bot chats that take ten messages a second, as Telegram's do not."""

from worker.dispatch import rate_limits

rate_limits.IN_CHAT = rate_limits.Rate(0.1, rate_limits.IN_CHAT.burst)
