"""Look up the addresses of names."""

import socket
from dataclasses import dataclass

from worker.downloads.confinement.addresses import literal_address
from worker.downloads.judge.socks import SocksReply

MAX_JUDGED = 64
"""How many addresses of a name are judged. A stranger's name may have thousands, and while they are
judged all other connections wait."""

_UNKNOWN = (socket.EAI_NONAME, socket.EAI_NODATA)


@dataclass(frozen=True)
class ResolvedName:
    """The addresses of a name, or why there are none."""

    addresses: tuple[str, ...] = ()
    failure: SocksReply = SocksReply.DONE


FAILED = ResolvedName(failure=SocksReply.FAILED)


def literal(host: str) -> ResolvedName | None:
    """What is known of a host that is an address, without a lookup; None for a name."""
    address = literal_address(host)
    return ResolvedName((str(address),)) if address and "%" not in host else None


def look_up(host: str) -> ResolvedName:
    """The addresses of a host in any notation, by the machine's resolver. Blocks."""
    try:
        answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        return ResolvedName(failure=SocksReply.NO_SUCH_HOST) if error.errno in _UNKNOWN else FAILED
    except (UnicodeError, ValueError):  # no name at all: too long, or with a NUL
        return ResolvedName(failure=SocksReply.NO_SUCH_HOST)
    except OSError:
        return FAILED
    addresses = dict.fromkeys(str(address[0]) for *_, address in answers)
    return ResolvedName(tuple(addresses)[:MAX_JUDGED])
