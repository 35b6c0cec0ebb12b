"""What the main process has in its memory."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("package", ["telebot", "yt_dlp", "curl_cffi"])
def test_it_imports_no_package_that_only_its_workers_need(package: str) -> None:
    """The first takes 5 MB and the second 40 MB; the workers have them from the fork server."""
    code = f"import sys, bot; print({package!r} in sys.modules, 'requests' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "True"]
