"""The exit codes of the bot and of the operator's commands; it imports nothing."""

EXIT_OK = 0
"""The bot was told to stop, or a command found all well."""

EXIT_FOUND = 1
"""A command found something, or a warning."""

EXIT_FAILED = 2
"""A command could not do its work, or found something critical."""

EXIT_STALLED = 70
"""EX_SOFTWARE of sysexits.h: a thread of the bot has died or is stuck; to be restarted."""

EXIT_NOT_NOW = 75
"""EX_TEMPFAIL: the bot cannot run for now; to be restarted."""

EXIT_CONFIG = 78
"""EX_CONFIG: only the operator can help; not to be restarted."""

EXIT_INTERRUPTED = 130
"""What a shell reports after ^C."""

EXITS_TO_RESTART = (EXIT_STALLED, EXIT_NOT_NOW)
