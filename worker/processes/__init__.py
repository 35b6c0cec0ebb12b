"""Processes of the operating system: which are ours, what they use, how they start and end."""
