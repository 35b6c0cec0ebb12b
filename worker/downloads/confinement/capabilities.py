"""Give up what root, or the maker of a user namespace, may do beyond others (capabilities(7))."""

import ctypes
import os

from worker.processes.libc import call_error, libc

_VERSION_3 = 0x20080522
_DAC_OVERRIDE = 1
_PR_CAPBSET_DROP = 24
_PR_CAP_AMBIENT, _CLEAR_ALL = 47, 4
_HIGHEST = 63


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    # Two of them, for the capabilities from 0 and from 32 on (capget(2)).
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def drop() -> None:
    """Give up every capability for good, also for what this process starts. Raises OSError.

    Root keeps the one by which it reads what belongs to another user, such as the bot's code in
    that user's home directory.
    """
    kept = 1 << _DAC_OVERRIDE if os.geteuid() == 0 else 0
    libc.prctl(_PR_CAP_AMBIENT, _CLEAR_ALL, 0, 0, 0)
    for capability in range(_HIGHEST + 1):
        # Fails for those that the kernel does not know, and in a process without the right to.
        if not kept & 1 << capability:
            libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    header, sets = _Header(_VERSION_3, 0), (_Sets * 2)()
    if libc.capget(ctypes.byref(header), sets) == 0:
        left = kept & sets[0].permitted
        sets = (_Sets * 2)(_Sets(left, left, 0))
        if libc.capset(ctypes.byref(header), sets) == 0:
            return
    raise call_error("capabilities")
