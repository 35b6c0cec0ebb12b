"""`python -m maintenance completion`: completion of these commands by a shell."""

import argparse
import shlex
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from maintenance.exit_codes import EXIT_OK
from worker.settings import Settings

COMMAND = "fetchbot-maintenance"
"""What the scripts call the command, since shells complete by the first word of a line."""


@dataclass(frozen=True)
class Word:
    """A word that may come next in a command, and what it does."""

    text: str
    purpose: str


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("shell", choices=tuple(_SCRIPTS), help="which one")
    parser.set_defaults(needs_data_dir=False)


def run(_settings: Settings, options: Namespace) -> int:
    """Print the script."""
    print(script(options.shell, options.commands), end="")
    return EXIT_OK


def script(shell: str, parser: ArgumentParser) -> str:
    """A script that makes `shell` complete what `parser` takes."""
    return _SCRIPTS[shell](dict(_places(parser)))


def _places(parser: ArgumentParser, path: str = "") -> Iterator[tuple[str, list[Word]]]:
    """The words after each command and its own commands, by the words before them."""
    words = []
    # argparse has no public way to list its options, so this reads what help texts are made of.
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            purposes = {each.dest: each.help or "" for each in action._choices_actions}
            for name, command in action.choices.items():
                words.append(Word(name, purposes.get(name, "")))
                yield from _places(command, f"{path} {name}".strip())
        elif action.option_strings:
            words.append(Word(action.option_strings[-1], action.help or ""))
        else:
            words += [Word(str(choice), "") for choice in action.choices or ()]
    yield path, words


def _bash(places: Mapping[str, list[Word]]) -> str:
    cases = "".join(
        f"        {shlex.quote(path)}) words={shlex.quote(' '.join(w.text for w in words))} ;;\n"
        for path, words in places.items()
    )
    return f"""\
# bash completion of {COMMAND}. Make a command of that name, and read this file:
#   alias {COMMAND}='.venv/bin/python -m maintenance'
_fetchbot_maintenance() {{
    local path="" words="" word
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        [[ $word == -* ]] || path="${{path:+$path }}$word"
    done
    case "$path" in
{cases}    esac
    COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _fetchbot_maintenance {COMMAND}
"""


def _zsh(places: Mapping[str, list[Word]]) -> str:
    cases = "".join(
        f"        {shlex.quote(path)}) possible=({' '.join(map(_described, words))}) ;;\n"
        for path, words in places.items()
    )
    return f"""\
#compdef {COMMAND}
# zsh completion of {COMMAND}. Make a command of that name, and put this file as
# _{COMMAND} into a directory of fpath:
#   alias {COMMAND}='.venv/bin/python -m maintenance'
_fetchbot_maintenance() {{
    local -a before possible
    before=(${{${{words[2,CURRENT-1]}}:#-*}})
    case "${{(j: :)before}}" in
{cases}    esac
    _describe command possible || _files
}}
_fetchbot_maintenance "$@"
"""


def _described(word: Word) -> str:
    text = word.text.replace(":", r"\:")
    return shlex.quote(f"{text}:{word.purpose}" if word.purpose else text)


def _fish(places: Mapping[str, list[Word]]) -> str:
    lines = [
        f"# fish completion of {COMMAND}. Make a command of that name, and save this file as",
        f"# ~/.config/fish/completions/{COMMAND}.fish:",
        f"#   alias {COMMAND}='.venv/bin/python -m maintenance'",
    ]
    for path, words in places.items():
        before = path.split()
        conditions = [f"__fish_seen_subcommand_from {name}" for name in before]
        if not before:
            conditions = ["__fish_use_subcommand"]
        condition = f"-n {shlex.quote('; and '.join(conditions))}"
        for word in words:
            is_option = word.text.startswith("--")
            given = f"-l {word.text[2:]}" if is_option else f"-f -a {shlex.quote(word.text)}"
            purpose = f" -d {shlex.quote(word.purpose)}" if word.purpose else ""
            lines.append(f"complete -c {COMMAND} {condition} {given}{purpose}")
    return "\n".join(lines) + "\n"


_SCRIPTS = {"bash": _bash, "zsh": _zsh, "fish": _fish}
