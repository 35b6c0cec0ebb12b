"""Landlock (landlock(7)): the kernel confines this process and all that it starts, for good.

What is handled and not granted is refused, whoever asks, root included. A confined process can
moreover neither trace nor look into one outside: not its memory, its environment, its
descriptors. Kernels offer it since 5.13, each ABI a little more; one that offers nothing makes
all of this do nothing.
"""

import ctypes
import errno
import os
import stat
from collections.abc import Iterable
from enum import IntFlag

# The same numbers on every architecture that Python runs the bot on (asm-generic/unistd.h).
_SYS_CREATE_RULESET = 444
_SYS_ADD_RULE = 445
_SYS_RESTRICT_SELF = 446

_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1

SIGNALS_ABI = 6
"""From this ABI on, signals and abstract UNIX sockets end at the border as well."""

TCP_ABI = 4
"""From this ABI on, TCP can be refused."""


class FileAccess(IntFlag):
    """What can be done with a file (linux/landlock.h, LANDLOCK_ACCESS_FS_*)."""

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
"""Of the system: look, and run."""

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
"""Of its own: files and directories. No program that came from outside, no link, no socket."""

_OF_A_FILE = (
    FileAccess.EXECUTE
    | FileAccess.WRITE_FILE
    | FileAccess.READ_FILE
    | FileAccess.TRUNCATE
    | FileAccess.IOCTL_DEV
)
# What came after the first ABI: (the ABI, its rights).
_LATER = ((2, FileAccess.REFER), (3, FileAccess.TRUNCATE), (5, FileAccess.IOCTL_DEV))

_BIND_TCP, _CONNECT_TCP = 1 << 0, 1 << 1
_ABSTRACT_SOCKETS, _SIGNALS = 1 << 0, 1 << 1


class _RulesetAttr(ctypes.Structure):
    # An older kernel knows a shorter one, and takes this if the rest is zero.
    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _PathBeneathAttr(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


_libc = ctypes.CDLL(None, use_errno=True)


def abi() -> int:
    """The ABI that the running kernel offers, 0 for none."""
    version = _libc.syscall(_SYS_CREATE_RULESET, None, 0, _CREATE_RULESET_VERSION)
    return max(0, int(version))


def confine(readable: Iterable[str], devices: Iterable[str], own: str) -> bool:
    """Leave to this process reading below `readable`, `devices`, and writing below `own`.

    Wants `no_new_privs`, and one thread: others stay free. Paths that do not exist are no
    matter. From `SIGNALS_ABI` on also confines signals and abstract sockets. False when the
    kernel does not offer it. Raises OSError when it does and refuses.
    """
    offered = abi()
    if not offered:
        return False
    handled = ~FileAccess(0)
    for since, access in _LATER:
        if offered < since:
            handled &= ~access
    scoped = _ABSTRACT_SOCKETS | _SIGNALS if offered >= SIGNALS_ABI else 0
    ruleset = _create(_RulesetAttr(handled_access_fs=handled, scoped=scoped))
    try:
        for paths, access in (
            (readable, READ),
            (devices, FileAccess.READ_FILE | FileAccess.WRITE_FILE),
            ((own,), WRITE),
        ):
            for path in paths:
                _grant(ruleset, path, access & handled)
        _enter(ruleset)
    finally:
        os.close(ruleset)
    return True


def forbid_tcp() -> None:
    """Take TCP from this process; nothing happens below `TCP_ABI`. Raises OSError."""
    if abi() < TCP_ABI:
        return
    ruleset = _create(_RulesetAttr(handled_access_net=_BIND_TCP | _CONNECT_TCP))
    try:
        _enter(ruleset)
    finally:
        os.close(ruleset)


def _create(attributes: _RulesetAttr) -> int:
    size = ctypes.sizeof(attributes)
    return _checked(_libc.syscall(_SYS_CREATE_RULESET, ctypes.byref(attributes), size, 0))


def _grant(ruleset: int, path: str, access: FileAccess) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            access &= _OF_A_FILE
        rule = _PathBeneathAttr(allowed_access=access, parent_fd=fd)
        _checked(_libc.syscall(_SYS_ADD_RULE, ruleset, _RULE_PATH_BENEATH, ctypes.byref(rule), 0))
    finally:
        os.close(fd)


def _enter(ruleset: int) -> None:
    _checked(_libc.syscall(_SYS_RESTRICT_SELF, ruleset, 0))


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"Landlock: {errno.errorcode.get(number, number)}")
    return result
