"""No secret and no terminal command passes into a log."""

import logging
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.logs import REDACTED, redact, redacting_formatter

SECRET = "AAFakeFakeFakeFakeFakeFakeFakeFake0"
TOKEN = f"123456789:{SECRET}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("all is well", "all is well"),
        (f"token {TOKEN}.", f"token {REDACTED}."),
        (
            f"GET https://api.telegram.org/bot{TOKEN}/getMe failed",
            f"GET https://api.telegram.org/bot{REDACTED}/getMe failed",
        ),
        (f"/bot123456789%3a{SECRET}/getMe", f"/bot{REDACTED}/getMe"),
        ("see https://host/watch?v=secret, then", "see https://host/watch?…, then"),
        ("(HTTPS://host/watch?v=(secret))", "(HTTPS://host/watch?…))"),
        ("'https://host/a?b=it's-here'", "'https://host/a?…'"),
        ("https://host/a#access=secret", "https://host/a?…"),
        ("https://host/a/b.mp4 is fine", "https://host/a/b.mp4 is fine"),
        (
            "proxy http://me:word@host:8080 refuses",
            f"proxy http://{REDACTED}@host:8080 refuses",
        ),
        (
            f"Max retries exceeded with url: /bot{TOKEN}/sendMessage?chat_id=1&text=hi (Caused",
            f"Max retries exceeded with url: /bot{REDACTED}/sendMessage?… (Caused",
        ),
        ('"GET /getMe?a=b HTTP/1.1" 200', '"GET /getMe?… HTTP/1.1" 200'),
        ("is 12:30 before 13:00?", "is 12:30 before 13:00?"),
        ("/bin/sh ended", "/bin/sh ended"),
    ],
)
def test_redact(text: str, expected: str) -> None:
    assert redact(text) == expected
    assert redact(expected) == expected


def test_named_secrets_are_redacted_longest_first() -> None:
    assert redact("a password-2 and a password", ["password", "password-2", ""]) == (
        f"a {REDACTED} and a {REDACTED}"
    )


@given(st.text(), st.text())
def test_token_is_redacted_wherever_it_stands(before: str, after: str) -> None:
    assert SECRET not in redact(f"{before} {TOKEN}{after}")


@pytest.mark.parametrize(
    "text", ["a" * 300_000, "0" * 300_000, "http://" * 40_000, "'/" * 150_000, "?" * 300_000]
)
def test_long_text_takes_linear_time(text: str) -> None:
    start = time.process_time()
    redact(text)
    assert time.process_time() - start < 2


def test_terminal_commands_in_a_message_are_made_visible() -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "title %s", ("\x1b[2J\r\x9b",), None)
    assert redacting_formatter(()).format(record).endswith(r"title \x1b[2J\x0d\x9b")
