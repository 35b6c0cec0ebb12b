"""seccomp(2): refuse system calls that a download and its programs have no legitimate use for.

Landlock restricts access to files, but not to their modes, owners, times and attributes; these
filters restrict access to those, to other processes and to sockets, on every kernel. Processes of
one user could otherwise signal each other and starve each other through limits and priorities, and
native code could open sockets that no audit hook sees, some of which Landlock's port rules do not
see either: they judge what `connect` is asked on a TCP socket, not Multipath TCP, nor data that
travels with the first packet (TCP Fast Open).
A filter holds for all that its process starts and cannot be removed.
"""

import ctypes
import errno
import fcntl
import mmap
import os
import platform
import socket
from collections.abc import Iterable

from worker.processes.libc import call_error, libc

Instruction = tuple[int, int, int, int]
SyscallRule = tuple[Instruction, ...]

_PR_GET_SECCOMP = 21
_PR_SET_SECCOMP = 22
_MODE_FILTER = 2

# Instructions (linux/bpf_common.h) and return values (linux/seccomp.h) of a filter.
_LOAD, _AND, _IF_EQUAL, _IF_AT_LEAST, _IF_ANY_BIT, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x45, 0x06
_ALLOW: Instruction = (_RETURN, 0, 0, 0x7FFF0000)
_NOT_PERMITTED: Instruction = (_RETURN, 0, 0, 0x00050000 | errno.EPERM)
_NO_ACCESS: Instruction = (_RETURN, 0, 0, 0x00050000 | errno.EACCES)
_NO_MEMORY: Instruction = (_RETURN, 0, 0, 0x00050000 | errno.ENOMEM)
_UNKNOWN: Instruction = (_RETURN, 0, 0, 0x00050000 | errno.ENOSYS)

# Offsets in struct seccomp_data. All calls below use only the lower half of an argument, which
# comes first on these little-endian machines.
_CALL: Instruction = (_LOAD, 0, 0, 0)
_ARCHITECTURE: Instruction = (_LOAD, 0, 0, 4)
_ARGUMENT: SyscallRule = tuple((_LOAD, 0, 0, 16 + 8 * index) for index in range(4))

# AUDIT_ARCH_* (linux/audit.h), and the column of CALLS.
_MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
# From here on lies a second set of numbers for the same calls (the x32 ABI).
_OTHER_NUMBERS = 0x40000000

CALLS: dict[str, tuple[int, int | None]] = {
    "mmap": (9, 222),
    "ioctl": (16, 29),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "socket": (41, 198),
    "sendto": (44, 206),
    "sendmsg": (46, 211),
    "listen": (50, 201),
    "socketpair": (53, 199),
    "setsockopt": (54, 208),
    "clone": (56, 220),
    "kill": (62, 129),
    "semget": (64, 190),
    "semop": (65, 193),
    "semctl": (66, 191),
    "shmdt": (67, 197),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "fcntl": (72, 25),
    "chmod": (90, None),
    "fchmod": (91, 52),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "ptrace": (101, 117),
    "rt_sigqueueinfo": (129, 138),
    "utime": (132, None),
    "setpriority": (141, 140),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "tkill": (200, 130),
    "sched_setaffinity": (203, 122),
    "semtimedop": (220, 192),
    "tgkill": (234, 131),
    "utimes": (235, None),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "mq_timedsend": (242, 182),
    "mq_timedreceive": (243, 183),
    "mq_notify": (244, 184),
    "mq_getsetattr": (245, 185),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "ioprio_set": (251, 30),
    "migrate_pages": (256, 238),
    "fchownat": (260, 54),
    "futimesat": (261, None),
    "fchmodat": (268, 53),
    "unshare": (272, 97),
    "move_pages": (279, 239),
    "utimensat": (280, 88),
    "rt_tgsigqueueinfo": (297, 240),
    "perf_event_open": (298, 241),
    "prlimit64": (302, 261),
    "sendmmsg": (307, 269),
    "setns": (308, 268),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "sched_setattr": (314, 274),
    "memfd_create": (319, 279),
    "pidfd_send_signal": (424, 424),
    "io_uring_setup": (425, 425),
    "clone3": (435, 435),
    "pidfd_getfd": (438, 438),
    "process_madvise": (440, 440),
    "memfd_secret": (447, 447),
    "process_mrelease": (448, 448),
    "fchmodat2": (452, 452),
    "setxattrat": (463, 463),
    "removexattrat": (466, 466),
    "file_setattr": (469, 469),
}
"""Call numbers on x86_64 (asm/unistd_64.h) and aarch64 (asm-generic/unistd.h), None for no call."""

# The first three lines affect other processes. `listen` lets others in, io_uring bypasses filters,
# and a new namespace comes with all capabilities in it. The next five lines change what Landlock
# does not judge (landlock(7)), so that a download could open the ledger to others, or close it to
# the bot. Five more make what stays in the kernel after its processes have ended, and the last what
# holds memory that no limit of a process counts.
_FORBIDDEN = (
    *("ptrace", "process_vm_readv", "process_vm_writev", "kcmp", "pidfd_getfd", "perf_event_open"),
    *("pidfd_send_signal", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "ioprio_set"),
    *("migrate_pages", "move_pages", "process_madvise", "process_mrelease"),
    *("listen", "io_uring_setup", "unshare", "setns"),
    *("chmod", "fchmod", "fchmodat", "fchmodat2"),
    *("chown", "fchown", "lchown", "fchownat"),
    *("utime", "utimes", "futimesat", "utimensat"),
    *("setxattr", "lsetxattr", "fsetxattr", "setxattrat"),
    *("removexattr", "lremovexattr", "fremovexattr", "removexattrat", "file_setattr"),
    *("shmget", "shmat", "shmctl", "shmdt"),
    *("semget", "semop", "semctl", "semtimedop"),
    *("msgget", "msgsnd", "msgrcv", "msgctl"),
    *("mq_open", "mq_unlink", "mq_timedsend", "mq_timedreceive", "mq_notify", "mq_getsetattr"),
    *("add_key", "request_key", "keyctl"),
    *("memfd_create", "memfd_secret"),
)
_SIGNALS = ("kill", "tkill", "tgkill")
_SCHEDULING = ("sched_setparam", "sched_setscheduler", "sched_setaffinity", "sched_setattr")
# These choose which process gets a descriptor's signals (fcntl(2), and ioctl(2) for sockets).
_F_SETOWN_EX = 15
_FIOSETOWN, _SIOCSPGRP = 0x8901, 0x8902
# These change a file's attributes, as chattr does, through a descriptor that may only read.
_SETFLAGS = (0x40086602, 0x40046602, 0x401C5820)
"""FS_IOC_SETFLAGS, FS_IOC32_SETFLAGS and FS_IOC_FSSETXATTR (linux/fs.h)."""
_SOCK_TYPE_MASK = 0xF
# Options of TCP that connect at the first write, or put another protocol on top (linux/tcp.h).
_TCP_FASTOPEN_CONNECT, _TCP_ULP = 30, 31
_SHARED_AND_ANONYMOUS = mmap.MAP_SHARED | mmap.MAP_ANONYMOUS
_NEW_NAMESPACES = 0x7E020000
"""The bits of clone(2)'s flags that make a namespace (linux/sched.h, CLONE_NEW*)."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("if_true", ctypes.c_uint8),
        ("if_false", ctypes.c_uint8),
        ("operand", ctypes.c_uint32),
    )


def is_offered() -> bool:
    """Whether the kernel accepts filters and this machine's call numbers are known here."""
    return platform.machine() in _MACHINES and libc.prctl(_PR_GET_SECCOMP, 0, 0, 0, 0) >= 0


def confine() -> bool:
    """Keep this process from affecting others, and from all sockets but those of TCP.

    TCP is plain TCP that begins with a `connect`. What it starts can signal this process and no
    other, not even itself. Needs `no_new_privs`; only the calling thread and what it starts are
    restricted. Returns False on a kernel without seccomp, raises OSError when the kernel refuses.
    """
    return _install(rules(os.getpid()))


def forbid_sockets() -> bool:
    """Deny this process sockets of every kind. Returns and raises as `confine` does."""
    return _install({"socket": (_NO_ACCESS,)})


def rules(pid: int) -> dict[str, SyscallRule]:
    """What `confine` asks for the process `pid`, by the names of calls."""
    return {
        **dict.fromkeys(_FORBIDDEN, (_NOT_PERMITTED,)),
        **dict.fromkeys(_SIGNALS, _only_if(0, pid)),
        **dict.fromkeys(_SCHEDULING, _only_if(0, 0, pid)),
        "prlimit64": _only_if(0, 0, pid),
        # Only PRIO_PROCESS (0) and only of the caller (0), as nice(2) does.
        "setpriority": (_ARGUMENT[0], (_IF_EQUAL, 1, 0, 0), _NOT_PERMITTED, *_only_if(1, 0)),
        "fcntl": _unless(1, fcntl.F_SETOWN, _F_SETOWN_EX),
        "ioctl": _unless(1, _FIOSETOWN, _SIOCSPGRP, *_SETFLAGS),
        "socket": _tcp(),
        # A pair of datagram sockets could send to the address of any other.
        "socketpair": (
            *_require(0, socket.AF_UNIX),
            *(_ARGUMENT[1], (_AND, 0, 0, _SOCK_TYPE_MASK)),
            *_return_if_equal([socket.SOCK_STREAM, socket.SOCK_SEQPACKET], _ALLOW),
            _NO_ACCESS,
        ),
        "sendto": _without_bits(3, socket.MSG_FASTOPEN),
        "sendmsg": _without_bits(2, socket.MSG_FASTOPEN),
        "sendmmsg": _without_bits(3, socket.MSG_FASTOPEN),
        "setsockopt": (
            *(_ARGUMENT[1], (_IF_EQUAL, 1, 0, socket.IPPROTO_TCP), _ALLOW),
            *_unless(2, _TCP_FASTOPEN_CONNECT, _TCP_ULP),
        ),
        # RLIMIT_DATA leaves it out, and once unmapped in part nobody sees whose it is.
        "mmap": (
            *(_ARGUMENT[3], (_AND, 0, 0, _SHARED_AND_ANONYMOUS)),
            *_return_if_equal([_SHARED_AND_ANONYMOUS], _NO_MEMORY),
            _ALLOW,
        ),
        "clone": _without_bits(0, _NEW_NAMESPACES),
        # Its flags lie in memory, out of a filter's sight; the C library goes back to `clone`.
        "clone3": (_UNKNOWN,),
    }


def program(asked: dict[str, SyscallRule], machine: str) -> list[Instruction]:
    """The filter with these rules for a machine; it allows all other calls."""
    architecture, column = _MACHINES[machine]
    steps = [_ARCHITECTURE, (_IF_EQUAL, 1, 0, architecture), _NOT_PERMITTED]
    steps += [_CALL, (_IF_AT_LEAST, 0, 1, _OTHER_NUMBERS), _NOT_PERMITTED]
    for call, rule in asked.items():
        number = CALLS[call][column]
        if number is not None:
            steps += [(_IF_EQUAL, 0, len(rule), number), *rule]
    return [*steps, _ALLOW]


def _only_if(argument: int, *values: int) -> SyscallRule:
    return (_ARGUMENT[argument], *_return_if_equal(values, _ALLOW), _NOT_PERMITTED)


def _unless(argument: int, *values: int) -> SyscallRule:
    return (_ARGUMENT[argument], *_return_if_equal(values, _NOT_PERMITTED), _ALLOW)


def _without_bits(argument: int, bits: int) -> SyscallRule:
    return (_ARGUMENT[argument], (_IF_ANY_BIT, 0, 1, bits), _NOT_PERMITTED, _ALLOW)


def _require(argument: int, value: int) -> SyscallRule:
    """Go on with what follows if the argument has this value."""
    return (_ARGUMENT[argument], (_IF_EQUAL, 1, 0, value), _NO_ACCESS)


def _return_if_equal(values: Iterable[int], result: Instruction) -> SyscallRule:
    return tuple(step for value in values for step in ((_IF_EQUAL, 0, 1, value), result))


def _tcp() -> SyscallRule:
    return (
        _ARGUMENT[0],
        (_IF_EQUAL, 2, 0, socket.AF_INET),
        (_IF_EQUAL, 1, 0, socket.AF_INET6),
        _NO_ACCESS,
        _ARGUMENT[1],
        (_AND, 0, 0, _SOCK_TYPE_MASK),
        (_IF_EQUAL, 1, 0, socket.SOCK_STREAM),
        _NO_ACCESS,
        # Of this type there are other protocols as well, such as Multipath TCP (262).
        _ARGUMENT[2],
        *_return_if_equal([0, socket.IPPROTO_TCP], _ALLOW),
        _NO_ACCESS,
    )


def _install(asked: dict[str, SyscallRule]) -> bool:
    if not is_offered():
        return False
    steps = program(asked, platform.machine())
    packed = b"".join(bytes(_Instruction(*step)) for step in steps)
    loaded = _Program(len(steps), packed)
    if libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(loaded), 0, 0) != 0:
        raise call_error("seccomp")
    return True
