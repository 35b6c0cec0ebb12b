"""Processes of the operating system: who is ours, what they use, how they start and end."""
