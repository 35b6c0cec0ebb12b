"""Judge whether the disk of DATA_DIR has room for downloads."""

from maintenance.findings import Finding, critical, ok
from maintenance.units import count, percent, size
from worker.dispatch.disk_space import RESERVE_FILES, needed_bytes


def assess(
    free_bytes: int, total_bytes: int, free_files: int | None, answer_bytes: int, running: int
) -> Finding:
    """Critical if no download can begin, or go on, with files of up to `answer_bytes`."""
    share = free_bytes / total_bytes if total_bytes else 0.0
    text = f"{size(free_bytes)} free, {percent(share)}"
    # The running ones have their room already, and use it up.
    needed = needed_bytes(total_bytes, answer_bytes, 0 if running else 1)
    if free_bytes <= needed:
        return critical("disk", f"{text}: downloads wait until there are {size(needed)}")
    if free_files is not None and free_files < RESERVE_FILES:
        text += f", but only {count(free_files, 'more file')} can be made (df -i)"
        return critical("disk", f"{text}: downloads wait until there is room for {RESERVE_FILES}")
    return ok("disk", text)
