"""How a download is kept from the network, so that whatever runs in it finds one door alone.

Which way is possible depends on the kernel and on what surrounds the bot, such as a container. It
is tried once, see `active`. The audit hook of `egress_guard` is there in each case.
"""

import ctypes
import errno
import fcntl
import functools
import os
import socket
import struct
from enum import StrEnum
from pathlib import Path

from worker.downloads.confinement import landlock, seccomp

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
# linux/sockios.h and linux/if.h, for struct ifreq.
_SIOCGIFFLAGS, _SIOCSIFFLAGS = 0x8913, 0x8914
_IFF_UP = 1
_FLAGS = struct.Struct("16sh22x")
_BACKLOG = 128

_libc = ctypes.CDLL(None, use_errno=True)


class Network(StrEnum):
    """What keeps a download's native code from the network."""

    NAMESPACE = "namespace"
    """It has a network of its own, in which there is one listening socket, the door."""
    LANDLOCK = "landlock"
    """It may connect to the door's port, at any address, and to nothing else."""
    NONE = "none"
    """Nothing does: its native code reaches what the machine reaches."""


@functools.cache
def active() -> Network:
    """The best that is possible here, tried once in a child process.

    Call it for the first time while this process has one thread.
    """
    if _can_enter_namespace():
        return Network.NAMESPACE
    # The port rule alone lets through what the filter refuses, see `seccomp`.
    if landlock.abi() >= landlock.TCP_ABI and seccomp.is_offered():
        return Network.LANDLOCK
    return Network.NONE


def _can_enter_namespace() -> bool:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            # All of it, since some kernels allow the first step and then nothing in it (AppArmor).
            enter_namespace()
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1] == 0


def enter_namespace() -> socket.socket:
    """Move this process to a network of its own; the one listening socket in it, the door.

    The process must have one thread. What it keeps of capabilities must be dropped. Raises
    OSError where it is not allowed.
    """
    # Root needs no user namespace, in which files of other users would belong to nobody.
    if _libc.unshare(_CLONE_NEWNET) != 0:
        _enter_user_namespace()
    _bring_up("lo")
    return socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)


def _enter_user_namespace() -> None:
    uid, gid = os.geteuid(), os.getegid()
    if _libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"unshare: {errno.errorcode.get(number, number)}")
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
