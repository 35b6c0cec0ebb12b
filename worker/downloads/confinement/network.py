"""How a download is kept from the network, so that whatever runs in it reaches only the judge.

Which way is possible depends on the kernel and on what surrounds the bot, such as a container. It
is tried once, see `active`. The audit hook of `egress_guard` is there in each case.
"""

import errno
import fcntl
import functools
import os
import socket
import struct
import time
from enum import StrEnum
from pathlib import Path
from typing import NoReturn, Self

from worker.downloads.confinement import landlock, seccomp
from worker.errors import SHORTAGES
from worker.processes import child_call
from worker.processes.libc import call_error, libc

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
# linux/sockios.h and linux/if.h, for struct ifreq.
_SIOCGIFFLAGS, _SIOCSIFFLAGS = 0x8913, 0x8914
_IFF_UP = 1
_FLAGS = struct.Struct("16sh22x")
_BACKLOG = 128

_TRIES, _PAUSE_S = 5, 0.5
# ECHILD: a signal ended the child. ENOSPC is left out: it is the limit of namespaces, by which some
# machines forbid them.
_PASSING = SHORTAGES | {errno.ECHILD}


class Network(StrEnum):
    """What keeps a download's native code from the network."""

    NAMESPACE = "namespace"
    """A network of the download's own, in which only the judge listens."""
    LANDLOCK = "landlock"
    """Landlock: it may connect to the judge's port, at any address, and to nothing else."""
    NONE = "none"
    """Nothing: its native code reaches what the machine reaches."""


@functools.cache
def active() -> Network:
    """The best that is possible here, tried once in a child process.

    Call it for the first time while this process has one thread. Raises OSError where the machine
    is out of processes, memory or descriptors: that says nothing of what is possible.
    """
    if _can_enter_namespace():
        return Network.NAMESPACE
    # The port rule alone lets through what the filter refuses, see `seccomp`.
    if landlock.abi() >= landlock.TCP_ABI and seccomp.is_offered():
        return Network.LANDLOCK
    return Network.NONE


def _can_enter_namespace() -> bool:
    for tries_left in reversed(range(_TRIES)):
        try:
            child_call.call(_enter_namespace)
        except OSError as error:
            if error.errno not in _PASSING:
                return False
            if not tries_left:
                raise
            time.sleep(_PAUSE_S)
        else:
            return True
    raise AssertionError("the last try ends it")


def _enter_namespace() -> None:
    """Enter a new namespace completely.

    Some kernels (AppArmor) allow its creation but nothing inside it.
    """
    with Namespace() as made:
        made.enter()


class Namespace:
    """A network that processes of this user can move to; nothing in it leads outside.

    `listener` is the only socket that listens there, on loopback: the process that has it is the
    only way out. The network exists until it is closed and all processes in it have ended.
    """

    def __init__(self) -> None:
        """Make it in a child process. Raises OSError, with `errno` as the child has it.

        This process must have one thread.
        """
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                pid = os.fork()
                if pid == 0:
                    _make(theirs)
            try:
                said, fds, flags, _ = socket.recv_fds(ours, 100, 3, socket.MSG_CMSG_CLOEXEC)
            finally:
                os.waitpid(pid, 0)
        if flags & socket.MSG_CTRUNC:  # this process has no room for all of them
            for fd in fds:
                os.close(fd)
            raise OSError(errno.EMFILE, "no network namespace: too many open files")
        if not fds:
            number, _, text = said.decode(errors="replace").partition(" ")
            raise OSError(int(number or errno.ECHILD), f"no network namespace: {text or 'died'}")
        self.listener = socket.socket(fileno=fds[0])
        self._fds = fds[1:]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def enter(self) -> None:
        """Move this process, which must have one thread, there for good. Raises OSError.

        It has all capabilities there, which are to be dropped.
        """
        types = (_CLONE_NEWUSER, _CLONE_NEWNET)[-len(self._fds) :]
        for fd, of_type in zip(self._fds, types, strict=True):
            # Named, since systemd's RestrictNamespaces refuses a call that leaves it open.
            _checked(libc.setns(fd, of_type), "setns")

    def close(self) -> None:
        self.listener.close()
        while self._fds:
            os.close(self._fds.pop())


def _make(pair: socket.socket) -> NoReturn:
    """Make a network in this process, and send descriptors of it in the order of their use."""
    try:
        names = ["net"]
        # Root needs no user namespace, in which files of other users would belong to nobody.
        if libc.unshare(_CLONE_NEWNET) != 0:
            _enter_user_namespace()
            names = ["user", "net"]
        _bring_up("lo")
        listener = socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)
        fds = [os.open(f"/proc/self/ns/{name}", os.O_RDONLY | os.O_CLOEXEC) for name in names]
        socket.send_fds(pair, [b"made"], [listener.fileno(), *fds])
    except OSError as error:
        pair.send(f"{error.errno or 0} {error}".encode()[:100])
    finally:
        os._exit(0)


def _enter_user_namespace() -> None:
    uid, gid = os.geteuid(), os.getegid()
    _checked(libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET), "unshare")
    # Its own ids stay what they are, so files keep their owner. The kernel lets a group be named
    # only once `setgroups` is given up (user_namespaces(7)).
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")


def _bring_up(interface: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        asked = fcntl.ioctl(made, _SIOCGIFFLAGS, _FLAGS.pack(interface.encode(), 0))
        name, flags = _FLAGS.unpack(asked)
        fcntl.ioctl(made, _SIOCSIFFLAGS, _FLAGS.pack(name, flags | _IFF_UP))


def _checked(result: int, call: str) -> None:
    if result < 0:
        raise call_error(call)
