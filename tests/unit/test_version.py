"""One version: in the code, in pyproject.toml, in the changelog, on the command line."""

import re
import tomllib
from pathlib import Path

import pytest

import bot
from worker import __version__

ROOT = Path(__file__).parents[2]


def test_pyproject_has_the_version_of_the_code() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == __version__


def test_newest_entry_of_the_changelog_is_this_version() -> None:
    text = (ROOT / ".github" / "CHANGELOG.md").read_text("utf-8")
    entries = re.findall(r"^## \[([0-9.]+)\] - [0-9]{4}-[0-9]{2}-[0-9]{2}$", text, re.MULTILINE)
    assert entries[0] == __version__


def test_bot_says_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert bot.main(["--version"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"fetchbot {__version__}"
    assert re.fullmatch(r"In use: yt-dlp \d{4}\.\S+, installed by pip\.", second)
