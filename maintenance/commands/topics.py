"""`python -m maintenance help`: the operator's page, a topic at a time, and its examples.

maintenance/README.md is the one source: its troubleshooting section has a topic in each item, and
its blocks of commands have the examples that `--help` shows.
"""

import functools
import re
import shutil
import sys
import textwrap
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from maintenance.commands.options import add_json
from maintenance.exit_codes import EXIT_FAILED, EXIT_OK
from maintenance.output import print_json
from worker.settings import Settings

PAGE = Path(__file__).parents[1] / "README.md"

_SECTION = re.compile(r"^## Troubleshooting\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
# An item begins with its title in bold and goes on in lines that are indented.
_ITEM = re.compile(r"^- \*\*(.+?)\*\*(.*(?:\n {2}.*)*)", re.MULTILINE)
_BLOCK = re.compile(r"^ *```(?:sh|cron)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[([^]]*)\]\([^)]*\)")


@dataclass(frozen=True)
class HelpTopic:
    """One thing that may be wrong, and what to do. `name` is what is typed for it."""

    name: str
    title: str
    text: str


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("topic", nargs="*", help="without one, all are listed")
    add_json(parser)
    parser.set_defaults(needs_data_dir=False)


def run(_settings: Settings, options: Namespace) -> int:
    """Print a topic, or the names of all."""
    known = {topic.name: topic for topic in topics()}
    if not options.topic:
        return _list(known, as_json=options.json)
    wanted = slug(" ".join(options.topic))
    near = [name for name in known if name.startswith(wanted)]
    near = near or [name for name in known if wanted in name]
    names = (
        [wanted] if wanted in known else near or get_close_matches(wanted, known, n=3, cutoff=0.4)
    )
    if len(names) != 1:
        said = f": did you mean {', '.join(names)}?" if names else ""
        print(f"maintenance: there is no topic {wanted}{said}", file=sys.stderr)
        return EXIT_FAILED
    topic = known[names[0]]
    if options.json:
        print_json({"name": topic.name, "title": topic.title, "text": topic.text})
        return EXIT_OK
    width = shutil.get_terminal_size().columns
    for paragraph in topic.text.splitlines():
        print(textwrap.fill(paragraph, width))
    return EXIT_OK


def _list(known: dict[str, HelpTopic], *, as_json: bool) -> int:
    if as_json:
        print_json([{"name": topic.name, "title": topic.title} for topic in known.values()])
        return EXIT_OK
    print("\n".join(known))
    return EXIT_OK


def topics() -> list[HelpTopic]:
    """All topics of the page, in its order."""
    section = _SECTION.search(_page())
    found = []
    for title, rest in _ITEM.findall(section[1] if section else ""):
        words = _plain(title)
        paragraphs = [line.strip() for line in f"{words}{rest}".splitlines()]
        found.append(HelpTopic(slug(words), words, _plain("\n".join(paragraphs))))
    return found


def slug(title: str) -> str:
    """A title as it is typed: small letters and digits, with hyphens between."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def examples(command: str) -> str:
    """The lines of the page that show a command of maintenance; "" if none does."""
    pattern = re.compile(rf".*python -m maintenance {re.escape(command)}(?![\w-]).*")
    lines = [line for block in _BLOCK.findall(_page()) for line in block.splitlines()]
    shown = [line.strip() for line in lines if pattern.fullmatch(line)]
    return "\n  ".join(["examples:", *shown]).replace("%", "%%") if shown else ""


def _plain(text: str) -> str:
    return _LINK.sub(r"\1", text).replace("`", "").replace("**", "")


@functools.cache
def _page() -> str:
    try:
        return PAGE.read_text("utf-8")
    except OSError:
        return ""  # The bot was installed without its documents.
