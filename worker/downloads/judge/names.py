"""Look up the addresses of names."""

import socket
from dataclasses import dataclass

from worker.downloads.confinement.addresses import literal_address
from worker.downloads.judge.socks import Reply

_UNKNOWN = (socket.EAI_NONAME, socket.EAI_NODATA)


@dataclass(frozen=True)
class Found:
    """The addresses of a name, or why there are none."""

    addresses: tuple[str, ...] = ()
    failure: Reply = Reply.DONE


FAILED = Found(failure=Reply.FAILED)


def literal(host: str) -> Found | None:
    """What is known of a host that is an address, without a lookup; None for a name."""
    address = literal_address(host)
    return Found((str(address),)) if address and "%" not in host else None


def look_up(host: str) -> Found:
    """The addresses of a host in any notation, by the machine's resolver. Blocks."""
    try:
        answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        return Found(failure=Reply.NO_SUCH_HOST) if error.errno in _UNKNOWN else FAILED
    except (UnicodeError, ValueError):  # no name at all: too long, or with a NUL
        return Found(failure=Reply.NO_SUCH_HOST)
    except OSError:
        return FAILED
    return Found(tuple(dict.fromkeys(str(address[0]) for *_, address in answers)))
