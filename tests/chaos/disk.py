"""A small private disk: a tmpfs that only this process and its children see."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

_CLONE_NEWNS = 0x00020000
_CLONE_NEWUSER = 0x10000000
_MS_REMOUNT = 32
_MS_REC = 16384
_MS_PRIVATE = 1 << 18
_MNT_DETACH = 2

_LEAST_BYTES = 4096
_SPARE_INODES = 100_000

_libc = ctypes.CDLL(None, use_errno=True)


def enter_own_namespace() -> None:
    """Move this process and its children into a mount namespace of their own (unshare(2)).

    Root gets a mount namespace, anybody else one inside a user namespace of his own. Call it
    before there are threads. Raises OSError where the machine permits neither.
    """
    user, group = os.getuid(), os.getgid()
    if user == 0:
        _check(_libc.unshare(_CLONE_NEWNS), "unshare")
    else:
        _check(_libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNS), "unshare")
        # Everybody stays who he is; groups may not be dropped (user_namespaces(7)).
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    _mount(None, "/", None, _MS_REC | _MS_PRIVATE, None)


class Disk:
    """A tmpfs at `path`, which is made. `enter_own_namespace` comes first. Raises OSError."""

    def __init__(self, path: Path, size_bytes: int) -> None:
        """Mount it."""
        path.mkdir()
        self.path = path
        self._size_bytes = size_bytes
        _mount("chaos", str(path), "tmpfs", 0, f"size={size_bytes}")

    def leave(self, free_bytes: int) -> None:
        """Shrink it until no more than that is free; what is on it stays."""
        while True:
            used_bytes = _used_bytes(self.path)
            try:
                # Never 0, which to the kernel means no limit at all.
                self._resize(used_bytes + max(free_bytes, _LEAST_BYTES))
            except OSError:
                if _used_bytes(self.path) <= used_bytes:
                    raise
            else:
                return

    def leave_no_inodes(self) -> None:
        """Let no further file be made on it."""
        self._allow_inodes(0)

    def release(self) -> None:
        """Give it its size back, and room for files."""
        self._resize(self._size_bytes)
        self._allow_inodes(_SPARE_INODES)

    def unmount(self) -> None:
        """Unmount it, even if files are open there."""
        _check(_libc.umount2(os.fsencode(self.path), _MNT_DETACH), "umount")

    def _allow_inodes(self, more: int) -> None:
        inodes = _used_inodes(self.path) + more
        _mount(None, str(self.path), None, _MS_REMOUNT, f"nr_inodes={inodes}")

    def _resize(self, size_bytes: int) -> None:
        _mount(None, str(self.path), None, _MS_REMOUNT, f"size={size_bytes}")


def _used_bytes(path: Path) -> int:
    usage = os.statvfs(path)
    return (usage.f_blocks - usage.f_bfree) * usage.f_frsize


def _used_inodes(path: Path) -> int:
    usage = os.statvfs(path)
    return usage.f_files - usage.f_ffree


def _mount(source: str | None, path: str, kind: str | None, flags: int, data: str | None) -> None:
    arguments = [value and value.encode() for value in (source, path, kind, data)]
    source_b, path_b, kind_b, data_b = arguments
    done = _libc.mount(source_b, path_b, kind_b, ctypes.c_ulong(flags), data_b)
    _check(done, f"mount on {path}")


def _check(result: int, what: str) -> None:
    if result != 0:
        errno = ctypes.get_errno()
        raise OSError(errno, f"{what}: {os.strerror(errno)}")
