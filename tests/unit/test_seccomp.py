"""The filters as programs, run by a small machine of the test's own, without a kernel."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from worker.downloads.confinement import seccomp

ALLOWED, NOT_PERMITTED, NO_ACCESS, UNKNOWN = 0, errno.EPERM, errno.EACCES, errno.ENOSYS
NO_MEMORY = errno.ENOMEM

MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

STREAM, DGRAM = socket.SOCK_STREAM, socket.SOCK_DGRAM
FLAGS = socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
V4, V6, UNIX, NETLINK = socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, socket.AF_NETLINK
FAST_OPEN, TCP = socket.MSG_FASTOPEN, socket.IPPROTO_TCP

CASES = [
    ("socket", (V4, STREAM, 0), ALLOWED),
    ("socket", (V6, STREAM | FLAGS, 6), ALLOWED),
    ("socket", (V4, DGRAM, 17), NO_ACCESS),
    ("socket", (V6, DGRAM | FLAGS, 0), NO_ACCESS),
    ("socket", (NETLINK, socket.SOCK_RAW, 0), NO_ACCESS),
    ("socket", (V4, STREAM, 262), NO_ACCESS),  # MPTCP
    ("socket", (V6, STREAM | FLAGS, 262), NO_ACCESS),
    ("socket", (V4, STREAM, 256), NO_ACCESS),  # SMC
    ("socket", (V4, STREAM, 132), NO_ACCESS),  # SCTP
    ("socket", (V4, STREAM, 17), NO_ACCESS),
    ("socket", (V4, DGRAM, 6), NO_ACCESS),
    ("socket", (V4, DGRAM, 1), NO_ACCESS),  # ping
    ("socket", (V6, DGRAM, 58), NO_ACCESS),
    ("socket", (V4, DGRAM, 136), NO_ACCESS),  # UDP-Lite
    ("socket", (V4, socket.SOCK_RAW, 6), NO_ACCESS),
    ("socket", (V4, socket.SOCK_SEQPACKET, 132), NO_ACCESS),
    ("socket", (V4, 6, 33), NO_ACCESS),  # DCCP
    ("socket", (UNIX, STREAM, 0), NO_ACCESS),
    ("socket", (socket.AF_PACKET, socket.SOCK_RAW, 0), NO_ACCESS),
    ("socket", (socket.AF_VSOCK, STREAM, 0), NO_ACCESS),
    ("socket", (socket.AF_ALG, socket.SOCK_SEQPACKET, 0), NO_ACCESS),
    ("socket", (43, STREAM, 0), NO_ACCESS),  # SMC
    ("socket", (NETLINK, socket.SOCK_RAW, 2), NO_ACCESS),
    ("socket", (NETLINK, socket.SOCK_RAW, 16), NO_ACCESS),
    ("socketpair", (UNIX, STREAM | FLAGS), ALLOWED),
    ("socketpair", (UNIX, socket.SOCK_SEQPACKET), ALLOWED),
    ("socketpair", (UNIX, DGRAM), NO_ACCESS),
    ("socketpair", (UNIX, DGRAM | FLAGS), NO_ACCESS),
    ("socketpair", (30, STREAM), NO_ACCESS),  # TIPC
    ("sendto", (3, 0, 0, socket.MSG_NOSIGNAL), ALLOWED),
    ("sendto", (3, 0, 0, FAST_OPEN), NOT_PERMITTED),
    ("sendto", (3, 0, 0, FAST_OPEN | socket.MSG_NOSIGNAL), NOT_PERMITTED),
    ("sendmsg", (3, 0, socket.MSG_NOSIGNAL), ALLOWED),
    ("sendmsg", (3, 0, FAST_OPEN), NOT_PERMITTED),
    ("sendmmsg", (3, 0, 1, 0), ALLOWED),
    ("sendmmsg", (3, 0, 1, FAST_OPEN), NOT_PERMITTED),
    ("setsockopt", (3, TCP, socket.TCP_NODELAY), ALLOWED),
    ("setsockopt", (3, socket.SOL_SOCKET, 30), ALLOWED),
    ("setsockopt", (3, TCP, 30), NOT_PERMITTED),  # TCP_FASTOPEN_CONNECT
    ("setsockopt", (3, TCP, 31), NOT_PERMITTED),  # TCP_ULP
    ("clone", (0x3D0F00,), ALLOWED),  # a thread
    ("clone", (17,), ALLOWED),  # a fork
    ("clone", (0x10000011,), NOT_PERMITTED),  # a user namespace
    ("clone", (0x40000011,), NOT_PERMITTED),  # a network namespace
    ("clone3", (), UNKNOWN),
    ("unshare", (0x10000000,), NOT_PERMITTED),
    ("setns", (3, 0), NOT_PERMITTED),
    ("io_uring_setup", (), NOT_PERMITTED),
    ("kill", (os.getpid(),), ALLOWED),
    ("kill", (1,), NOT_PERMITTED),
    ("mmap", (0, 4096, 3, 0x22), ALLOWED),  # private, without a file
    ("mmap", (0, 4096, 3, 0x01), ALLOWED),  # of a file, shared
    ("mmap", (0, 4096, 3, 0x02), ALLOWED),
    ("mmap", (0, 4096, 3, 0x21), NO_MEMORY),
    ("mmap", (0, 4096, 3, 0x8021), NO_MEMORY),  # filled at once
    ("mmap", (0, 4096, 3, 0x40021), NO_MEMORY),  # of huge pages
    ("ioctl", (3, 0x5401), ALLOWED),  # TCGETS
    ("ioctl", (3, 0x80086601), ALLOWED),  # FS_IOC_GETFLAGS
    ("ioctl", (3, 0x40086602), NOT_PERMITTED),  # FS_IOC_SETFLAGS
    ("ioctl", (3, 0x40046602), NOT_PERMITTED),  # FS_IOC32_SETFLAGS
    ("ioctl", (3, 0x401C5820), NOT_PERMITTED),  # FS_IOC_FSSETXATTR
]

REFUSED = {
    "what Landlock does not judge of files": {
        "x86_64": [
            *(90, 91, 268, 452),  # chmod
            *(92, 93, 94, 260),  # chown
            *(132, 235, 261, 280),  # utime
            *(188, 189, 190, 463),  # setxattr
            *(197, 198, 199, 466),  # removexattr
            469,  # file_setattr
        ],
        "aarch64": [52, 53, 452, 54, 55, 88, 5, 6, 7, 463, 14, 15, 16, 466, 469],
    },
    "what outlives its processes": {
        "x86_64": [
            *(29, 30, 31, 67),  # shmget, shmat, shmctl, shmdt
            *(64, 65, 66, 220),  # semget, semop, semctl, semtimedop
            *(68, 69, 70, 71),  # msgget, msgsnd, msgrcv, msgctl
            *(240, 241, 242, 243, 244, 245),  # mq_*
            *(248, 249, 250),  # add_key, request_key, keyctl
        ],
        "aarch64": [*range(180, 198), 217, 218, 219],
    },
    "memory of no process": {"x86_64": [319, 447], "aarch64": [279, 447]},
}
"""Numbers of calls that are refused whatever their arguments."""


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(("call", "arguments", "expected"), CASES)
def test_a_call_is_judged_by_its_arguments(
    call: str, arguments: tuple[int, ...], expected: int, machine: str
) -> None:
    number = seccomp.CALLS[call][list(MACHINES).index(machine)]
    assert number is not None
    assert _judge(machine, MACHINES[machine], number, arguments) == expected


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("kind", REFUSED)
def test_all_calls_of_a_kind_are_refused(kind: str, machine: str) -> None:
    numbers = REFUSED[kind][machine]
    found = {number: _judge(machine, MACHINES[machine], number, (0, 0, 0, 0)) for number in numbers}
    assert found == dict.fromkeys(numbers, NOT_PERMITTED)


@pytest.mark.parametrize("number", [90, 92, 94, 132, 235])
def test_a_number_of_one_machine_is_not_refused_on_another(number: int) -> None:
    assert _judge("aarch64", MACHINES["aarch64"], number, (0, 0, 0, 0)) == ALLOWED


@pytest.mark.parametrize(
    ("architecture", "number"),
    [
        (0x40000003, 359),  # i386: socket
        (MACHINES["aarch64"], 198),
        (MACHINES["x86_64"], 0x40000000 + 41),  # x32: socket
    ],
)
def test_other_numbers_for_the_same_calls_are_refused(architecture: int, number: int) -> None:
    assert _judge("x86_64", architecture, number, (V4, STREAM, 0)) == NOT_PERMITTED


def _judge(machine: str, architecture: int, number: int, arguments: tuple[int, ...]) -> int:
    """The error number that a confined process gets for a call; 0 for none."""
    data = {0: number, 4: architecture}
    data |= {16 + 8 * index: value for index, value in enumerate(arguments)}
    steps = seccomp.program(seccomp.rules(os.getpid()), machine)
    at = loaded = 0
    while True:
        code, if_true, if_false, operand = steps[at]
        at += 1
        match code:
            case 0x20:
                loaded = data[operand]
            case 0x54:
                loaded &= operand
            case 0x15:
                at += if_true if loaded == operand else if_false
            case 0x35:
                at += if_true if loaded >= operand else if_false
            case 0x45:
                at += if_true if loaded & operand else if_false
            case 0x06:
                return 0 if operand == 0x7FFF0000 else operand & 0xFFFF
