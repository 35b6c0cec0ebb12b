"""Addresses: which are public, in whatever notation they are written or hidden."""

import ipaddress
import re
import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address
IpNetwork = IPv4Network | IPv6Network

# RFC 4291: all global unicast addresses that IANA has ever handed out.
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052
_NOT_PUBLIC: tuple[IpNetwork, ...] = (
    IPv4Network("168.63.129.16/32"),  # a public address that is every Azure machine's host
    IPv4Network("192.0.0.0/24"),  # RFC 6890: protocol assignments
    IPv4Network("192.88.99.0/24"),  # RFC 7526: the 6to4 relay
    IPv6Network("2001::/23"),  # RFC 2928: protocol assignments, Teredo among them
    IPv6Network("3fff::/20"),  # RFC 9637: documentation
)
# RFC 5214: the interface of a tunnel to an IPv4 address (ISATAP), in any prefix.
_ISATAP = (0x00005EFE, 0x02005EFE)

# RFC 6761, 6762, 8375, 9476 and custom; no public name ends so.
_LOCAL_SUFFIX = re.compile(
    r"\.(?:localhost|local|localdomain|internal|intranet|private|lan|home|corp|home\.arpa|svc)$"
)
# Where clouds serve the machine's own credentials, besides 169.254.169.254 and `.internal`.
_METADATA = re.compile(
    r"(?:metadata|instance-data)(?:\.(?:goog|packet\.net|platformequinix\.com|tencentyun\.com))?"
)


def is_public(address: Address) -> bool:
    """True when packets to `address` leave for the internet, whatever notation hides it."""
    if isinstance(address, IPv6Address):
        hidden = _hidden_ipv4(address)
        if hidden is not None:
            return is_public(hidden)
        if address not in _GLOBAL_UNICAST:
            return False
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not any(address in network for network in _NOT_PUBLIC)
    )


def _hidden_ipv4(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that a gateway would turn `address` into."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64 or (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    # Compatible (::/96), Teredo and NAT64's local prefix are refused as a whole.
    return None


def is_allowed(address: Address, networks: Iterable[IpNetwork]) -> bool:
    """Public, or in one of the operator's `networks`."""
    return is_public(address) or any(address in network for network in networks)


def parse_networks(networks: Iterable[str]) -> tuple[IpNetwork, ...]:
    """CIDR strings as networks. Raises ValueError."""
    return tuple(ipaddress.ip_network(network, strict=False) for network in networks)


def literal_address(host: str) -> Address | None:
    """`host` as an address if it is one in any notation that a resolver understands."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    try:  # 2130706433, 0x7f.1, 0177.0.0.1
        return IPv4Address(socket.inet_aton(host.rstrip(".")))
    except (OSError, UnicodeError):
        return None


def is_local_name(host: str) -> bool:
    """A name that means this machine, its network or its cloud: no look-up is needed to tell."""
    host = host.rstrip(".").lower()
    # A name without a dot is completed from the machine's own search list.
    return "." not in host or bool(_LOCAL_SUFFIX.search(host) or _METADATA.fullmatch(host))
