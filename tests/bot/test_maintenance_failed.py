"""`python -m maintenance failed`: what failed is shown, done again or forgotten."""

from pathlib import Path

import pytest

from tests.sandbox.site import MediaSite
from tests.support.ledger_kit import (
    ERROR,
    START,
    a_file,
    a_link,
    claim,
    fail_a_download,
    post,
    send,
)
from tests.support.operator_kit import maintenance
from tests.support.scene import Scene
from worker.clocks import Wall
from worker.ledger import (
    ButtonJob,
    DeliverJob,
    DownloadJob,
    ExplainJob,
    Ledger,
    UpdateJob,
    ledger_path,
)
from worker.ledger.upkeep.failures import NotRetried
from worker.ledger.upkeep.upkeep import Upkeep
from worker.protocol import effects
from worker.sites import site_of_link


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return ledger_path(tmp_path)


def test_real_failure_is_listed_shown_and_done_again_by_the_running_bot(
    site: MediaSite, tmp_path: Path
) -> None:
    with Scene(site, tmp_path, {"JOB_MAX_ATTEMPTS": "1"}) as scene:
        assert maintenance(scene.data_dir, "failed", "list").code == 0
        scene.send("/flaky/again.mp4?fails=1")
        (sentence,) = scene.wait_for_answers()
        answer = maintenance(scene.data_dir, "failed", "list", "--json")
        assert answer.code == 1
        (failed,) = answer.json["failed"]
        assert (failed["attempts"], failed["job"]) == (1, "download")
        assert failed["site"] == site_of_link(site.url)
        assert failed["error_id"] in (sentence.text or "")
        shown = maintenance(scene.data_dir, "failed", "show", failed["error_id"])
        assert shown.code == 0
        assert "site error" in shown.text
        assert "Traceback" in shown.text
        run = maintenance(scene.data_dir, "failed", "show", str(failed["id"]), "--json").json["run"]
        assert run["attempt"] == 1
        assert 0 < run["cpu_s"] < run["run_s"] + 1
        assert run["peak_bytes"] > 0
        assert 100 < run["passed_bytes"] < 10_000
        assert " through the judge" in shown.text
        assert f"job {failed['id']}: {run['passed_bytes']} bytes have passed the judge" in (
            scene.bot.log
        )
        assert "HTTP Error 503" in run["log"]

        answer = maintenance(scene.data_dir, "failed", "retry", str(failed["id"]))
        assert answer.code == 0, answer
        answers = scene.wait_for_answers(2)
        assert [message.media is not None for message in answers] == [False, True]
        assert answers[0].text == sentence.text, "what was said stays"
        assert maintenance(scene.data_dir, "failed", "list").code == 0
        ((taken_s,),) = scene.ledger(
            "SELECT started_at - waits_since FROM jobs WHERE id = ?", failed["id"]
        )
        assert taken_s < 2


def test_failed_delivery_is_done_again_with_a_download_of_its_own(path: Path) -> None:
    ledger = Ledger(path)
    send(ledger, a_link(), update_id=1)
    post(ledger)
    ledger.finish_download(claim(ledger, DownloadJob), a_file(), START)
    ledger.fail(claim(ledger, DeliverJob), ERROR, "abc123", "", START)
    with Upkeep(path) as upkeep:
        (failed,) = upkeep.failed(10)
        with pytest.raises(NotRetried, match="just being told"):
            upkeep.retry(failed, Wall(50.0))
        ledger.finish_explanation(claim(ledger, ExplainJob), Wall(60.0))
        upkeep.retry(failed, Wall(100.0))
        assert upkeep.failed(10) == []
    claim(ledger, DownloadJob, 100.0)


def test_nothing_is_done_again_for_nobody(path: Path) -> None:
    ledger = Ledger(path)
    send(ledger, a_link(), update_id=1)
    post(ledger)
    download = claim(ledger, DownloadJob)
    send(ledger, effects.CancelRequest(1, 7, "press"), update_id=2)
    ledger.finish(claim(ledger, ButtonJob), START)
    ledger.finish_explanation(claim(ledger, ExplainJob), START)
    ledger.fail(download, ERROR, "abc123", "", START)
    answer = maintenance(path.parent, "failed", "retry", str(download.id))
    assert answer.code == 2
    assert "nobody waits for it" in answer.text
    assert maintenance(path.parent, "failed", "list").code == 1


def test_failed_job_without_a_request_waits_again(path: Path) -> None:
    ledger = Ledger(path)
    ledger.record_updates([{"update_id": 1}], START)
    ledger.fail(claim(ledger, UpdateJob), ERROR, "abc123", "", START)
    assert maintenance(path.parent, "failed", "retry", "1").code == 0
    assert claim(ledger, UpdateJob, 1e12).id == 1


def test_forgotten_job_is_gone_and_nothing_refers_to_it(path: Path) -> None:
    ledger = Ledger(path)
    download = fail_a_download(ledger)
    assert maintenance(path.parent, "failed", "forget", str(download), "--json").code == 0
    assert maintenance(path.parent, "failed", "show", str(download)).code == 2
    with Upkeep(path) as upkeep:
        assert upkeep.failed(10) == []
        assert upkeep._db.execute("PRAGMA foreign_key_check").fetchall() == []


def test_strange_words_do_not_reach_the_terminal(path: Path) -> None:
    download = fail_a_download(Ledger(path))
    shown = maintenance(path.parent, "failed", "show", str(download)).text
    assert "\\x1b[31mhere" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize("unknown", ["99", "9" * 30])
def test_unknown_id_changes_none_of_those_that_are_known(path: Path, unknown: str) -> None:
    download = fail_a_download(Ledger(path))
    answer = maintenance(path.parent, "failed", "forget", str(download), unknown)
    assert answer.code == 2
    assert answer.errors == f"maintenance: no failed job has the id or error id '{unknown}'\n"
    assert maintenance(path.parent, "failed", "list").code == 1
