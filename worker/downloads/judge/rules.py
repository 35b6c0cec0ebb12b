"""What the judge is told at its start, and how it judges."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field

from worker.downloads.confinement.addresses import (
    Address,
    address_in,
    is_allowed,
    literal_address,
    parse_networks,
)
from worker.urls import is_open_port

MAX_CONNECTIONS = 16
"""How many connections a download may have at a time. One more closes the one that has been silent
for longest: clients keep connections in case they need them again."""

MAX_ABANDONED = 64
"""How many blocking calls, such as lookups of names, may be left over from downloads that have
ended. Beyond that each download may make one at a time: slower for each while names are slow to
come, but no download takes all threads from the others."""


@dataclass(frozen=True)
class Rules:
    """What holds for all downloads.

    `allowed_networks` are CIDR networks that may be reached although they are not public.
    `endpoints` are hosts and ports that plugins of yt-dlp may reach, and only they, private or not.
    `idle_timeout_s` is how long a connection may stay without a byte in either direction. With a
    `proxy` the judge connects through it, and leaves to it the names that it takes unresolved.
    """

    allowed_networks: tuple[str, ...] = ()
    endpoints: tuple[tuple[str, int], ...] = ()
    idle_timeout_s: float = 60.0
    proxy: str | None = field(default=None, repr=False)


class Judgement:
    """Judges addresses by the rules."""

    def __init__(self, rules: Rules) -> None:
        """Raises ValueError for a malformed network."""
        self.rules = rules
        self._networks = parse_networks(rules.allowed_networks)
        self._endpoints = frozenset(rules.endpoints)

    def allowed(self, addresses: Iterable[str], port: int) -> list[str]:
        """The addresses, of those given, that a download may connect to at this port."""
        if not is_open_port(port):
            return []
        return [each for each in addresses if is_allowed(_parsed(each), self._networks)]

    def allows_name(self, host: str, port: int) -> bool:
        """Whether a proxy may be asked for a host, by what its name tells of its address."""
        address = address_in(host)
        return is_open_port(port) and (address is None or is_allowed(address, self._networks))

    def is_endpoint(self, host: str, port: int) -> bool:
        """Whether a plugin may connect to this host at this port, wherever that is."""
        address = literal_address(host)
        return (str(address or host).lower(), port) in self._endpoints


def _parsed(address: str) -> Address:
    return ipaddress.ip_address(address.partition("%")[0])
