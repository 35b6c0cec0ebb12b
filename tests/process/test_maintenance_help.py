"""`python -m maintenance help`, `--help`, and what shells complete."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from maintenance.__main__ import COMMANDS
from maintenance.commands import topics
from tests.support.operator_kit import ROOT, maintenance

NAMES = [name for name, *_ in COMMANDS]


def test_each_item_of_troubleshooting_is_a_topic(tmp_path: Path) -> None:
    section = re.split(r"^## ", topics.PAGE.read_text("utf-8"), flags=re.MULTILINE)
    (items,) = [text for text in section if text.startswith("Troubleshooting\n")]
    named = maintenance(tmp_path, "help").text.splitlines()
    assert len(named) == len(set(named)) == items.count("\n- **") > 15
    for topic in topics.topics():
        assert topic.text.startswith(topic.title)
        assert len(topic.text) > len(topic.title) + 40
        assert not re.search(r"[`*]|\]\(", topic.text), "it is for a terminal"


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["zombies"], "zombies"),
        (["refused"], "cookies-are-refused"),
        (["no", "answers"], "no-answers"),
        (["network"], "network-is-none"),  # Another has the word further on.
    ],
)
def test_a_topic_is_found_by_its_name_or_a_part(
    tmp_path: Path, words: list[str], name: str
) -> None:
    answer = maintenance(tmp_path, "help", *words, "--json")
    assert (answer.code, answer.json["name"]) == (0, name)
    assert answer.json["title"] in maintenance(tmp_path, "help", *words).text


def test_each_help_that_the_documents_name_is_there(tmp_path: Path) -> None:
    pages = [*ROOT.glob("*.md"), *ROOT.glob("[a-z]*/*.md"), *ROOT.glob(".github/*.md")]
    text = "\n".join(page.read_text("utf-8") for page in pages)
    words = set(re.findall(r"`(?:python -m )?(?:maintenance )?help ([a-z][a-z -]*)`", text))
    assert {"zombies", "network"} <= words
    for word in words:
        assert maintenance(tmp_path, "help", *word.split()).code == 0, word


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("crashing", "did you mean crashing-workers, crashing-bot?"),
        ("zombeis", "did you mean zombies"),
        ("q", ""),
    ],
)
def test_an_unclear_topic_is_an_error(tmp_path: Path, word: str, said: str) -> None:
    answer = maintenance(tmp_path, "help", word)
    assert (answer.code, answer.text) == (2, "")
    assert f"there is no topic {word}" in answer.errors
    assert said in answer.errors


def test_help_without_the_page_says_that_there_is_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(topics, "PAGE", tmp_path / "none")
    topics._page.cache_clear()
    assert (topics.topics(), topics.examples("health")) == ([], "")
    topics._page.cache_clear()


def test_help_of_a_command_shows_examples(tmp_path: Path) -> None:
    text = maintenance(tmp_path, "orphans", "--help").text
    assert "examples:\n  .venv/bin/python -m maintenance orphans " in text
    assert "Download directories that no job uses." in text


# --------------------------------------------------------------------------------- completion

ASK = {
    "bash": (
        'source "$0"; COMP_WORDS=(fetchbot-maintenance {words}); COMP_CWORD={number};'
        ' _fetchbot_maintenance; printf "%s\\n" "${{COMPREPLY[@]}}"'
    ),
    "zsh": (
        "words=(fetchbot-maintenance {words}); CURRENT={number}; ((CURRENT++));"
        ' _describe() {{ print -rl -- ${{possible%%:*}} }}; source "$0"'
    ),
    "fish": 'source $argv[1]; complete -C "fetchbot-maintenance {typed}"',
}


@pytest.fixture(params=ASK)
def shell(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if not shutil.which(name):
        pytest.skip(f"{name} is not installed")
    return name


def completed(shell: str, script: Path, *typed: str) -> set[str]:
    """What a shell offers for the last of these words."""
    asked = ASK[shell].format(
        words=" ".join(f"'{word}'" for word in typed), number=len(typed), typed=" ".join(typed)
    )
    done = subprocess.run(
        [shell, "-c", asked, str(script)], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    offered = {line.split("\t")[0] for line in done.stdout.splitlines()}
    return {word for word in offered if word.startswith(typed[-1])}


def test_shells_complete_commands_and_options(tmp_path: Path, shell: str) -> None:
    script = tmp_path / "script"
    script.write_text(maintenance(tmp_path, "completion", shell).text)
    assert completed(shell, script, "") >= set(NAMES)
    assert completed(shell, script, "heal") == {"health"}
    assert completed(shell, script, "health", "--det") == {"--detailed"}
    assert completed(shell, script, "failed", "re") == {"retry"}
    assert completed(shell, script, "unit", "sy") == {"systemd"}
    assert "--kill" in completed(shell, script, "zombies", "--")
