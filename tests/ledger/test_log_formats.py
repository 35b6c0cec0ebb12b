"""Logs for programs: one line for each record, its ids apart, no secret in any of them."""

import json
import logging
import re
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.stepped_dispatcher import SteppedDispatcher
from worker.log_formats import LogFormat
from worker.logs import REDACTED, redacting_formatter

SECRET = "AAFakeFakeFakeFakeFakeFakeFakeFake0"
TOKEN = f"123456789:{SECRET}"
PASSWORD = 'pass"word\\é'
PAIR = re.compile(r'([a-z_]+)=("(?:[^"\\]|\\.)*"|[^ "]*)(?: |$)')


def record(message: str, *arguments: object, **extra: Any) -> logging.LogRecord:
    made = logging.LogRecord("worker.x", logging.INFO, "x.py", 1, message, arguments, None)
    made.processName = "downloads-1"
    vars(made).update(extra)
    return made


def written(form: LogFormat, made: logging.LogRecord) -> str:
    return redacting_formatter([TOKEN, PASSWORD], form).format(made)


def read(form: LogFormat, line: str) -> dict[str, Any]:
    """What a program finds in a line; of logfmt all values as texts."""
    if form is LogFormat.JSON:
        return dict(json.loads(line))
    assert "".join(found[0] for found in PAIR.finditer(line)) == line, line
    return {
        name: json.loads(value) if value.startswith('"') else value
        for name, value in PAIR.findall(line)
    }


PROGRAMS = [LogFormat.LOGFMT, LogFormat.JSON]


@pytest.mark.parametrize("form", PROGRAMS)
def test_a_record_is_a_line_of_named_values(form: LogFormat) -> None:
    fields = {"user": 7, "site": "a b.example", "remembered": False, "error": None}
    made = record("job %d: 100 %% of %s", 42, "it", fields=fields)
    made.created = 1_800_000_000.25
    line = written(form, made)
    if form is LogFormat.LOGFMT:
        assert line == (
            "time=2027-01-15T08:00:00.250+00:00 level=info process=downloads-1 logger=worker.x"
            ' message="job 42: 100 % of it" job=42 user=7 site="a b.example" remembered=false'
            " error="
        )
    found = read(form, line)
    if form is LogFormat.JSON:
        assert {name: found[name] for name in ("job", *fields)} == {"job": 42, **fields}
    assert found["message"] == "job 42: 100 % of it"


def test_text_stays_as_it_was() -> None:
    line = written(LogFormat.TEXT, record("job 1: done", fields={"user": 7}))
    assert line.endswith(" INFO downloads-1 worker.x: job 1: done")


HOSTILE = [
    "line\nrequest 9: forged\r\x1b[31m\u2028end",
    'say "https://host.example/?q=secret" twice',
    "https://host.example/?q=secret\\",
    'a=b level=critical "',
    f"{TOKEN} and {PASSWORD} and /bot{TOKEN}/x?text=secret",
]


@pytest.mark.parametrize("form", PROGRAMS)
@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_breaks_a_line_or_brings_a_secret(form: LogFormat, text: str) -> None:
    try:
        raise ValueError(text)
    except ValueError:
        error = sys.exc_info()
    made = record("failed: %s", text, fields={"url": text}, exc_info=error)
    line = written(form, made)
    assert len(line.splitlines()) == 1
    found = read(form, line)
    assert found["level"] == "info"
    assert "ValueError" in found["traceback"]
    for value in (line, *map(str, found.values())):
        assert "q=secret" not in value
        assert SECRET not in value
        assert PASSWORD not in value
    if TOKEN in text:
        assert REDACTED in found["url"]


@pytest.mark.parametrize("form", PROGRAMS)
@given(text=st.text(max_size=60))
def test_any_text_can_be_read_again(form: LogFormat, text: str) -> None:
    line = written(form, record("%s", text))
    assert len(line.splitlines()) == 1
    assert "message" in read(form, line)


@pytest.mark.negative
def test_a_quoted_text_that_is_cleaned_would_not_be_read() -> None:
    made = record('say "https://host.example/?q=secret" twice')
    clean = redacting_formatter([], LogFormat.TEXT)
    quoted = record(json.dumps({"message": made.getMessage()}))
    line = clean.format(quoted).partition("worker.x: ")[2]
    with pytest.raises(ValueError, match="delimiter"):
        json.loads(line)


def test_an_answer_has_its_figures_as_fields(
    bot: SteppedDispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "worker")
    bot.send("https://site.example/v")
    bot.post()
    bot.step(2.0)
    bot.finish_download()
    bot.deliver()
    (made,) = [each for each in caplog.records if " answered " in each.getMessage()]
    found = read(LogFormat.JSON, written(LogFormat.JSON, made))
    names = ("request", "user", "chat", "site", "form", "outcome", "bytes", "downloaded_s")
    assert [found[name] for name in names] == [
        *(1, 7, 7, "site.example", "all", "media", 5, 2.0),
    ]
    assert (found["remembered"], found["attempts"], found["reason"]) == (False, 1, None)
