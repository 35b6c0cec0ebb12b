"""Which ports a link may name, and a download connect to."""

WEB_PORTS = (80, 443)
FIRST_FREE_PORT = 1024


def is_open(port: int) -> bool:
    """The web's own ports, and those that anybody may serve on: not mail, not a shell."""
    return port in WEB_PORTS or FIRST_FREE_PORT <= port <= 65535
