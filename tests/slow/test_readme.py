"""What README tells a new user to type does what README says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sandbox.clips import SAMPLE
from tests.support.file_server import served
from tests.support.media import probe
from worker.errors import Reason
from worker.telegram import texts
from worker.telegram.texts import ENGLISH

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def send(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The first command of README, in a directory of its own."""
    return subprocess.run(
        [sys.executable, "-m", "tests.sandbox", "--send", *arguments],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.usefixtures("needs_ffmpeg")
def test_first_command_ends_with_the_same_video(tmp_path: Path) -> None:
    done = send(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    (saved,) = (tmp_path / "sandbox-downloads").iterdir()
    assert probe(saved) == probe(SAMPLE)
    assert str(saved.relative_to(tmp_path)) in done.stdout
    shown = [line for line in done.stdout.splitlines() if "Downloading" not in line]
    assert set(map(_without_numbers, shown)) <= set(map(_without_numbers, README.splitlines()))


def _without_numbers(line: str) -> str:
    """A line of a conversation without the site's port, sizes and times."""
    return re.sub(r"(?<=:)\d{4,}|[0-9.]+ (kB|bytes|s$)", "", line)


def test_first_command_says_when_no_media_came(tmp_path: Path) -> None:
    with served(tmp_path) as url:
        done = send(tmp_path, f"{url}/nothing.mp4")
    assert done.returncode == 1, done.stdout + done.stderr
    assert texts.explanation(ENGLISH, Reason.NOT_FOUND) in done.stdout


def test_commands_of_the_readme_are_there() -> None:
    install = "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt"
    test_install = ".venv/bin/pip install -r tests/requirements.txt"
    for command in (
        f"{install} && .venv/bin/python -m tests.sandbox --send",
        f"{test_install} && .venv/bin/python -m pytest -n 6 --dist loadfile",
        "sudo apt install -y ffmpeg python3-venv",
    ):
        assert f"\n{command}\n" in README
