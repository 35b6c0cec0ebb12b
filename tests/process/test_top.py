"""`python -m maintenance top` on a real terminal, for a bot that does not run."""

import json
import os
import sys
from pathlib import Path

import pytest

from tests.support.operator_kit import ROOT, maintenance
from tests.support.terminal import Terminal
from worker.ledger import Ledger, ledger_path
from worker.ledger.upkeep.upkeep import Upkeep


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    Ledger(ledger_path(tmp_path)).close()
    return tmp_path


def top(data_dir: Path, width: int = 80, height: int = 24, term: str = "vt100") -> Terminal:
    env = {"PATH": os.environ["PATH"], "DATA_DIR": str(data_dir), "TERM": term}
    return Terminal([sys.executable, "-m", "maintenance", "top"], ROOT, env, width, height)


@pytest.mark.parametrize("term", ["vt100", "xterm-256color"])
def test_keys_and_sizes(data_dir: Path, term: str) -> None:
    with top(data_dir, term=term) as terminal:
        terminal.wait_for(lambda screen: "q quit" in screen)
        assert "The bot is not running" in terminal.lines[0]
        assert terminal.lines[23].startswith("up/down")
        terminal.type("p")
        terminal.wait_for(lambda screen: "PAUSED since" in screen)
        with Upkeep(ledger_path(data_dir)) as ledger:
            assert ledger.resume(), "the bot was paused"
        terminal.wait_for(lambda screen: "PAUSED" not in screen)
        terminal.resize(40, 10)
        terminal.wait_for(lambda _: terminal.lines[9].startswith("paused: running downloads"))
        terminal.type("q")
        assert terminal.end() == 0


@pytest.mark.parametrize("term", ["dumb", "no-such-terminal"])
def test_terminal_that_cannot_be_drawn_on_is_said(data_dir: Path, term: str) -> None:
    with top(data_dir, term=term) as terminal:
        assert terminal.end() == 2
        assert f"(TERM={term}); top --once" in "".join(terminal.lines)


def test_pipe_gets_a_snapshot_only_if_it_asks_for_one(data_dir: Path) -> None:
    refused = maintenance(data_dir, "top")
    assert refused.code == 2
    assert "top --once prints a snapshot" in refused.errors
    once = maintenance(data_dir, "top", "--once")
    assert once.code == 0
    assert "The bot is not running" in once.text
    assert "\x1b" not in once.text
    said = json.loads(maintenance(data_dir, "top", "--json").text)
    assert (said["bot"]["pid"], said["jobs"]) == (None, [])
