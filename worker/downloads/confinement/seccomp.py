"""seccomp(2): system calls for which a download and its programs have no honest use.

Landlock draws a border around files; this one is drawn around other processes and around
sockets, on every kernel. Processes of one user can signal each other, and starve each other by
way of limits and priorities; native code opens sockets that no audit hook hears of. What a filter
says holds for all that its process starts, and cannot be taken back.
"""

import ctypes
import errno
import fcntl
import os
import platform
import socket
from collections.abc import Iterable

Instruction = tuple[int, int, int, int]
SyscallRule = tuple[Instruction, ...]

_PR_GET_SECCOMP = 21
_PR_SET_SECCOMP = 22
_MODE_FILTER = 2

# A filter's instructions (linux/bpf_common.h) and its answers (linux/seccomp.h).
_LOAD, _AND, _IF_EQUAL, _IF_AT_LEAST, _ANSWER = 0x20, 0x54, 0x15, 0x35, 0x06
_ALLOW: Instruction = (_ANSWER, 0, 0, 0x7FFF0000)
_NOT_PERMITTED: Instruction = (_ANSWER, 0, 0, 0x00050000 | errno.EPERM)
_NO_ACCESS: Instruction = (_ANSWER, 0, 0, 0x00050000 | errno.EACCES)

# struct seccomp_data. None of the calls below reads more of an argument than its lower half,
# which stands first on these machines.
_CALL: Instruction = (_LOAD, 0, 0, 0)
_ARCHITECTURE: Instruction = (_LOAD, 0, 0, 4)
_ARGUMENT: SyscallRule = ((_LOAD, 0, 0, 16), (_LOAD, 0, 0, 24))

# linux/audit.h; and the column of CALLS.
_MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
# From here on a second set of numbers for the same calls (x86's x32).
_OTHER_NUMBERS = 0x40000000

CALLS = {
    "ioctl": (16, 29),
    "socket": (41, 198),
    "listen": (50, 201),
    "kill": (62, 129),
    "fcntl": (72, 25),
    "ptrace": (101, 117),
    "rt_sigqueueinfo": (129, 138),
    "setpriority": (141, 140),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "tkill": (200, 130),
    "sched_setaffinity": (203, 122),
    "tgkill": (234, 131),
    "ioprio_set": (251, 30),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "rt_tgsigqueueinfo": (297, 240),
    "perf_event_open": (298, 241),
    "prlimit64": (302, 261),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "sched_setattr": (314, 274),
    "pidfd_send_signal": (424, 424),
    "io_uring_setup": (425, 425),
    "pidfd_getfd": (438, 438),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
}
"""The numbers on x86_64 (asm/unistd_64.h) and aarch64 (asm-generic/unistd.h)."""

# Each reaches into another process, but for listening, and io_uring, whose work no filter sees.
_NEVER = (
    *("ptrace", "process_vm_readv", "process_vm_writev", "kcmp", "pidfd_getfd", "perf_event_open"),
    *("pidfd_send_signal", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "ioprio_set"),
    *("migrate_pages", "move_pages", "process_madvise", "process_mrelease"),
    *("listen", "io_uring_setup"),
)
_SIGNALS = ("kill", "tkill", "tgkill")
_SCHEDULING = ("sched_setparam", "sched_setscheduler", "sched_setaffinity", "sched_setattr")
# Whom a descriptor's signals go to (fcntl(2), and the same for sockets by ioctl).
_F_SETOWN_EX = 15
_FIOSETOWN, _SIOCSPGRP = 0x8901, 0x8902
_SOCK_TYPE_MASK = 0xF


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("if_true", ctypes.c_uint8),
        ("if_false", ctypes.c_uint8),
        ("operand", ctypes.c_uint32),
    )


_libc = ctypes.CDLL(None, use_errno=True)


def is_offered() -> bool:
    """Whether the running kernel takes filters and is one whose numbers are known here."""
    return platform.machine() in _MACHINES and _libc.prctl(_PR_GET_SECCOMP, 0, 0, 0, 0) >= 0


def leave_others_alone() -> bool:
    """Leave to this process, of all processes, only itself, and of all sockets the web's.

    Wants `no_new_privs`, and one thread. What it starts can signal this process and nobody else,
    not even itself. False when the kernel does not offer it; raises OSError when it refuses.
    """
    pid = os.getpid()
    rules = {
        **dict.fromkeys(_NEVER, (_NOT_PERMITTED,)),
        **dict.fromkeys(_SIGNALS, _only_if(0, pid)),
        **dict.fromkeys(_SCHEDULING, _only_if(0, 0, pid)),
        "prlimit64": _only_if(0, 0, pid),
        # PRIO_PROCESS, and of oneself: nice(2).
        "setpriority": (_ARGUMENT[0], (_IF_EQUAL, 1, 0, 0), _NOT_PERMITTED, *_only_if(1, 0)),
        "fcntl": _unless(1, fcntl.F_SETOWN, _F_SETOWN_EX),
        "ioctl": _unless(1, _FIOSETOWN, _SIOCSPGRP),
        "socket": _web_sockets(),
    }
    return _install(rules)


def forbid_sockets() -> bool:
    """Take sockets of every kind from this process. Returns and raises as the other does."""
    return _install({"socket": (_NO_ACCESS,)})


def _only_if(argument: int, *values: int) -> SyscallRule:
    return (_ARGUMENT[argument], *_answer_to(values, _ALLOW), _NOT_PERMITTED)


def _unless(argument: int, *values: int) -> SyscallRule:
    return (_ARGUMENT[argument], *_answer_to(values, _NOT_PERMITTED), _ALLOW)


def _answer_to(values: Iterable[int], answer: Instruction) -> SyscallRule:
    return tuple(step for value in values for step in ((_IF_EQUAL, 0, 1, value), answer))


def _web_sockets() -> SyscallRule:
    """TCP and UDP, and what getaddrinfo(3) asks the kernel's routes by."""
    return (
        _ARGUMENT[0],
        *_answer_to([socket.AF_NETLINK], _ALLOW),
        (_IF_EQUAL, 2, 0, socket.AF_INET),
        (_IF_EQUAL, 1, 0, socket.AF_INET6),
        _NO_ACCESS,
        _ARGUMENT[1],
        (_AND, 0, 0, _SOCK_TYPE_MASK),
        *_answer_to([socket.SOCK_STREAM, socket.SOCK_DGRAM], _ALLOW),
        _NO_ACCESS,
    )


def _install(rules: dict[str, SyscallRule]) -> bool:
    if not is_offered():
        return False
    architecture, column = _MACHINES[platform.machine()]
    steps = [_ARCHITECTURE, (_IF_EQUAL, 1, 0, architecture), _NOT_PERMITTED]
    steps += [_CALL, (_IF_AT_LEAST, 0, 1, _OTHER_NUMBERS), _NOT_PERMITTED]
    for call, answer in rules.items():
        steps += [(_IF_EQUAL, 0, len(answer), CALLS[call][column]), *answer]
    steps.append(_ALLOW)
    packed = b"".join(bytes(_Instruction(*step)) for step in steps)
    program = _Program(len(steps), packed)
    if _libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"seccomp: {errno.errorcode.get(number, number)}")
    return True
