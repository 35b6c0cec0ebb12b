"""Run a Python program on a kernel that seems to have no pidfds: a seccomp filter refuses them.

python -m tests.support.without_pidfds ERRNO PROGRAM…
"""

import ctypes
import os
import struct
import sys

_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 22, 38
_FILTER_MODE = 2
# linux/filter.h and linux/seccomp.h; the call's number is the first word that a filter can load.
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ERROR, _ALLOW = 0x00050000, 0x7FFF0000
_PIDFD_SEND_SIGNAL, _PIDFD_OPEN = 424, 434


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def refuse_pidfds(number: int) -> None:
    """Have the kernel answer the calls for pidfds with this errno, in what is executed too."""
    instructions = (
        (_LOAD, 0, 0, 0),
        (_JUMP_IF_EQUAL, 1, 0, _PIDFD_OPEN),
        (_JUMP_IF_EQUAL, 0, 1, _PIDFD_SEND_SIGNAL),
        (_RETURN, 0, 0, _ERROR | number),
        (_RETURN, 0, 0, _ALLOW),
    )
    code = b"".join(struct.pack("HBBI", *each) for each in instructions)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(instructions), ctypes.cast(buffer, ctypes.c_void_p).value)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(
        _PR_SET_SECCOMP, _FILTER_MODE, ctypes.byref(program), 0, 0
    ):
        raise OSError(ctypes.get_errno(), "the filter is refused")


if __name__ == "__main__":
    refuse_pidfds(int(sys.argv[1]))
    os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
