"""What all tests share: what to do on a machine that lacks something."""

import shutil
from collections.abc import Iterator

import pytest

from tests.sandbox.site import MediaSite


@pytest.fixture(scope="session")
def site() -> Iterator[MediaSite]:
    """The media site, one for all tests; each uses paths of its own."""
    with MediaSite() as site:
        yield site


@pytest.fixture
def needs_ffmpeg() -> None:
    """Skips the test, and says why, where ffmpeg or ffprobe is missing."""
    for name in ("ffmpeg", "ffprobe"):
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed (apt install ffmpeg)")
