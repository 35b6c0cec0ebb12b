"""Hostile sites, servers and downloads to test the bot with."""
