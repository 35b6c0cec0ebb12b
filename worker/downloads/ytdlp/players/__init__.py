"""The JavaScript that players have solved, and the runtime for it."""
