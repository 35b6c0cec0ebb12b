"""How long is waited for what has to come."""

PATIENCE_S = 120
"""It ends what hangs and measures nothing, so it suffices on a machine that is busy with more."""
