"""`python -m maintenance top`: the live view of a bot."""
