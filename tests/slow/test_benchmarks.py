"""The benchmarks still run: a little of those that a whole bot takes part in."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks import acknowledgement, choices, delivery
from tests.benchmarks.__main__ import CASES
from tests.benchmarks.figures import median_interval, percentile
from tests.sandbox.patience import PATIENCE_S
from tests.support.process_kit import ends, wait_until
from worker.processes import process_table

ROOT = Path(__file__).parents[2]


def test_help_tells_every_case() -> None:
    command = [sys.executable, "-m", "tests.benchmarks", "--help"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    words = " ".join(told.stdout.split())
    assert all(f"{name}: {what}" in words for name, (what, _) in CASES.items())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_ends_a_benchmark_ends_its_bot(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "tests.benchmarks", "memory"]
    pipe = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe) as benchmark:
        # A file server, the bot, its fork server, and at least one worker.
        below = wait_until(
            lambda: len(found := process_table.descendants(benchmark.pid)) >= 4 and found
        )
        benchmark.send_signal(number)
        benchmark.wait(PATIENCE_S)
    for process in below:
        assert ends(process.identity), process.name


def test_percentile_is_what_so_many_values_do_not_exceed() -> None:
    values = [float(number) for number in range(101)]
    assert [percentile(values, percent) for percent in (1, 50, 99)] == [1.0, 50.0, 99.0]


@pytest.mark.parametrize(("count", "interval"), [(2, (0, 1)), (5, (0, 4)), (100, (40, 59))])
def test_a_median_lies_between_two_values(count: int, interval: tuple[int, int]) -> None:
    assert median_interval([*range(count)]) == interval


@pytest.mark.exhaustive
def test_crowd_with_one_link_costs_one_fetch() -> None:
    lines = list(delivery.crowd(people=6, crowds=1, absolute=[]))
    assert lines[0] == "6 people with one link at once: fetches at the site: 1"


@pytest.mark.exhaustive
@pytest.mark.usefixtures("needs_ffmpeg")
def test_first_time_and_repeat_are_measured() -> None:
    absolute: list[str] = []
    assert len(list(delivery.first_and_repeat(rounds=2, repeats=2, absolute=absolute))) == 3
    assert len(absolute) == 3


@pytest.mark.exhaustive
def test_greedy_one_and_the_others_are_all_answered() -> None:
    lines = list(delivery.fairness(modest=2, links=1, greedy_links=4, absolute=[]))
    assert lines[0] == "6 links of 3 people, 4 of them of one: all answered"


@pytest.mark.exhaustive
@pytest.mark.usefixtures("needs_ffmpeg")
def test_choice_from_a_menu_reads_no_page_again() -> None:
    absolute: list[str] = []
    lines = list(choices.run(absolute, rounds=2))
    assert lines[-1] == "  requests for the page when one is chosen: 0 in 2 rounds"
    assert len(absolute) == 2


@pytest.mark.exhaustive
def test_acknowledgement_is_measured_with_every_worker_busy() -> None:
    absolute: list[str] = []
    assert len(list(acknowledgement.run(absolute, updates=20))) == 2
    assert len(absolute) == 2
