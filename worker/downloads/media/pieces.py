"""Cut a file into pieces that are small enough, with ffmpeg, whatever it holds."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from worker.downloads.limits import DownloadLimits
from worker.downloads.media import conversion
from worker.downloads.media.parts import parts_needed
from worker.downloads.media.program_run import NoRoom, ProgramFailed, ProgramKilled, ProgramLimits
from worker.errors import Fault, JobError, Reason

_MORE_PARTS = 3
# More pieces than any limit allows.
_MAX_PIECES = 10


def make(
    path: Path,
    suffix: str,
    length_s: float,
    limits: DownloadLimits,
    cut: Callable[[float, ProgramLimits], None],
) -> list[Path]:
    """The pieces of the file at `path`, in order, each small enough.

    `cut` makes files `NAME.part-NN` with this suffix next to it, each about so many seconds long.
    It is called with shorter ones until all are small enough. Raises JobError if they never are.
    """
    ends_at = time.monotonic() + conversion.budget_of(limits).time_s
    fewest = parts_needed(path.stat().st_size, limits.max_file_bytes)
    for count in range(fewest, fewest + _MORE_PARTS):
        with failures("cut"):
            cut(length_s / count, ProgramLimits(ends_at - time.monotonic(), limits.memory_bytes))
        pieces = sorted(path.parent.glob(f"{path.stem}.part-*{suffix}"))
        if not 1 < len(pieces) <= _MAX_PIECES:
            # The timestamps contradict the index, and a cut makes one piece or a thousand.
            detail = f"cutting into {count} parts made {len(pieces)}"
            raise JobError(Reason.TOO_LARGE, Fault.PERMANENT, detail)
        if all(piece.stat().st_size <= limits.max_file_bytes for piece in pieces):
            return pieces
        for piece in pieces:
            piece.unlink()
    raise JobError(Reason.TOO_LARGE, Fault.PERMANENT, "some pieces stay too large")


@contextlib.contextmanager
def failures(what: str, reason: Reason = Reason.TOO_LARGE) -> Iterator[None]:
    """Turn failures of ffmpeg in the block into a JobError that names what was done.

    `reason` is for a failure that lies in the file.
    """
    try:
        yield
    except ProgramKilled as error:
        raise JobError(Reason.CRASHED, Fault.RETRYABLE, f"{what}: {error}") from error
    except NoRoom as error:
        raise JobError(Reason.DISK_FULL, Fault.RETRYABLE, f"{what}: {error}") from error
    except ProgramFailed as error:
        raise JobError(reason, Fault.PERMANENT, f"{what}: {error}") from error
