"""CPU: what real processes use is seen, their children's included, and told by health."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from maintenance import measures, published
from maintenance.cpu import CpuMeter, cpu_seconds
from maintenance.health import assess
from tests.support.process_kit import forked, go_on
from worker.clocks import Monotonic, wall_clock
from worker.ledger import Ledger, ledger_path
from worker.ledger.upkeep.upkeep import Upkeep
from worker.processes import process_table
from worker.processes.process_table import Identity
from worker.settings import Settings

BUSY_S = 0.3
BURN = f"import time\nwhile time.process_time() < {BUSY_S}: pass\n"
THEN_WAIT = "print('done', flush=True)\ninput()"
START = "import subprocess, sys\nchild = subprocess.Popen([sys.executable, '-c', sys.argv[1]], "
PARENT_OF_DEAD = f"{START}stdin=-3)\nchild.wait()\n{THEN_WAIT}"
PARENT_OF_LIVE = f"{START}stdin=-1)\ninput()"


def me() -> Identity:
    identity = process_table.identify(os.getpid())
    assert identity
    return identity


@pytest.mark.parametrize(
    "code",
    [
        pytest.param([BURN + THEN_WAIT], id="itself"),
        pytest.param([PARENT_OF_DEAD, BURN], id="a child that it has reaped"),
        pytest.param([PARENT_OF_LIVE, BURN + THEN_WAIT], id="a child that runs"),
    ],
)
def test_use_of_a_worker_is_its_own_and_its_downloads(code: list[str]) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", *code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as worker:
        identity = process_table.identify(worker.pid)
        assert identity
        meter = CpuMeter()
        assert meter.sample([], Monotonic(100.0)) is None
        assert worker.stdout
        assert worker.stdout.readline() == "done\n"
        use = meter.sample([identity], Monotonic(102.0))
        assert use
        assert use.workers[identity] >= BUSY_S / 2 * 0.9
        worker.communicate("\n")


def test_only_what_was_used_since_the_last_look_counts() -> None:
    with forked(go_on) as idle:
        meter = CpuMeter()
        meter.sample([me(), idle], Monotonic(100.0))
        use = meter.sample([me(), idle], Monotonic(100.0 + 3600.0))
        assert use
        # This process has used seconds before the first look, and next to nothing since.
        assert 0.0 <= use.workers[me()] < 0.01
        assert use.workers[idle] == 0.0
        assert 0.0 <= use.machine_share <= 1.0


def test_a_process_that_is_gone_uses_nothing() -> None:
    assert cpu_seconds(Identity(os.getpid(), me().started - 1)) == 0.0
    assert cpu_seconds(Identity(2**22 + 1, 1)) == 0.0


def test_what_an_earlier_bot_measured_is_not_told(tmp_path: Path) -> None:
    Ledger(ledger_path(tmp_path)).close()
    settings = Settings(bot_token="", data_dir=tmp_path)
    with Upkeep(ledger_path(tmp_path)) as ledger:
        use = CpuMeter()
        use.sample([], Monotonic(0.0))
        second = use.sample([], Monotonic(1.0))
        assert second
        ledger.publish(published.CPU, published.describe_cpu(second, wall_clock()))
        taken = measures.take(settings, ledger, 0)
    assert taken.cpu_share is None
    (cpu,) = [finding.text for finding in assess(taken) if finding.name == "cpu"]
    assert cpu.startswith("not known")
