"""What Prometheus' own program says of the metrics."""

import dataclasses
import shutil
import subprocess
from pathlib import Path

import pytest

from maintenance import measures
from maintenance.findings import ok
from maintenance.measures import MeasuredWorker
from maintenance.reporting import prometheus
from tests.support.ledger_kit import make_empty_ledger
from tests.support.metrics_rules import broken_rules
from worker.ledger import ledger_path
from worker.ledger.requests.answers import BOUNDS_S, AnswerCount, AnswerTimes
from worker.ledger.upkeep.upkeep import Upkeep
from worker.settings import Settings

pytestmark = pytest.mark.skipif(
    not shutil.which("promtool"), reason="promtool is not installed (apt install prometheus)"
)


def check(text: str) -> tuple[int, str]:
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=50
    )
    return done.returncode, done.stdout + done.stderr


def test_it_finds_nothing_wrong(tmp_path: Path) -> None:
    make_empty_ledger(ledger_path(tmp_path))
    with Upkeep(ledger_path(tmp_path)) as ledger:
        taken = measures.take(Settings(bot_token="", data_dir=tmp_path), ledger, 0)
    worker = MeasuredWorker("downloads", "downloads-7", 1, "idle", 5.0, 9, None, 10, 100, slot=1)
    statistics = dataclasses.replace(
        taken.statistics,
        answers_total=(
            AnswerCount("a.example", "media", "", False, 3, 30),
            AnswerCount('b".example', "sentence", "blocked here", False, 1, 0),
        ),
        answer_times=tuple(AnswerTimes("waiting", bound, 1, 0.1) for bound in BOUNDS_S),
    )
    full = dataclasses.replace(taken, workers=(worker,), statistics=statistics)
    text = prometheus.render(full, [ok("disk", "")])
    assert "_bucket" in text
    assert check(text) == (0, "")


@pytest.mark.parametrize(
    "text",
    [
        "# HELP a_seconds Help.\n# TYPE a_seconds counter\na_seconds 1\n",
        "# HELP a_total Help.\n# TYPE a_total gauge\na_total 1\n",
        "# TYPE a gauge\na 1\n",
        "# HELP a_minutes Help.\n# TYPE a_minutes gauge\na_minutes 1\n",
    ],
)
def test_the_rules_of_the_tests_are_its_own(text: str) -> None:
    """`broken_rules`, which needs no program, refuses what this refuses."""
    assert check(text)[0] != 0
    assert broken_rules(text)
