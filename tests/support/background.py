"""How a shell starts a command in the background."""


def ignoring_interrupts(*command: str) -> list[str]:
    """The command, begun with SIGINT ignored as by a script's `&` (POSIX sh, 2.11)."""
    return ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *command]
