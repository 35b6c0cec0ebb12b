"""Ways out of a download that no audit hook hears of: calls of the C library, as a library does.

It needs the standard library alone, so that it runs in a download and as a program of its own:

    python -I -S -c SOURCE TARGETS

Each way says its own name to whoever it reaches (see `tests.hostile.listeners`). What came of it is
"made", or the name of the error that stopped it.
"""

from __future__ import annotations

import ctypes
import errno
import json
import mmap
import os
import platform
import signal
import socket
import struct
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

MADE = "made"

Targets = dict[str, Any]
Way = Callable[[Targets, bytes], object]

MPTCP, FAST_OPEN, FAST_OPEN_CONNECT = 262, 0x20000000, 30
NEW_USER, NEW_NET = 0x10000000, 0x40000000
IO_URING_SETUP, CLONE3, PIDFD_GETFD = 425, 435, 438
IPC_CREAT, IPC_RMID, PROCESS_KEYRING = 0o1000, 0, -2
PATIENCE = struct.pack("ll", 1, 0)

libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return result


def _socket(family: int, kind: int = socket.SOCK_STREAM, protocol: int = 0) -> int:
    made = _checked(libc.socket(family, kind, protocol))
    libc.setsockopt(made, socket.SOL_SOCKET, socket.SO_SNDTIMEO, PATIENCE, len(PATIENCE))
    return made


def _inet(host: str, port: int) -> bytes:
    port_bytes = struct.pack(">H", port)
    if ":" in host:
        rest = port_bytes + bytes(4) + socket.inet_pton(socket.AF_INET6, host) + bytes(4)
        return struct.pack("H", socket.AF_INET6) + rest
    return struct.pack("H", socket.AF_INET) + port_bytes + socket.inet_aton(host) + bytes(8)


def _unix(name: str) -> bytes:
    return struct.pack("H", socket.AF_UNIX) + os.fsencode(name)


def _say(made: int, address: bytes, word: bytes) -> None:
    """Connect, say the word and close."""
    try:
        _checked(libc.connect(made, address, len(address)))
        _checked(libc.send(made, word, len(word), 0))
    finally:
        os.close(made)


def _send_to(made: int, address: bytes, word: bytes, flags: int = 0) -> None:
    try:
        _checked(libc.sendto(made, word, len(word), flags, address, len(address)))
    finally:
        os.close(made)


class _Message(ctypes.Structure):
    """struct mmsghdr, which begins with a struct msghdr (sendmmsg(2))."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("name_length", ctypes.c_uint32),
        ("pieces", ctypes.c_void_p),
        ("count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
        ("sent", ctypes.c_uint32),
    )


class _Piece(ctypes.Structure):
    _fields_ = (("start", ctypes.c_char_p), ("length", ctypes.c_size_t))


def _by_message(made: int, address: bytes, word: bytes, call: str) -> None:
    piece = _Piece(word, len(word))
    pointer = ctypes.cast(ctypes.byref(piece), ctypes.c_void_p)
    message = ctypes.byref(_Message(address, len(address), pointer, 1, None, 0, 0, 0))
    count = (1,) if call == "sendmmsg" else ()
    try:
        _checked(getattr(libc, call)(made, message, *count, FAST_OPEN))
    finally:
        os.close(made)


def _late_connect(to: Targets, word: bytes) -> None:
    made = _socket(socket.AF_INET)
    one = struct.pack("i", 1)
    _checked(libc.setsockopt(made, socket.IPPROTO_TCP, FAST_OPEN_CONNECT, one, len(one)))
    _say(made, _inet(to["host"], to["tcp"]), word)


def _by_a_pair(kind: int, name: str, word: bytes) -> None:
    """One end of a pair says it to somebody else than the other end."""
    ends = (ctypes.c_int * 2)()
    _checked(libc.socketpair(socket.AF_UNIX, kind, 0, ends))
    try:
        _send_to(ends[0], _unix(name), word)
    finally:
        os.close(ends[1])


def _by_the_older_call(to: Targets, word: bytes) -> None:
    """A socket made by a 32-bit system call, whose numbers are others."""
    number, family, kind, protocol = 359, socket.AF_UNIX, socket.SOCK_STREAM, 0
    code = b"\x53\xb8" + struct.pack("<I", number) + b"\xbb" + struct.pack("<I", family)
    code += b"\xb9" + struct.pack("<I", kind) + b"\xba" + struct.pack("<I", protocol)
    code += b"\xcd\x80\x5b\xc3"  # int 0x80; pop rbx; ret
    private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    access = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
    with mmap.mmap(-1, 4096, flags=private, prot=access) as memory:
        memory.write(code)
        start = (ctypes.c_char * 4096).from_buffer(memory)
        made = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(start))()
        del start
    if made < 0:
        raise OSError(-made, "refused")
    _say(made, _unix(to["stream"]), word)


def _make(family: int, kind: int, protocol: int = 0) -> Way:
    return lambda to, word: os.close(_socket(family, kind, protocol))


def _ring(to: Targets, word: bytes) -> None:
    os.close(_checked(libc.syscall(IO_URING_SETUP, 1, bytes(120))))


def _in_a_child(act: Callable[[], int]) -> None:
    """Run a call that changes the whole process in one of its own."""
    pid = os.fork()
    if pid == 0:
        os._exit(0 if act() >= 0 else ctypes.get_errno())
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code:
        raise OSError(code, "refused")


def _namespace_of(to: Targets, word: bytes) -> None:
    own = os.open(f"/proc/{to['pid']}/ns/net", os.O_RDONLY)
    try:
        _in_a_child(lambda: int(libc.setns(own, NEW_NET)))
    finally:
        os.close(own)


def _clone(*arguments: Any) -> int:
    pid = int(libc.syscall(*arguments))
    if pid == 0:
        os._exit(0)
    return pid


def _clone3() -> int:
    fields = struct.pack("11Q", NEW_USER | NEW_NET, 0, 0, 0, signal.SIGCHLD, *[0] * 6)
    return _clone(CLONE3, fields, len(fields))


def _descriptor_of(to: Targets, word: bytes) -> None:
    pidfd = os.pidfd_open(to["pid"])
    try:
        os.close(_checked(libc.syscall(PIDFD_GETFD, pidfd, 0, 0)))
    finally:
        os.close(pidfd)


def _left_behind(call: str, *size: int) -> Way:
    """Make one of System V's objects, which stay until somebody removes them."""

    def make(to: Targets, word: bytes) -> None:
        made = _checked(getattr(libc, f"{call}get")(0, *size, 0o600 | IPC_CREAT))
        between = (0,) if call == "sem" else ()
        _checked(getattr(libc, f"{call}ctl")(made, *between, IPC_RMID, None))

    return make


def _queue(to: Targets, word: bytes) -> None:
    name = f"/fetchbot-test-{os.getpid()}".encode()
    # One of the default size takes a tenth of what all processes of a user may have.
    smallest = (ctypes.c_long * 8)(0, 1, 1)
    try:
        os.close(_checked(libc.mq_open(name, os.O_RDWR | os.O_CREAT, 0o600, smallest)))
    finally:
        # Landlock alone refuses to open it when it has been made, and it would stay.
        libc.mq_unlink(name)


def _map_zeros() -> None:
    zeros = os.open("/dev/zero", os.O_RDWR)
    try:
        mmap.mmap(zeros, 4096).close()
    finally:
        os.close(zeros)


def _key(to: Targets, word: bytes) -> None:
    number = {"x86_64": 248}.get(platform.machine(), 217)
    _checked(libc.syscall(number, b"user", b"fetchbot-test", word, len(word), PROCESS_KEYRING))


def outcome_of_connecting(host: str, port: int) -> str:
    """What comes of one plain connection."""
    way = _plain(_V6 if ":" in host else _V4, host, 0)
    return _outcome(way, {"tcp": port}, b"")


def _plain(family: int, host: str, protocol: int) -> Way:
    return lambda to, word: _say(
        _socket(family, socket.SOCK_STREAM, protocol),
        _inet(host.format(**to), to["tcp"]),
        word,
    )


_V4, _V6, _UDP = socket.AF_INET, socket.AF_INET6, socket.SOCK_DGRAM

SAYING: dict[str, Way] = {
    "tcp": _plain(_V4, "{host}", 0),
    "tcp by its number": _plain(_V4, "{host}", socket.IPPROTO_TCP),
    "tcp, mapped": _plain(_V6, "::ffff:{host}", 0),
    "mptcp": _plain(_V4, "{host}", MPTCP),
    "mptcp, mapped": _plain(_V6, "::ffff:{host}", MPTCP),
    "fast open": lambda to, word: _send_to(
        _socket(_V4), _inet(to["host"], to["tcp"]), word, FAST_OPEN
    ),
    "fast open by sendmsg": lambda to, word: _by_message(
        _socket(_V4), _inet(to["host"], to["tcp"]), word, "sendmsg"
    ),
    "fast open by sendmmsg": lambda to, word: _by_message(
        _socket(_V4), _inet(to["host"], to["tcp"]), word, "sendmmsg"
    ),
    "fast open, mapped": lambda to, word: _send_to(
        _socket(_V6), _inet(f"::ffff:{to['host']}", to["tcp"]), word, FAST_OPEN
    ),
    "fast open at the first write": _late_connect,
    "udp": lambda to, word: _send_to(_socket(_V4, _UDP), _inet(to["host"], to["udp"]), word),
    "udp, connected": lambda to, word: _say(_socket(_V4, _UDP), _inet(to["host"], to["udp"]), word),
    "udp, mapped": lambda to, word: _send_to(
        _socket(_V6, _UDP), _inet(f"::ffff:{to['host']}", to["udp"]), word
    ),
    "a socket file": lambda to, word: _say(_socket(socket.AF_UNIX), _unix(to["stream"]), word),
    "a datagram to a file": lambda to, word: _send_to(
        _socket(socket.AF_UNIX, _UDP), _unix(to["datagrams"]), word
    ),
    "an abstract socket": lambda to, word: _say(
        _socket(socket.AF_UNIX), _unix("\0" + to["abstract"]), word
    ),
    "a pair to a file": lambda to, word: _by_a_pair(_UDP, to["datagrams"], word),
    "a pair to an abstract socket": lambda to, word: _by_a_pair(
        _UDP, "\0" + to["abstract datagrams"], word
    ),
    **({"the older call": _by_the_older_call} if platform.machine() == "x86_64" else {}),
}
"""What reaches a listener where nothing forbids it."""

MAKING: dict[str, Way] = {
    "a raw socket": _make(_V4, socket.SOCK_RAW, socket.IPPROTO_ICMP),
    "a packet socket": _make(socket.AF_PACKET, socket.SOCK_RAW),
    "generic netlink": _make(socket.AF_NETLINK, socket.SOCK_RAW, 16),
    "netlink to others": _make(socket.AF_NETLINK, socket.SOCK_RAW, 2),
    "a vsock": _make(socket.AF_VSOCK, socket.SOCK_STREAM),
    "a ring": _ring,
    "another's namespace": _namespace_of,
    "another's descriptor": _descriptor_of,
    "the judge's ear": lambda to, word: _say(
        _socket(socket.AF_UNIX), _unix("\0" + to["control"]), b""
    ),
    "a new namespace": lambda to, word: _in_a_child(partial(libc.unshare, NEW_USER | NEW_NET)),
    "a clone in a new one": lambda to, word: _in_a_child(
        partial(
            _clone,
            {"x86_64": 56}.get(platform.machine(), 220),
            *(NEW_USER | NEW_NET | signal.SIGCHLD, 0, 0, 0, 0),
        )
    ),
    "a clone3 in a new one": lambda to, word: _in_a_child(_clone3),
    "another's mode": lambda to, word: os.chmod(to["stream"], 0o600),
    "another's owner": lambda to, word: os.chown(to["stream"], os.geteuid(), os.getegid()),
    "another's times": lambda to, word: os.utime(to["stream"], (0, 0)),
    "another's attributes": lambda to, word: os.setxattr(to["directory"], b"user.word", word),
    "shared memory": _left_behind("shm", 4096),
    "semaphores": _left_behind("sem", 1),
    "messages": _left_behind("msg"),
    "a queue": _queue,
    "a key": _key,
    "memory for all": lambda to, word: mmap.mmap(-1, 4096).close(),
    "memory of a device": lambda to, word: _map_zeros(),
    "a file of memory": lambda to, word: os.close(os.memfd_create("word")),
    "its directory's mode": lambda to, word: os.chmod(to["directory"], 0o700),
}
"""What needs no listener to show that it is open."""

WAYS = SAYING | MAKING


def outcomes(targets: Targets) -> dict[str, str]:
    """Try each way."""
    return {name: _outcome(way, targets, name.encode()) for name, way in WAYS.items()}


def _outcome(way: Way, targets: Targets, word: bytes) -> str:
    try:
        way(targets, word)
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, "?")
    return MADE


if __name__ == "__main__":
    print(json.dumps(outcomes(json.loads(sys.argv[1]))))
