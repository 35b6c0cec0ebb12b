"""The egress guard, in front of the judge: a download reaches its proxy and nothing else.

`check_link` runs in the downloads worker and rejects a link by its text alone. `install` adds an
audit hook (PEP 578) to the download process, which lets it connect to one place: the proxy behind
which the judge (`worker.downloads.judge`) judges every address. Nothing that runs later can remove
an audit hook.

The hook does not see what other programs connect to. So it also refuses to start a program with a
URL among its arguments, and ffmpeg without options that restrict it to files, because a file that
claims to be a video can be a list of addresses. Where the kernel leaves native code the judge
alone, ffmpeg may be started so that it fetches from the web, see `THROUGH_THE_JUDGE`.
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
    address_in,
    is_allowed,
    parse_networks,
)
from worker.downloads.program_paths import FFMPEG_PROGRAMS
from worker.errors import Fault, JobError, Reason

# All that a download needs: TCP, and UDP for the resolver.
_FAMILIES = (socket.AF_INET, socket.AF_INET6)
_KINDS = (socket.SOCK_STREAM, socket.SOCK_DGRAM)
# Flags that are passed in the same number as the type (socket(2)).
_KIND_FLAGS = socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK

_FILES_ONLY = ("-protocol_whitelist", "file")
THROUGH_THE_JUDGE = (
    "-protocol_whitelist",
    "pipe,fd,http,https,tls,tcp,httpproxy,crypto",
)
"""What ffmpeg has among its arguments if it is to fetch: no file is within its reach then. What it
is to fetch it reads from its standard input, where ps does not show it."""

# A scheme at the start, or a URL anywhere. A single letter before the colon is not a scheme.
_URL_ARGUMENT = re.compile(r"^[a-z][a-z0-9+.-]+:|[a-z0-9]://", re.IGNORECASE)


def check_link(url: str, allowed_networks: Iterable[str] = ()) -> None:
    """Raise JobError, blaming the link, if its text alone shows that it must not be fetched."""
    try:
        parts = urllib.parse.urlsplit(url)
        host, port = parts.hostname, parts.port  # raises ValueError beyond 65535
    except ValueError as error:
        raise JobError(Reason.INVALID_LINK, Fault.PERMANENT, "not a URL") from error
    if parts.scheme not in {"http", "https"} or not host:
        raise JobError(Reason.INVALID_LINK, Fault.PERMANENT, f"scheme {parts.scheme[:20]!r}")
    address = address_in(host)
    if address is not None and not is_allowed(address, parse_networks(allowed_networks)):
        raise JobError(Reason.REFUSED_ADDRESS, Fault.PERMANENT, f"the link names {host[:60]}")
    if port is not None and not urls.is_open_port(port):
        raise JobError(Reason.REFUSED_ADDRESS, Fault.PERMANENT, f"the link names port {port}")


@dataclass
class Guard:
    """An audit hook that raises PermissionError for what a download may not do.

    Only `endpoints` may be reached, which are addresses with a port, and by ffmpeg nothing, unless
    `lets_ffmpeg_fetch` says that the kernel keeps it to those. What was refused is kept in
    `refused_addresses` and `refused_programs`, since code on the way up often swallows the
    exception itself.

        guard = Guard(frozenset({("127.0.0.1", 40001)}))
        sys.addaudithook(guard)
        socket.create_connection(("127.0.0.1", 40001))  # connects
        socket.create_connection(("1.1.1.1", 443))  # raises PermissionError
        guard.refused_addresses  # ["1.1.1.1 port 443"]
    """

    endpoints: frozenset[tuple[str, int]] = frozenset()
    lets_ffmpeg_fetch: bool = False
    refused_addresses: list[str] = field(default_factory=list)
    refused_programs: list[str] = field(default_factory=list)

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        """Handle an audit event, with which the interpreter calls every hook."""
        if event == "socket.__new__":
            self._check_socket(args[1], args[2])
        elif event in {"socket.connect", "socket.sendto", "socket.sendmsg"}:
            self._check_connect(args[0].family, args[1])
        elif event == "socket.bind":
            self._refuse_address("listening")
        elif event == "subprocess.Popen":
            self._check_program([args[0], *_as_list(args[1])])
        elif event in {"os.exec", "os.posix_spawn"}:
            self._check_program([args[0], *args[1]])
        elif event == "os.system":
            self._refuse_program("a shell")

    def _check_socket(self, family: int, kind: int) -> None:
        # -1 stands for a socket that is made from an existing descriptor.
        if family not in (*_FAMILIES, -1) or (kind != -1 and kind & ~_KIND_FLAGS not in _KINDS):
            self._refuse_address(f"a socket of family {family}, kind {kind}")

    def _check_connect(self, family: int, address: Any) -> None:
        if address is None:  # sendmsg on a connected socket, which was checked at the connect
            return
        if family not in _FAMILIES:
            self._refuse_address(f"address family {family}")
        host, port = str(address[0]), int(address[1])
        try:
            ip = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            # The hook would not see what the name resolves to.
            self._refuse_address("an unresolved name")
        if (str(ip), port) not in self.endpoints:
            self._refuse_address(f"{ip} port {port}")

    def _check_program(self, command: Iterable[Any]) -> None:
        texts = [os.fsdecode(part) if part is not None else "" for part in command]
        if any(_URL_ARGUMENT.search(text.removeprefix("file:")) for text in texts):
            self._refuse_program("a URL as its argument")
        if any(os.path.basename(text) in FFMPEG_PROGRAMS for text in texts[:2]):
            inputs = texts.count("-i") or any(text.startswith("file:") for text in texts)
            pairs = list(itertools.pairwise(texts))
            if self.lets_ffmpeg_fetch and inputs == pairs.count(THROUGH_THE_JUDGE) == 1:
                return
            if inputs > pairs.count(_FILES_ONLY):
                # Not recorded as refused: yt-dlp itself probes some streams so, goes on without
                # an answer, and the link is not to blame.
                raise PermissionError(errno.EACCES, "egress guard: ffmpeg may only open files")

    def _refuse_address(self, what: str) -> None:
        self.refused_addresses.append(what)
        raise PermissionError(errno.EACCES, f"egress guard: refused {what}")

    def _refuse_program(self, what: str) -> None:
        self.refused_programs.append(what)
        raise PermissionError(errno.EACCES, f"egress guard: refused a program with {what}")


def _as_list(args: Any) -> list[Any]:
    return [args] if isinstance(args, str | bytes | os.PathLike) else list(args)


def install(proxy: str | None, *, lets_ffmpeg_fetch: bool = False) -> Guard:
    """Install a guard in this process for good, which lets connections to the proxy through.

    `lets_ffmpeg_fetch` where native code finds nothing else. Raises ValueError for a malformed
    proxy, OSError when its name does not resolve.
    """
    guard = Guard(_endpoints(proxy) if proxy else frozenset(), lets_ffmpeg_fetch)
    sys.addaudithook(guard)
    return guard


def _endpoints(proxy: str) -> frozenset[tuple[str, int]]:
    parts = urllib.parse.urlsplit(proxy)
    found = socket.getaddrinfo(parts.hostname, parts.port, type=socket.SOCK_STREAM)
    return frozenset((str(address[0]), int(address[1])) for *_, address in found)
