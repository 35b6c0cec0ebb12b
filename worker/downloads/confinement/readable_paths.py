"""What a download process may read: the system, Python, the code of the bot; nothing of people's.

Landlock grants and never takes back, so what must stay unseen below a granted directory is gone
around: in its place everything beside it is granted.
"""

import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")

_CODE = Path(__file__).resolve().parents[2]

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/sys/devices/system/cpu")
# No more of /etc than a resolver, TLS and the dynamic loader ask for: passwords and private
# keys stand beside them. A link such as resolv.conf's means the file that it leads to.
_CONFIGURATION = (
    *("hosts", "host.conf", "resolv.conf", "nsswitch.conf", "gai.conf", "services", "protocols"),
    *("ssl/certs", "ssl/openssl.cnf", "ssl/cert.pem", "ca-certificates", "crypto-policies"),
    *("pki/tls/certs", "pki/tls/cert.pem", "pki/tls/openssl.cnf", "pki/ca-trust"),
    *("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "ld.so.preload"),
    *("localtime", "timezone", "mime.types", "alternatives"),
)
# Of its own process, and of the machine what a runtime sizes its heap and threads by.
_PROC = ("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/version")
_PROGRAMS = ("ffmpeg", "ffprobe", "deno", "node", "bun", "qjs")


def readable(hidden: Iterable[Path]) -> Iterator[str]:
    """Paths to be granted, none of which is or holds one of `hidden`.

    To be asked in the download process itself, since it is told of its own part of /proc.
    """
    unseen = {Path(os.path.realpath(path)) for path in (*hidden, _CODE.parent / ".env")}
    grants = [*_SYSTEM, *(f"/etc/{name}" for name in _CONFIGURATION)]
    grants += [sys.prefix, sys.base_prefix, os.fspath(_CODE), *_packages(), *_program_places()]
    for grant in dict.fromkeys(map(os.path.realpath, grants)):
        yield from map(os.fspath, _beside(Path(grant), unseen))
    yield from _PROC


def _packages() -> Iterator[str]:
    """Where Python looks for modules, but for directories that hold the bot's as one of many."""
    for entry in sys.path:
        if (
            entry
            and Path(entry).is_absolute()
            and not _CODE.is_relative_to(os.path.realpath(entry))
        ):
            yield entry


def _program_places() -> Iterator[str]:
    """The directories of PATH and of what its links lead to, and libraries that lie beside."""
    yield from filter(os.path.isabs, os.get_exec_path())
    for name in _PROGRAMS:
        if found := shutil.which(name):
            place = Path(os.path.realpath(found)).parent
            yield os.fspath(place)
            yield os.fspath(place.parent / "lib")


def _beside(path: Path, unseen: set[Path]) -> Iterator[Path]:
    if path in unseen:
        return
    if not any(each.is_relative_to(path) for each in unseen):
        yield path
        return
    for entry in sorted(path.iterdir()):
        if not entry.is_symlink():
            yield from _beside(entry, unseen)
