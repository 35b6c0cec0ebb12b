"""The limits of downloads in tests."""

from pathlib import Path
from typing import Any

from tests.sandbox.patience import PATIENCE_S
from worker.downloads.confinement import network
from worker.downloads.limits import DownloadLimits

LIMITS = DownloadLimits(
    instance="test",
    max_file_bytes=50 * 1024 * 1024,
    timeout_s=PATIENCE_S,
    idle_timeout_s=PATIENCE_S,
    allowed_networks=("127.0.0.1/32",),
    network=network.active(),
    term_grace_s=1,
)


def limits_with(**changes: Any) -> DownloadLimits:
    return DownloadLimits(**{**vars(LIMITS), **changes})


def limits_for_parts(film: Path, parts: float, **more: Any) -> DownloadLimits:
    return limits_with(max_file_bytes=int(film.stat().st_size / parts), **more)
