"""Pictures that show what the bot can do.

What is said about such a topic is the caption of its picture. `tests/bot/test_chat_page_looks.py`
takes them.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from worker.protocol.notices import About, Notice, Topic

PICTURES: Mapping[About, Path] = {Topic.HELP_PICTURE: Path(__file__).with_name("help.png")}


def of(notices: Iterable[Notice]) -> Path | None:
    """The picture that goes with what is said; None when words are enough."""
    return next((PICTURES[said.about] for said in notices if said.about in PICTURES), None)
