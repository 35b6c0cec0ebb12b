"""Which addresses and host names are public, in whatever notation they are written."""

import ipaddress
import re
import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address
IpNetwork = IPv4Network | IPv6Network

# RFC 4291: every global unicast address that IANA has allocated so far lies in here.
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052
_NOT_PUBLIC: tuple[IpNetwork, ...] = (
    IPv4Network("168.63.129.16/32"),  # reaches the host of every Azure machine
    IPv4Network("192.0.0.0/24"),  # RFC 6890: protocol assignments
    IPv4Network("192.88.99.0/24"),  # RFC 7526: the 6to4 relay
    IPv6Network("2001::/23"),  # RFC 2928: protocol assignments, Teredo among them
    IPv6Network("3fff::/20"),  # RFC 9637: documentation
)
# RFC 5214: the interface identifier of a tunnel to an IPv4 address (ISATAP), in any prefix.
_ISATAP = (0x00005EFE, 0x02005EFE)

# RFC 6761, 6762, 8375 and 9476, and what is customary; no public name ends in one of these.
_LOCAL_SUFFIX = re.compile(
    r"\.(?:localhost|local|localdomain|internal|intranet|private|lan|home|corp|home\.arpa|svc)$"
)
# Where clouds serve a machine its own credentials, besides 169.254.169.254 and `.internal`.
_METADATA = re.compile(
    r"(?:metadata|instance-data)(?:\.(?:goog|packet\.net|platformequinix\.com|tencentyun\.com))?"
)


def is_public(address: Address) -> bool:
    """Whether packets to `address` leave for the internet, after any translation to IPv4."""
    if isinstance(address, IPv6Address):
        embedded = _embedded_ipv4(address)
        if embedded is not None:
            return is_public(embedded)
        if address not in _GLOBAL_UNICAST:
            return False
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not any(address in network for network in _NOT_PUBLIC)
    )


def _embedded_ipv4(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that a gateway would translate `address` into."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64 or (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    # IPv4-compatible addresses (::/96), Teredo and NAT64's local prefix are never public.
    return None


def is_allowed(address: Address, networks: Iterable[IpNetwork]) -> bool:
    """Whether `address` is public or in one of the operator's `networks`."""
    return is_public(address) or any(address in network for network in networks)


def parse_networks(networks: Iterable[str]) -> tuple[IpNetwork, ...]:
    """Parse CIDR strings. Raises ValueError."""
    return tuple(ipaddress.ip_network(network, strict=False) for network in networks)


def literal_address(host: str) -> Address | None:
    """`host` as an address, in any notation that a resolver accepts; None for a name."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    try:  # 2130706433, 0x7f.1, 0177.0.0.1
        return IPv4Address(socket.inet_aton(host.rstrip(".")))
    except (OSError, ValueError):  # ValueError: not ASCII, or with a NUL
        return None


def address_in(host: str) -> Address | None:
    """The address that a host's name states, this machine's for a local name; None for others."""
    address = literal_address(host)
    return IPv4Address("127.0.0.1") if address is None and is_local_name(host) else address


def is_local_name(host: str) -> bool:
    """Whether `host` names this machine, its network or its cloud, judged without a lookup."""
    host = host.rstrip(".").lower()
    # The resolver completes a name without a dot from this machine's search list.
    return "." not in host or bool(_LOCAL_SUFFIX.search(host) or _METADATA.fullmatch(host))
