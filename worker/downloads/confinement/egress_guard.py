"""The egress guard: what a download may reach. Public addresses, and nothing else.

Two layers. `check_link` stands at the door and looks at the link as text. `install` puts an
audit hook (PEP 578) into the process that runs yt-dlp; it judges every address at the moment
of the connect, so that redirects, manifests and names that resolve to something else the
second time are judged like the first. A hook cannot be removed by anything that runs later.

The hook does not see what other programs connect to, so it also refuses to start a program
with a URL among its arguments, and ffmpeg where it is not told to open files alone: what calls
itself a video can be a list of addresses.
"""

import errno
import ipaddress
import itertools
import os
import re
import socket
import sys
import urllib.parse
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from worker import urls
from worker.downloads.confinement.addresses import (
    IpNetwork,
    is_allowed,
    is_local_name,
    literal_address,
    parse_networks,
)
from worker.errors import Fault, JobError, Reason

# The only kinds that a download needs: TCP, and UDP for a resolver of its own.
_FAMILIES = (socket.AF_INET, socket.AF_INET6)
_KINDS = (socket.SOCK_STREAM, socket.SOCK_DGRAM)
# Flags that travel in the same number (socket(2)).
_KIND_FLAGS = socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK

_READERS = frozenset({"ffmpeg", "ffprobe"})
_FILES_ALONE = ("-protocol_whitelist", "file")

# A scheme at the beginning, or a URL anywhere in it. One letter and a colon is no scheme.
_URL_ARGUMENT = re.compile(r"^[a-z][a-z0-9+.-]+:|[a-z0-9]://", re.IGNORECASE)


def check_link(url: str, allowed_networks: Iterable[str] = ()) -> None:
    """Refuse what no look-up is needed to refuse. Raises JobError, the link's fault."""
    try:
        parts = urllib.parse.urlsplit(url)
        host, port = parts.hostname, parts.port  # raises ValueError beyond 65535
    except ValueError as error:
        raise JobError(Reason.INVALID_LINK, Fault.PERMANENT, "not a URL") from error
    if parts.scheme not in {"http", "https"} or not host:
        raise JobError(Reason.INVALID_LINK, Fault.PERMANENT, f"scheme {parts.scheme[:20]!r}")
    address = literal_address(host)
    if address is None and is_local_name(host):
        address = ipaddress.IPv4Address("127.0.0.1")
    if address is not None and not is_allowed(address, parse_networks(allowed_networks)):
        raise JobError(Reason.REFUSED_ADDRESS, Fault.PERMANENT, f"the link names {host[:60]}")
    if port is not None and not urls.is_open_port(port):
        raise JobError(Reason.REFUSED_ADDRESS, Fault.PERMANENT, f"the link names port {port}")


@dataclass
class Guard:
    """An audit hook that raises PermissionError instead of letting a thing happen.

    `refused_addresses` and `refused_programs` remember what it refused: the exception itself
    is often swallowed on its way up.
    """

    networks: tuple[IpNetwork, ...] = ()
    endpoints: frozenset[tuple[str, int]] = frozenset()
    refused_addresses: list[str] = field(default_factory=list)
    refused_programs: list[str] = field(default_factory=list)

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        """Called by the interpreter with every audit event of this process."""
        if event == "socket.__new__":
            self._judge_socket(args[1], args[2])
        elif event in {"socket.connect", "socket.sendto", "socket.sendmsg"}:
            self._judge_connect(args[0].family, args[1])
        elif event == "socket.bind":
            self._refuse_address("listening")
        elif event == "subprocess.Popen":
            self._judge_program([args[0], *_as_list(args[1])])
        elif event in {"os.exec", "os.posix_spawn"}:
            self._judge_program([args[0], *args[1]])
        elif event == "os.system":
            self._refuse_program("a shell")

    def _judge_socket(self, family: int, kind: int) -> None:
        # -1: a socket that exists, under a descriptor.
        if family not in (*_FAMILIES, -1) or (kind != -1 and kind & ~_KIND_FLAGS not in _KINDS):
            self._refuse_address(f"a socket of family {family}, kind {kind}")

    def _judge_connect(self, family: int, address: Any) -> None:
        if address is None:  # sendmsg on a socket that is connected, and so was judged
            return
        if family not in _FAMILIES:
            self._refuse_address(f"address family {family}")
        host, port = str(address[0]), int(address[1])
        try:
            ip = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            # A name would be resolved behind the hook's back.
            self._refuse_address("an unresolved name")
        if (str(ip), port) in self.endpoints:
            return
        if not is_allowed(ip, self.networks) or not urls.is_open_port(port):
            self._refuse_address(f"{ip} port {port}")

    def _judge_program(self, words: Iterable[Any]) -> None:
        texts = [os.fsdecode(word) if word is not None else "" for word in words]
        if any(_URL_ARGUMENT.search(text.removeprefix("file:")) for text in texts):
            self._refuse_program("a URL as its argument")
        if not _READERS.isdisjoint(os.path.basename(text) for text in texts[:2]):
            inputs = texts.count("-i") or any(text.startswith("file:") for text in texts)
            if inputs > list(itertools.pairwise(texts)).count(_FILES_ALONE):
                # Not remembered: yt-dlp's own look at a stream is no fault of the link's, and
                # does without the answer.
                raise PermissionError(errno.EACCES, "egress guard: ffmpeg may open files alone")

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
