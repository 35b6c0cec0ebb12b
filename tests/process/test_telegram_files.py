"""What leaves the machine: which files, under which names, and at what cost of memory."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.telegram_driver import TOKEN, TelegramDriver
from tests.support.telegram_driver import api as api
from tests.support.telegram_driver import clip as clip
from tests.support.telegram_driver import driver as driver
from worker.errors import JobError, Reason
from worker.protocol import MediaFile


def link_to_passwd(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def link_in_its_directory(path: Path) -> None:
    path.with_name("other").write_bytes(b"other")
    path.symlink_to("other")


def second_name(path: Path) -> None:
    path.with_name("other").write_bytes(b"other")
    path.hardlink_to(path.with_name("other"))


def nothing(_path: Path) -> None:
    """Make nothing there."""


ODD_FILES: list[Callable[[Path], None]] = [
    link_to_passwd,
    link_in_its_directory,
    second_name,
    os.mkfifo,
    Path.mkdir,
    Path.touch,
    nothing,
]


@pytest.mark.parametrize("make", ODD_FILES, ids=lambda make: make.__name__)
def test_only_a_real_file_with_content_leaves_the_machine(
    driver: TelegramDriver, clip: MediaFile, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    path = tmp_path / "odd"
    make(path)
    with pytest.raises(JobError) as caught:
        driver.deliver(replace(clip, path=str(path)))
    assert caught.value.reason is Reason.INTERNAL
    assert driver.message.kind == "text"


def test_a_directory_that_is_a_link_is_not_followed(
    driver: TelegramDriver, clip: MediaFile, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(Path(clip.path).parent)
    with pytest.raises(JobError, match="cannot be opened"):
        driver.deliver(replace(clip, path=str(tmp_path / "link" / Path(clip.path).name)))
    assert driver.message.kind == "text"


@pytest.mark.parametrize("fill", [b"", b"x" * 300_000, None])
def test_a_thumbnail_that_is_unfit_is_left_out(
    driver: TelegramDriver, clip: MediaFile, fill: bytes | None
) -> None:
    assert clip.thumbnail is not None
    Path(clip.thumbnail).unlink()
    if fill is not None:
        Path(clip.thumbnail).write_bytes(fill)
    driver.deliver(clip)
    assert driver.message.media is not None
    assert driver.message.media.thumbnail is None


# ----------------------------------------------------------------------------- the memory

UPLOAD = """
import re, sys
from pathlib import Path
from telebot import apihelper
from worker.protocol import Deliver, EditStatus, MediaFacts, MediaFile, MediaKind
from worker.protocol import Progress, Reader, Stage
from worker.telegram.api_access import ApiAccess
from worker.telegram.job import make_handler

token, url, message_id, path, streamed = sys.argv[1:]
handle = make_handler(ApiAccess(token, url))
if streamed == "no":
    apihelper.CUSTOM_REQUEST_SENDER = None

def memory_mb(name):
    return int(re.search(name + r":\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024

media = MediaFile(path, 0, "https://a.example/", MediaFacts(MediaKind.DOCUMENT, "Large"))
handle(None, EditStatus(1, Reader(1001), int(message_id), Progress(Stage.DOWNLOADING)))
before = memory_mb("VmRSS")
delivered = handle(None, Deliver(1, Reader(1001), int(message_id), media))
assert delivered.file_id, delivered
print(memory_mb("VmHWM") - before)
"""


def memory_of_an_upload_mb(driver: TelegramDriver, tmp_path: Path, streamed: str) -> float:
    """By how much the upload of 45 MB raises a worker's highest memory use."""
    path = tmp_path / "large.bin"
    with path.open("wb") as file:
        file.truncate(45 * 1000 * 1000)
    command = [
        sys.executable,
        "-c",
        UPLOAD,
        TOKEN,
        driver.api.url,
        str(driver.message_id),
        str(path),
    ]
    done = subprocess.run([*command, streamed], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


def test_an_upload_of_45_mb_takes_less_than_16_mb_of_memory(
    driver: TelegramDriver, tmp_path: Path
) -> None:
    assert memory_of_an_upload_mb(driver, tmp_path, "yes") < 16
    assert driver.message.media is not None
    assert driver.message.media.size == 45 * 1000 * 1000


@pytest.mark.negative
def test_the_library_alone_would_hold_the_whole_upload(
    driver: TelegramDriver, tmp_path: Path
) -> None:
    assert memory_of_an_upload_mb(driver, tmp_path, "no") > 45
