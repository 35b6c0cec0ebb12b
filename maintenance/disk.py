"""Judge whether the disk of DATA_DIR has room for downloads."""

from maintenance.findings import Finding, critical, ok
from maintenance.units import percent, size
from worker.dispatch.disk_space import needed_bytes


def assess(free_bytes: int, total_bytes: int, answer_bytes: int, running: int) -> Finding:
    """Critical if no download can begin, or go on, with files of up to `answer_bytes`."""
    share = free_bytes / total_bytes if total_bytes else 0.0
    text = f"{size(free_bytes)} free, {percent(share)}"
    # The running ones have their room already, and use it up.
    needed = needed_bytes(total_bytes, answer_bytes, 0 if running else 1)
    if free_bytes > needed:
        return ok("disk", text)
    return critical("disk", f"{text}: downloads wait until there are {size(needed)}")
