"""The C library, for the system calls that Python does not offer."""

import ctypes
import errno

libc = ctypes.CDLL(None, use_errno=True)


def call_error(call: str) -> OSError:
    """The error of the call that has just failed in this thread; its text begins with `call`."""
    number = ctypes.get_errno()
    return OSError(number, f"{call}: {errno.errorcode.get(number, number)}")
