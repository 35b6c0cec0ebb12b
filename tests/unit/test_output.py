"""How findings and tables fit a terminal, and stay whole elsewhere."""

import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from maintenance import check
from maintenance.findings import ok
from maintenance.output import hang, replace_file, table, to_json

LEAD = "critical workers downloads  "
CAUSE = "0 of 2, 0 busy, cannot start: ModuleNotFoundError: No module named 'yt_dlp.extractor'"
MakeScreen = Callable[[int | None], None]


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> MakeScreen:
    """Makes stdout a terminal of so many columns, or with None a pipe."""

    def make(columns: int | None) -> None:
        monkeypatch.setattr(sys, "stdout", Screen() if columns else io.StringIO())
        monkeypatch.setenv("COLUMNS", str(columns or 80))

    return make


def test_nothing_is_cut_or_broken_in_a_pipe(screen: MakeScreen) -> None:
    screen(None)
    assert hang(LEAD, CAUSE) == LEAD + CAUSE
    assert table(("ID", "WHY"), [(7, CAUSE)]) == f"ID  WHY\n 7  {CAUSE}"


@pytest.mark.parametrize("columns", [1, 60, 80, 100, 400])
def test_a_terminal_gets_lines_that_fit_it_and_all_words(screen: MakeScreen, columns: int) -> None:
    screen(columns)
    for shown in (hang(LEAD, CAUSE), table(("ID", "WHY"), [(7, CAUSE)]).partition("\n")[2]):
        assert shown.split()[-12:] == CAUSE.split()[-12:]
        first, *others = shown.splitlines()
        indent = min((len(line) - len(line.lstrip()) for line in others), default=len(LEAD))
        assert indent in (len(LEAD), len(" 7  ")), "what follows stands below the beginning"
        assert max(map(len, [first, *others])) <= max(columns, len(LEAD) + 20)


def test_a_word_without_room_stays_whole(screen: MakeScreen) -> None:
    screen(50)
    path = "/" + "directory/" * 10 + "cookies.txt"
    assert path in hang(LEAD, f"{path} cannot be read")


def test_a_check_is_shown_in_every_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, "ascii", write_through=True))
    check.print_findings([ok("DATA_DIR", "/srv/Кино\udcff")])
    assert (
        shown.getvalue() == rb"ok       DATA_DIR       /srv/\u041a\u0438\u043d\u043e\udcff" + b"\n"
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('no "https://a.example/v?sig=1": late', 'no "https://a.example/v?…": late'),
        ('no "https://a.example/v#1"', 'no "https://a.example/v?…"'),
        ("refused: /v/clip?sig=1", "refused: /v/clip?…"),
        ("see https://a.example/v?a=1\nThe cause", "see https://a.example/v?…\nThe cause"),
        ("https://ada:secret@a.example/\\", "https://[redacted]@a.example/\\"),
    ],
)
def test_json_stays_json_whatever_is_redacted(text: str, shown: str) -> None:
    value = {text: [text, (text, 1)], "why": {"detail": text, "run": None, "left": True}}
    assert json.loads(to_json(value)) == {
        shown: [shown, [shown, 1]],
        "why": {"detail": shown, "run": None, "left": True},
    }


def test_file_in_place_of_which_another_comes_is_an_ordinary_one(tmp_path: Path) -> None:
    file, fifo, link = (tmp_path / name for name in ("file", "fifo", "link"))
    replace_file(file, "old")
    replace_file(file, "new")
    os.mkfifo(fifo)
    link.symlink_to(fifo)  # as /dev/stdout is one
    for other in (fifo, link, tmp_path):
        with pytest.raises(FileExistsError, match="is not an ordinary file, so it is left alone"):
            replace_file(other, "new")
    assert file.read_text() == "new"
    assert fifo.is_fifo()
    assert link.is_symlink()
    assert len(os.listdir(tmp_path)) == 3
