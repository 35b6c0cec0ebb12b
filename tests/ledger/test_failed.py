"""Failed jobs that are done again."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from maintenance.commands import failed
from tests.support.ledger_kit import ERROR, a_link, claim, fail_a_download, post, send
from worker.clocks import Wall
from worker.errors import Fault, JobError, Reason
from worker.ledger import (
    DownloadJob,
    ExplainJob,
    Ledger,
    ledger_path,
)
from worker.ledger.upkeep.upkeep import Upkeep
from worker.protocol import effects
from worker.settings import Settings


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return ledger_path(tmp_path)


List = Callable[..., tuple[int, str]]


@pytest.fixture
def list_failed(path: Path, capsys: pytest.CaptureFixture[str]) -> List:
    """Types `failed list` with these options; its exit code, and what it prints."""

    def run(*options: str) -> tuple[int, str]:
        return _type(path, "list", *options), capsys.readouterr().out

    return run


def _type(path: Path, *arguments: str) -> int:
    parser = argparse.ArgumentParser()
    failed.add_options(parser)
    return failed.run(Settings(bot_token="", data_dir=path.parent), parser.parse_args(arguments))


def fail_links(ledger: Ledger, *failures: tuple[str, Reason]) -> None:
    """A link of each URL fails for good with a reason, a minute after the one before."""
    for number, (url, reason) in enumerate(failures, 1):
        link = effects.OpenRequest(number, number, 1, url, f"key {number}")
        send(ledger, link, update_id=number)
        post(ledger)
        error = JobError(reason, Fault.RETRYABLE)
        ledger.fail(claim(ledger, DownloadJob), error, f"e{number}", "", Wall(60.0 * number))
        ledger.finish_explanation(claim(ledger, ExplainJob), Wall(1.0))


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


def test_failures_are_grouped_by_site_and_reason_the_largest_first(
    path: Path, list_failed: List
) -> None:
    fail_links(
        Ledger(path),
        ("https://vimeo.com/1", Reason.OUTDATED),
        ("https://youtu.be/a", Reason.BLOCKED_HERE),
        ("https://www.youtube.com/watch?v=b", Reason.BLOCKED_HERE),
        ("https://m.youtube.com/watch?v=c", Reason.NETWORK),
    )
    code, text = list_failed("--json")
    said: dict[str, Any] = json.loads(text)
    groups = [(g["site"], g["reason"], g["jobs"], g["last_failed_at"]) for g in said["groups"]]
    assert (code, said["total"]) == (1, 4)
    assert groups == [
        ("youtube.com", "blocked here", 2, 180.0),
        ("youtube.com", "network", 1, 240.0),
        ("vimeo.com", "outdated", 1, 60.0),
    ]
    last = [job["id"] for job in said["failed"] if job["error_id"] == "e3"]
    assert [said["groups"][0]["newest"]] == last
    _, text = list_failed()
    head, first, *_ = text.splitlines()
    assert head.split() == ["JOBS", "LAST", "AT", "SITE", "WHY", "THE", "LAST", "ONE"]
    assert first.endswith(f"youtube.com  blocked here  python -m maintenance failed show {last[0]}")


@pytest.mark.parametrize(
    ("limit", "listed", "rest"),
    [
        ("0", 0, "0 of 3 jobs are listed: --limit 3"),
        ("2", 2, "2 of 3 jobs are listed: --limit 3"),
        ("3", 3, None),
        ("999999999", 3, None),
    ],
)
def test_a_list_says_what_it_leaves_out(
    path: Path, list_failed: List, limit: str, listed: int, rest: str | None
) -> None:
    fail_links(Ledger(path), *[("https://site.example/v", Reason.NETWORK)] * 3)
    code, text = list_failed("--limit", limit)
    assert code == 1
    assert text.count("download") == listed
    assert (rest in text) if rest else ("are listed" not in text)
    code, text = list_failed("--limit", limit, "--json")
    assert (code, len(json.loads(text)["failed"])) == (1, listed)


def test_a_list_of_nothing_says_so(path: Path, list_failed: List) -> None:
    Ledger(path).close()
    assert list_failed("--limit", "0") == (0, "No job has failed for good.\n")


@pytest.mark.parametrize("limit", ["-1", "many", "", "1.5", "9" * 30, "²"])
def test_a_limit_is_a_whole_number(list_failed: List, limit: str) -> None:
    with pytest.raises(SystemExit):
        list_failed("--limit", limit)


FOUR = (
    ("https://youtu.be/a", Reason.BLOCKED_HERE),
    ("https://www.youtube.com/watch?v=b", Reason.BLOCKED_HERE),
    ("https://m.youtube.com/watch?v=c", Reason.NETWORK),
    ("https://vimeo.com/1", Reason.BLOCKED_HERE),
)
"""Links that fail at 60, 120, 180 and 240 seconds, with the errors e1 to e4."""


@pytest.mark.parametrize(
    ("options", "errors"),
    [
        (("--site", "youtube.com"), ["e3", "e2", "e1"]),
        (("--reason", "blocked-here"), ["e4", "e2", "e1"]),
        (("--reason", "Blocked Here", "--site", "YOUTUBE.com"), ["e2", "e1"]),
        (("--since", "100s"), ["e4", "e3"]),
        (("--since", "100s", "--limit", "1"), ["e4"]),
        (("--site", "nothing.example"), []),
    ],
)
def test_a_list_is_narrowed(
    path: Path,
    list_failed: List,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    errors: list[str],
) -> None:
    fail_links(Ledger(path), *FOUR)
    monkeypatch.setattr("maintenance.commands.options.wall_clock", lambda: Wall(250.0))
    code, text = list_failed("--json", *options)
    said = json.loads(text)
    assert [job["error_id"] for job in said["failed"]] == errors
    assert code == (1 if errors else 0)
    assert said["total"] == (2 if "--limit" in options else len(errors))
    assert sum(group["jobs"] for group in said["groups"]) == said["total"]
    assert ("No failed job matches." in list_failed(*options)[1]) is not bool(errors)


@pytest.mark.parametrize(
    ("action", "done"), [("retry", "waits to be done again"), ("forget", "is forgotten")]
)
def test_many_are_done_at_once_and_the_others_left(
    path: Path, capsys: pytest.CaptureFixture[str], action: str, done: str
) -> None:
    ledger = Ledger(path)
    fail_links(ledger, *FOUR)
    assert _type(path, action, "--site", "youtube.com", "--reason", "blocked-here") == 0
    first, second, summary = capsys.readouterr().out.splitlines()
    assert first.endswith(f"{done}.")
    assert second.endswith(f"{done}.")
    assert summary == "2 jobs, of which 0 are left as they are."
    with Upkeep(path) as upkeep:
        assert [job.error_id for job in upkeep.failed(10)] == ["e4", "e3"]
    if action == "retry":
        again = [claim(ledger, DownloadJob, 1e9).url for _ in range(2)]
        assert again == [FOUR[0][0], FOUR[1][0]]
    assert _type(path, action, "--site", "gone.example", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {action: []}
    assert _type(path, action, "--site", "gone.example") == 0
    assert capsys.readouterr().out == "No failed job matches.\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("retry",), "which jobs?"),
        (("forget", "--json"), "which jobs?"),
        (("retry", "3", "--site", "youtube.com"), "which jobs?"),
        (("retry", "--reason", "bad-luck"), "there are invalid-link, "),
        (("list", "--since", "long"), "a time such as"),
    ],
)
def test_nothing_is_done_to_jobs_that_are_not_named(
    path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    fail_links(Ledger(path), *FOUR)
    with pytest.raises(SystemExit) as end:
        _type(path, *arguments)
    assert end.value.code == 2
    assert words in capsys.readouterr().err
    with Upkeep(path) as upkeep:
        assert len(upkeep.failed(10)) == 4
