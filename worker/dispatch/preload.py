"""What the fork server imports and prepares once, so that no worker has to.

Workers then start in about 10 ms and share the memory. Nothing here may start a thread: a forked
process would lack it, and a lock that the thread held would stay locked.

A yt-dlp that cannot be imported costs the downloads, and nothing else: whatever the import raises
stays here, for it would end the fork server, and with it the workers that talk to people. What ends
the process itself, such as a segmentation fault, is remembered: after `MAX_DEATHS` the next fork
server leaves yt-dlp to the workers that need it.
"""

import contextlib
import gc
import logging

# A worker would import this to receive its arguments: 3 MB of the bot's 150 at rest.
import multiprocessing.popen_forkserver  # noqa: F401
import os
import signal
import sys
import tempfile
from pathlib import Path

# What a worker would import for itself, 3 MB each: its pool, its handler, psutil.
import worker.dispatch.worker_setups
import worker.downloads.judge.process
import worker.telegram.job  # noqa: F401
from worker.processes import process_setup

WARM_UP_LIMIT_S = 40.0
"""An import that takes longer hangs. Below `PRELOAD_TIMEOUT_S`, which ends the fork server."""


MAX_DEATHS = 2
"""The deaths after which the warm-up is left out: something else may have caused the first."""

# Of this bot alone, in a directory that is emptied at its start. `gettempdir` would try to write
# there, and while the disk is full take another one or raise.
_DEATHS = Path(os.environ.get("TMPDIR") or tempfile.gettempdir(), f"died-of-yt-dlp-{os.getppid()}")


_YTDLP = ("yt_dlp", "yt_dlp_plugins")


class _Hangs(BaseException):
    """Raised when the import takes too long.

    A BaseException, so no handler in yt-dlp swallows it.
    """


def _give_up(_number: int, _frame: object) -> None:
    raise _Hangs(f"not done after {WARM_UP_LIMIT_S:.0f} s")


def _warm_up() -> None:
    """Import and prepare yt-dlp; if that fails, leave no trace, so that a worker can try again."""
    signal.signal(signal.SIGALRM, _give_up)
    signal.setitimer(signal.ITIMER_REAL, WARM_UP_LIMIT_S)
    try:
        import worker.downloads.job  # noqa: F401
        from worker.downloads.ytdlp.warm import warm_up

        warm_up()
    except BaseException as error:  # noqa: BLE001 - a damaged file may raise anything
        for name in [name for name in sys.modules if name.partition(".")[0] in _YTDLP]:
            del sys.modules[name]
        text = f"{type(error).__name__}: {error}"
        logging.getLogger(__name__).error("yt-dlp cannot be imported: %s", text)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


def _warm_up_unless_deadly() -> None:
    """Warm up, unless that has ended the fork servers before this one."""
    if _deaths() < MAX_DEATHS:
        with contextlib.suppress(OSError), _DEATHS.open("ab") as file:
            file.write(b"x")
        _warm_up()
    else:
        logging.getLogger(__name__).error("yt-dlp is not imported: its import ends the process.")
    with contextlib.suppress(OSError):
        _DEATHS.unlink()


def _deaths() -> int:
    """How many imports in a row have ended the process; 0 if that cannot be known."""
    try:
        return _DEATHS.stat().st_size
    except OSError:
        return 0


process_setup.set_title(f"{process_setup.PROGRAM}: fork server")
_warm_up_unless_deadly()
# As in `warm_up`, for the objects made since: the garbage collector would write to their pages,
# and each forked process would get a copy.
gc.collect()
gc.freeze()
