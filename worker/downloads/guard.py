"""The egress guard: what a download may reach. Public addresses, and nothing else.

Two layers. `check_link` stands at the door and looks at the link as text. `install` puts an
audit hook (PEP 578) into the process that runs yt-dlp; it judges every address at the moment
of the connect, so that redirects, manifests and names that resolve to something else the
second time are judged like the first. A hook cannot be removed by anything that runs later.

The hook does not see what other programs connect to, so it also refuses to start a program
with a URL among its arguments: ffmpeg gets local files only.
"""

import errno
import ipaddress
import os
import re
import socket
import sys
import urllib.parse
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any

from worker.jobs import Fault, JobError, Reason

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_LOCAL_NAMES = re.compile(
    r"(?:^|\.)(?:localhost|local|localdomain|internal|intranet|lan|home|corp|home\.arpa)$"
)

# RFC 4291: all global unicast addresses that IANA has ever handed out.
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052
_NOT_PUBLIC: tuple[Network, ...] = (
    IPv4Network("168.63.129.16/32"),  # a public address that is every Azure machine's host
    IPv4Network("192.0.0.0/24"),  # RFC 6890: protocol assignments
    IPv4Network("192.88.99.0/24"),  # RFC 7526: the 6to4 relay
    IPv6Network("2001::/23"),  # RFC 2928: protocol assignments, Teredo among them
    IPv6Network("3fff::/20"),  # RFC 9637: documentation
)

# A scheme at the beginning, or a URL anywhere in it. One letter and a colon is no scheme.
_URL_ARGUMENT = re.compile(r"^[a-z][a-z0-9+.-]+:|[a-z0-9]://", re.IGNORECASE)


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
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    # Compatible (::/96), Teredo and NAT64's local prefix are refused as a whole.
    return None


def check_link(url: str, allowed_networks: Iterable[str] = ()) -> None:
    """Refuse what no look-up is needed to refuse. Raises JobError, the link's fault."""
    try:
        parts = urllib.parse.urlsplit(url)
        host = parts.hostname
        _ = parts.port  # raises ValueError beyond 65535
    except ValueError as error:
        raise JobError(Reason.INVALID_LINK, Fault.PERMANENT, "not a URL") from error
    if parts.scheme not in {"http", "https"} or not host:
        raise JobError(Reason.INVALID_LINK, Fault.PERMANENT, f"scheme {parts.scheme[:20]!r}")
    networks = parse_networks(allowed_networks)
    address = _literal_address(host)
    if address is None and _LOCAL_NAMES.search(host.rstrip(".")):
        address = IPv4Address("127.0.0.1")
    if address is not None and not _is_allowed(address, networks):
        raise JobError(Reason.REFUSED_ADDRESS, Fault.PERMANENT, f"the link names {host[:60]}")


def _literal_address(host: str) -> Address | None:
    """`host` as an address if it is one in any notation that a resolver understands."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    try:  # 2130706433, 0x7f.1, 0177.0.0.1
        return IPv4Address(socket.inet_aton(host.rstrip(".")))
    except (OSError, UnicodeError):
        return None


def parse_networks(networks: Iterable[str]) -> tuple[Network, ...]:
    """CIDR strings as networks. Raises ValueError."""
    return tuple(ipaddress.ip_network(network, strict=False) for network in networks)


def _is_allowed(address: Address, networks: Iterable[Network]) -> bool:
    return is_public(address) or any(address in network for network in networks)


@dataclass
class Guard:
    """An audit hook that raises PermissionError instead of letting a thing happen.

    `refused_addresses` and `refused_programs` remember what it refused: the exception itself
    is often swallowed on its way up.
    """

    networks: tuple[Network, ...] = ()
    endpoints: frozenset[tuple[str, int]] = frozenset()
    refused_addresses: list[str] = field(default_factory=list)
    refused_programs: list[str] = field(default_factory=list)

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        """Called by the interpreter with every audit event of this process."""
        if event in {"socket.connect", "socket.sendto", "socket.sendmsg"}:
            self._judge_connect(args[0].family, args[1])
        elif event == "socket.bind":
            self._refuse_address("listening")
        elif event == "subprocess.Popen":
            self._judge_program([args[0], *_as_list(args[1])])
        elif event in {"os.exec", "os.posix_spawn"}:
            self._judge_program([args[0], *args[1]])
        elif event == "os.system":
            self._refuse_program("a shell")

    def _judge_connect(self, family: int, address: Any) -> None:
        if address is None:  # sendmsg on a socket that is connected, and so was judged
            return
        if family not in {socket.AF_INET, socket.AF_INET6}:
            self._refuse_address(f"address family {family}")
        host, port = str(address[0]), int(address[1])
        try:
            ip = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            # A name would be resolved behind the hook's back.
            self._refuse_address("an unresolved name")
        if (str(ip), port) not in self.endpoints and not _is_allowed(ip, self.networks):
            self._refuse_address(f"{ip} port {port}")

    def _judge_program(self, words: Iterable[Any]) -> None:
        for word in words:
            text = os.fsdecode(word) if word is not None else ""
            if _URL_ARGUMENT.search(text.removeprefix("file:")):
                self._refuse_program("a URL as its argument")

    def _refuse_address(self, what: str) -> None:
        self.refused_addresses.append(what)
        raise PermissionError(errno.EACCES, f"egress guard: refused {what}")

    def _refuse_program(self, what: str) -> None:
        self.refused_programs.append(what)
        raise PermissionError(errno.EACCES, f"egress guard: refused a program with {what}")


def _as_list(args: Any) -> list[Any]:
    return [args] if isinstance(args, str | bytes | os.PathLike) else list(args)


def install(allowed_networks: Iterable[str], proxy: str | None) -> Guard:
    """Put the guard into this process, for good. The proxy's own endpoint is exempt.

    Raises ValueError for a network or proxy that cannot be read, OSError when the proxy's name
    does not resolve.
    """
    guard = Guard(parse_networks(allowed_networks), _proxy_endpoints(proxy))
    sys.addaudithook(guard)
    return guard


def _proxy_endpoints(proxy: str | None) -> frozenset[tuple[str, int]]:
    if not proxy:
        return frozenset()
    parts = urllib.parse.urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    default = {"https": 443, "http": 80}.get(parts.scheme, 1080)
    found = socket.getaddrinfo(parts.hostname, parts.port or default, type=socket.SOCK_STREAM)
    return frozenset((str(address[0]), int(address[1])) for *_, address in found)
