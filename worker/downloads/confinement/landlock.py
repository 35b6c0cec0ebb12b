"""Landlock (landlock(7)): have the kernel confine this process and all that it starts, for good.

Access that a ruleset handles and does not grant is denied, to root as well. A confined process
can also neither trace a process outside nor read its memory, environment or descriptors. Linux
offers Landlock from 5.13 on, and each ABI adds rights; on a kernel without it nothing here has
any effect.
"""

import ctypes
import os
import stat
from collections.abc import Iterable
from enum import IntFlag

from worker.processes.libc import call_error, libc

# System calls this new have the same numbers on all architectures (asm-generic/unistd.h).
_SYS_CREATE_RULESET = 444
_SYS_ADD_RULE = 445
_SYS_RESTRICT_SELF = 446

_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1
_RULE_NET_PORT = 2

SIGNALS_ABI = 6
"""The first ABI that can confine signals and abstract UNIX sockets."""

TCP_ABI = 4
"""The first ABI that can refuse TCP."""


class FileAccess(IntFlag):
    """Rights to files and directories (linux/landlock.h, LANDLOCK_ACCESS_FS_*)."""

    EXECUTE = 1 << 0
    WRITE_FILE = 1 << 1
    READ_FILE = 1 << 2
    READ_DIR = 1 << 3
    REMOVE_DIR = 1 << 4
    REMOVE_FILE = 1 << 5
    MAKE_CHAR = 1 << 6
    MAKE_DIR = 1 << 7
    MAKE_REG = 1 << 8
    MAKE_SOCK = 1 << 9
    MAKE_FIFO = 1 << 10
    MAKE_BLOCK = 1 << 11
    MAKE_SYM = 1 << 12
    REFER = 1 << 13
    TRUNCATE = 1 << 14
    IOCTL_DEV = 1 << 15


READ = FileAccess.EXECUTE | FileAccess.READ_FILE | FileAccess.READ_DIR
"""Rights to the system's files: read and execute."""

WRITE = (
    FileAccess.READ_FILE
    | FileAccess.READ_DIR
    | FileAccess.WRITE_FILE
    | FileAccess.TRUNCATE
    | FileAccess.MAKE_REG
    | FileAccess.MAKE_DIR
    | FileAccess.REMOVE_FILE
    | FileAccess.REMOVE_DIR
    | FileAccess.REFER
)
"""Rights to the private directory: no executing, no symbolic links, FIFOs, sockets or devices."""

# The kernel rejects any other right for a path that is not a directory.
_FILE_RIGHTS = (
    FileAccess.EXECUTE
    | FileAccess.WRITE_FILE
    | FileAccess.READ_FILE
    | FileAccess.TRUNCATE
    | FileAccess.IOCTL_DEV
)
# Rights that the first ABI lacks, with the ABI that added them.
_ADDED_LATER = ((2, FileAccess.REFER), (3, FileAccess.TRUNCATE), (5, FileAccess.IOCTL_DEV))

_BIND_TCP, _CONNECT_TCP = 1 << 0, 1 << 1
_ABSTRACT_SOCKETS, _SIGNALS = 1 << 0, 1 << 1


class _RulesetAttr(ctypes.Structure):
    # An older kernel knows a shorter struct and accepts this one if the rest is zero.
    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _PathBeneathAttr(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


class _NetPortAttr(ctypes.Structure):
    _fields_ = (("allowed_access", ctypes.c_uint64), ("port", ctypes.c_uint64))


def abi() -> int:
    """The Landlock ABI of the running kernel, 0 if it has none."""
    version = libc.syscall(_SYS_CREATE_RULESET, None, 0, _CREATE_RULESET_VERSION)
    return max(0, int(version))


def confine(readable: Iterable[str], devices: Iterable[str], writable: str) -> bool:
    """Restrict this process to reading below `readable`, using `devices`, writing below `writable`.

    Paths that do not exist are skipped. From `SIGNALS_ABI` on, signals and abstract sockets are
    confined as well. Needs `no_new_privs`; only the calling thread and what it starts are
    restricted. Returns False on a kernel without Landlock, raises OSError when the kernel
    refuses.
    """
    offered = abi()
    if not offered:
        return False
    handled = ~FileAccess(0)
    for since, access in _ADDED_LATER:
        if offered < since:
            handled &= ~access
    scoped = _ABSTRACT_SOCKETS | _SIGNALS if offered >= SIGNALS_ABI else 0
    ruleset = _create(_RulesetAttr(handled_access_fs=handled, scoped=scoped))
    try:
        for paths, access in (
            (readable, READ),
            (devices, FileAccess.READ_FILE | FileAccess.WRITE_FILE),
            ((writable,), WRITE),
        ):
            for path in paths:
                _grant(ruleset, path, access & handled)
        _restrict_self(ruleset)
    finally:
        os.close(ruleset)
    return True


def forbid_tcp(*, but_to_port: int | None = None) -> None:
    """Deny this process TCP, except connecting to one port if that is given, at any address.

    It sees plain TCP that begins with a `connect`; `seccomp` refuses the rest. Has no effect below
    `TCP_ABI`. Raises OSError.
    """
    if abi() < TCP_ABI:
        return
    ruleset = _create(_RulesetAttr(handled_access_net=_BIND_TCP | _CONNECT_TCP))
    try:
        if but_to_port is not None:
            _add_rule(ruleset, _RULE_NET_PORT, _NetPortAttr(_CONNECT_TCP, but_to_port))
        _restrict_self(ruleset)
    finally:
        os.close(ruleset)


def _create(attributes: _RulesetAttr) -> int:
    size = ctypes.sizeof(attributes)
    return _checked(libc.syscall(_SYS_CREATE_RULESET, ctypes.byref(attributes), size, 0))


def _grant(ruleset: int, path: str, access: FileAccess) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            access &= _FILE_RIGHTS
        rule = _PathBeneathAttr(allowed_access=access, parent_fd=fd)
        _add_rule(ruleset, _RULE_PATH_BENEATH, rule)
    finally:
        os.close(fd)


def _add_rule(ruleset: int, kind: int, rule: ctypes.Structure) -> None:
    _checked(libc.syscall(_SYS_ADD_RULE, ruleset, kind, ctypes.byref(rule), 0))


def _restrict_self(ruleset: int) -> None:
    _checked(libc.syscall(_SYS_RESTRICT_SELF, ruleset, 0))


def _checked(result: int) -> int:
    if result < 0:
        raise call_error("Landlock")
    return result
