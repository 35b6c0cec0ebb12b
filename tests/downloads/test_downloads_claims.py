"""What a download process says about itself, and that none of it is believed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.tools import LINK, without_landlock
from tests.support.download_limits import LIMITS
from tests.support.downloads_harness import Worker, worker
from worker.downloads.channel import Sender
from worker.downloads.reports import ReadyFile, Result
from worker.errors import Fault, Reason
from worker.protocol import MediaFacts, MediaKind


@pytest.fixture(scope="module")
def unconfined(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """Landlock would not let it make most of what it lies about."""
    home = tmp_path_factory.mktemp("claims")
    with worker(home, prepare=without_landlock, is_cold=True) as made:
        yield made


def _claim(name: str, parts: int = 1) -> None:
    Sender(3).send_result(Result((ReadyFile(name, MediaFacts(MediaKind.VIDEO, parts=parts)),)))
    signal.pause()


def _claim_a_path(task: Any, rules: Any, report: Any, extractors: Any) -> None:
    _claim("../../../etc/hostname")


def _claim_a_link(task: Any, rules: Any, report: Any, extractors: Any) -> None:
    os.symlink("/etc/hostname", "media.mp4")
    _claim("media.mp4")


def _claim_a_second_name(task: Any, rules: Any, report: Any, extractors: Any) -> None:
    Path("first").write_bytes(b"x")
    os.link("first", "media.mp4")
    _claim("media.mp4")


def _claim_a_pipe(task: Any, rules: Any, report: Any, extractors: Any) -> None:
    os.mkfifo("media.mp4")
    _claim("media.mp4")


def _claim_many_parts(task: Any, rules: Any, report: Any, extractors: Any) -> None:
    Path("media.mp4").write_bytes(b"x")
    _claim("media.mp4", parts=1000)


def _claim_no_file(task: Any, rules: Any, report: Any, extractors: Any) -> None:
    Sender(3).send_result(Result(()))
    signal.pause()


def _claim_nothing(task: Any, rules: Any, report: Any, extractors: Any) -> None:
    _claim("media.mp4")


def _send_rubbish(task: Any, rules: Any, report: Any, extractors: Any) -> None:
    os.write(3, b"\x80\x04rubbish\n")
    signal.pause()


def _never_end_a_line(task: Any, rules: Any, report: Any, extractors: Any) -> None:
    while True:
        os.write(3, b"x" * 4096)


@pytest.mark.parametrize(
    "fetch",
    [
        _claim_a_path,
        _claim_a_link,
        _claim_a_second_name,
        _claim_a_pipe,
        _claim_many_parts,
        _claim_no_file,
        _claim_nothing,
        _send_rubbish,
        _never_end_a_line,
    ],
)
def test_a_false_word_is_not_believed(unconfined: Worker, fetch: Any) -> None:
    error = unconfined.run(LINK, LIMITS, fetch).error
    assert (error.reason, error.fault) == (Reason.CRASHED, Fault.RETRYABLE)
    assert not unconfined.directory.exists()
