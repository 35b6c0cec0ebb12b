"""Which paths a download process may read: the system, Python and the bot's code.

Landlock cannot revoke access below a directory that it grants. So where something below must stay
hidden, everything next to it is granted instead of the directory.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from worker.downloads import program_paths

DEVICES = ("/dev/null", "/dev/random", "/dev/urandom")

_CODE = Path(__file__).resolve().parents[2]

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/sys/devices/system/cpu")
# Only what a resolver, TLS and the dynamic loader need of /etc, where passwords and private keys
# lie as well. Of a symbolic link, such as resolv.conf often is, the target is granted.
_CONFIGURATION = (
    *("hosts", "host.conf", "resolv.conf", "nsswitch.conf", "gai.conf", "services", "protocols"),
    *("ssl/certs", "ssl/openssl.cnf", "ssl/cert.pem", "ca-certificates", "crypto-policies"),
    *("pki/tls/certs", "pki/tls/cert.pem", "pki/tls/openssl.cnf", "pki/ca-trust"),
    *("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "ld.so.preload"),
    *("localtime", "timezone", "mime.types", "alternatives"),
)
# About the process itself, and what runtimes size their heap and threads by.
_PROC = ("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/version")


def readable(hidden: Iterable[Path]) -> Iterator[str]:
    """Paths to grant, none of which is or contains one of `hidden`.

    Call it in the download process itself, whose own part of /proc is among them.
    """
    unreadable = {os.path.realpath(path) for path in (*hidden, _CODE.parent / ".env")}
    above = {os.fspath(parent) for path in unreadable for parent in Path(path).parents}
    grants = [*_SYSTEM, *(f"/etc/{name}" for name in _CONFIGURATION)]
    grants += [sys.prefix, sys.base_prefix, os.fspath(_CODE), *_packages(), *_program_directories()]
    for grant in dict.fromkeys(map(os.path.realpath, grants)):
        yield from _without(unreadable, above, grant)
    yield from _PROC


def _packages() -> Iterator[str]:
    """Where Python finds modules, except directories that contain the bot's own directory."""
    for entry in filter(os.path.isabs, sys.path):
        if not _CODE.is_relative_to(os.path.realpath(entry)):
            yield entry


def _program_directories() -> Iterator[str]:
    """The directories in PATH, those that links in them lead to, and their libraries."""
    yield from filter(os.path.isabs, os.get_exec_path())
    for name in (*program_paths.FFMPEG_PROGRAMS, *program_paths.JAVASCRIPT_PROGRAMS):
        if found := program_paths.find(name):
            directory = Path(os.path.realpath(found)).parent
            yield os.fspath(directory)
            yield os.fspath(directory.parent / "lib")


def _without(hidden: set[str], above: set[str], path: str) -> Iterator[str]:
    """The path; if something hidden is below it, the entries beside that."""
    if path in hidden:
        return
    if path not in above:
        yield path
        return
    for entry in sorted(os.scandir(path), key=lambda entry: entry.name):
        if not entry.is_symlink():
            yield from _without(hidden, above, entry.path)
