"""What all tests share: markers by folder, the media site, what to do without ffmpeg."""

import gc
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.site import MediaSite
from tests.support.media import make_film
from worker.downloads.ytdlp.players import javascript

FOLDER = Path(__file__).parent

ORDER = ("slow", "bot", "downloads", "process", "ledger", "unit")
"""The folders as they are run: a long module that came last would be waited for alone."""


def pytest_configure() -> None:
    """Let what the tests start heed SIGINT and SIGHUP, which & and nohup let this process ignore.

    Collection makes what stays to the end, so the garbage collector would look in vain.
    """
    gc.disable()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        # Unlike SIG_IGN this is not handed on, and the run still outlives its terminal.
        signal.signal(signal.SIGHUP, lambda *_: None)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark and order tests by their folder, and leave out the exhaustive unless -m names them."""
    for item in items:
        item.add_marker(_folder(item))
    items.sort(key=lambda item: ORDER.index(_folder(item)))
    if "exhaustive" not in config.option.markexpr:
        exhaustive = [item for item in items if item.get_closest_marker("exhaustive")]
        config.hook.pytest_deselected(items=exhaustive)
        items[:] = [item for item in items if not item.get_closest_marker("exhaustive")]


def pytest_collection_finish() -> None:
    """Take what collection made out of the garbage collector's sight: it stays to the end.

    Tests of the pool call gc.collect(), which would look through all of it each time.
    """
    gc.freeze()
    gc.enable()


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(FOLDER).parts[0]


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


@pytest.fixture
def needs_deno() -> None:
    """Skips the test, and says why, where the JavaScript runtime of the requirements is missing."""
    if javascript.installed() != "deno":
        pytest.skip("deno is not installed (pip install -r requirements.txt)")


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve seconds of video that can be cut anywhere; needs ffmpeg."""
    return make_film(tmp_path_factory.mktemp("film") / "film.mp4")
