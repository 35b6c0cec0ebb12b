"""The file `.env`: how it is read, what wins over it, and what of it is refused."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.settings_kit import SECRET, TOKEN, load, problems
from worker.settings import dotenv


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=1", "1"),
        ("export A=1", "1"),
        ("A=1\r\n", "1"),
        ("  A = 1  ", "1"),
        ("A=", ""),
        ("A=a=b==", "a=b=="),
        ("A=a#b", "a#b"),
        ("A=a # b", "a"),
        ("A=# b", ""),
        ("A='a # b'", "a # b"),
        ("A='a\\' # b", "a\\"),
        ('A="a \\" \\\\ b" # c', 'a " \\ b'),
        ("A=$HOME `id` ${X}", "$HOME `id` ${X}"),
        ("A='it''s", None),
        ("A='open", None),
        ('A="open\\"', None),
        ('A="a" b', None),
        ("just words", None),
        ("9A=1", None),
        ("=1", None),
    ],
)
def test_dotenv_line(text: str, value: str | None) -> None:
    lines, malformed = dotenv.parse(f"# first\n\n{text}")
    if value is None:
        assert (lines, malformed) == ([], [3])
    else:
        assert malformed == []
        assert [(line.name, line.value) for line in lines] == [("A", value)]


def test_dotenv_may_begin_with_a_byte_order_mark() -> None:
    lines, malformed = dotenv.parse("\ufeffA=1\r\n")
    assert ([line.name for line in lines], malformed) == (["A"], [])


@given(st.text())
def test_dotenv_parser_takes_any_text(text: str) -> None:
    lines, malformed = dotenv.parse(text)
    numbers = [line.number for line in lines] + malformed
    assert len(set(numbers)) == len(numbers)


def test_environment_wins_over_dotenv(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("DOWNLOAD_WORKERS=5\nTELEGRAM_WORKERS=6\nTELEGRAM_WORKERS=7\n")
    settings = load({"DOWNLOAD_WORKERS": "3"}, file)
    assert (settings.download_workers, settings.telegram_workers) == (3, 7)


def test_missing_dotenv_is_no_mistake(tmp_path: Path) -> None:
    assert load({}, tmp_path / ".env").warnings == ()


def test_malformed_dotenv_line_is_named_by_number_only(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"BOT_TOKEN={TOKEN}\n{SECRET} oops\n")
    (line,) = problems({}, tmp_path / ".env")
    assert "line 2" in line
    assert "oops" not in line


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda p: p.write_bytes(b"A=\xff")])
def test_unreadable_dotenv_is_an_error(make: Any, tmp_path: Path) -> None:
    make(tmp_path / ".env")
    (line,) = problems({"BOT_TOKEN": TOKEN}, tmp_path / ".env")
    assert line.startswith(str(tmp_path / ".env"))


def test_wrong_value_in_dotenv_is_named_by_line(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("\nADMINS=me\n")
    (line,) = problems({"BOT_TOKEN": TOKEN}, tmp_path / ".env")
    assert ".env line 2" in line


def test_misspelt_name_in_dotenv_is_a_warning(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("DOWNLOAD_WORKER=1\ndownload_timeout=5\nUNRELATED=1\n")
    file.chmod(0o600)
    first, second = load({}, file).warnings
    assert "DOWNLOAD_WORKERS" in first
    assert "DOWNLOAD_TIMEOUT" in second


def test_dotenv_with_a_token_that_everyone_may_read_is_a_warning(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(f"BOT_TOKEN={TOKEN}\n")
    file.chmod(0o644)
    (warning,) = load({}, file).warnings
    assert "chmod 600" in warning
    file.chmod(0o600)
    assert load({}, file).warnings == ()
