"""Failed jobs that are done again."""

from pathlib import Path

import pytest

from tests.support.ledger_kit import ERROR, a_link, claim, post, send
from worker.clocks import Wall
from worker.ledger import (
    DownloadJob,
    ExplainJob,
    Ledger,
    ledger_path,
)
from worker.ledger.upkeep import Upkeep


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return ledger_path(tmp_path)


def fail_a_download(ledger: Ledger, *, is_told: bool = True) -> int:
    """A link whose download fails for good; its requester is told."""
    send(ledger, a_link(), update_id=1)
    post(ledger)
    download = claim(ledger, DownloadJob)
    ledger.fail(download, ERROR, "abc123", "Traceback: \x1b[31mhere", Wall(50.0))
    if is_told:
        ledger.finish_explanation(claim(ledger, ExplainJob), Wall(60.0))
    return download.id


def test_retried_download_gives_one_more_answer(path: Path) -> None:
    ledger = Ledger(path)
    download = fail_a_download(ledger)
    with Upkeep(path) as upkeep:
        (failed,) = upkeep.failed(10)
        upkeep.retry(failed, Wall(100.0))
        assert upkeep.failed(10) == []
    job = claim(ledger, DownloadJob, 100.0)
    assert (job.id, job.attempts) == (download, 1)
    post(ledger, 77)
    ledger.fail(job, ERROR, "def456", "", Wall(110.0))
    explain = claim(ledger, ExplainJob, 110.0)
    assert explain.request is not None
    assert (explain.request.status_message_id, explain.request.error_id) == (77, "def456")
    ledger.finish_explanation(explain, Wall(120.0))
    assert ledger.claim("telegram", Wall(120.0)) is None


def test_retry_takes_the_download_that_somebody_else_has_begun(path: Path) -> None:
    ledger = Ledger(path)
    fail_a_download(ledger)
    send(ledger, a_link(8), update_id=2)
    with Upkeep(path) as upkeep:
        upkeep.retry(upkeep.failed(10)[0], Wall(100.0))
    job = claim(ledger, DownloadJob, 100.0)
    assert ledger.claim("downloads", Wall(100.0)) is None
    post(ledger, 1)
    post(ledger, 2)
    assert len(ledger.watchers(job.id)) == 2
