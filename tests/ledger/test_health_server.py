"""HEALTH_LISTEN: what each request is answered."""

import dataclasses
import json
from pathlib import Path

import pytest

from maintenance import health, measures
from maintenance.findings import critical
from maintenance.reporting.condition import Condition
from maintenance.reporting.health_server import HealthServer
from tests.support.ledger_kit import make_empty_ledger
from tests.support.metrics_rules import broken_rules
from worker import clocks
from worker.ledger import ledger_path
from worker.ledger.upkeep.upkeep import Upkeep
from worker.settings import Settings

NOWHERE = ("127.0.0.1", 0)


@pytest.fixture
def condition(tmp_path: Path) -> Condition:
    """That of a bot that is well."""
    make_empty_ledger(ledger_path(tmp_path))
    with Upkeep(ledger_path(tmp_path)) as ledger:
        taken = measures.take(Settings(bot_token="", data_dir=tmp_path), ledger, 0)
    made = Condition(lambda _: None)
    made.note(dataclasses.replace(taken, polled_at=taken.taken_at), [], clocks.monotonic())
    return made


def ask(condition: Condition, line: str) -> tuple[str, str]:
    """The status line and the body of the answer to a request."""
    answer = HealthServer(NOWHERE, condition).respond(
        f"{line}\r\nHost: x\r\n\r\n".encode("latin-1")
    )
    head, _, body = answer.decode().partition("\r\n\r\n")
    assert f"Content-Length: {len(body.encode())}" in head or line.startswith("HEAD")
    return head.split("\r\n")[0].removeprefix("HTTP/1.1 "), body


def test_a_bot_that_is_well(condition: Condition) -> None:
    assert ask(condition, "GET /healthz HTTP/1.1") == ("200 OK", "ok\n")
    assert ask(condition, "GET /healthz?now HTTP/1.0") == ("200 OK", "ok\n")
    assert ask(condition, "HEAD /healthz HTTP/1.1") == ("200 OK", "")
    status, body = ask(condition, "GET /healthz.json HTTP/1.1")
    assert status == "200 OK"
    assert json.loads(body) == {"is_well": True, "critical": [], "warnings": []}


def test_a_bot_that_is_not(condition: Condition) -> None:
    taken, _ = condition.last or pytest.fail("nothing was noted")
    for _ in range(2):
        condition.note(taken, [critical("disk", "3 % free")], clocks.monotonic())
    status, body = ask(condition, "GET /healthz HTTP/1.1")
    assert (status, body) == ("503 Service Unavailable", "critical: disk: 3 % free\n")
    status, body = ask(condition, "GET /healthz.json HTTP/1.1")
    assert status == "503 Service Unavailable"
    assert json.loads(body)["critical"] == ["disk: 3 % free"]


def test_before_the_first_sample() -> None:
    nothing = Condition(lambda _: None)
    for path in ("/healthz", "/healthz.json", "/metrics"):
        assert ask(nothing, f"GET {path} HTTP/1.1")[0] == "503 Service Unavailable"


def test_the_metrics_keep_the_rules_of_prometheus(condition: Condition) -> None:
    taken, _ = condition.last or pytest.fail("nothing was noted")
    condition.note(taken, health.assess(taken), clocks.monotonic())
    status, body = ask(condition, "GET /metrics HTTP/1.1")
    assert status == "200 OK"
    assert "fetchbot_up 0" in body
    assert broken_rules(body) == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a_total 1\n", "a_total stands without help and type above it"),
        ("# HELP a b\n# TYPE a counter\na 1\n", "a is a counter: only counters end with _total"),
        ("# HELP a_ms b\n# TYPE a_ms gauge\na_ms 1\n", "a_ms is not in a base unit"),
        ("# HELP a b\n# TYPE a gauge\na 1\na 2\n", "a has the same labels twice"),
        ('# HELP a b\n# TYPE a gauge\na{x="\\"} 1\n', "a has labels that cannot be read"),
        ("# HELP a_count b\n# TYPE a_count gauge\na_count 1\n", "ends as the parts of a histogram"),
        ("# HELP a b\n# TYPE a gauge\na 1", "does not end with a line feed"),
    ],
)
@pytest.mark.negative
def test_broken_rules_are_seen(text: str, sentence: str) -> None:
    assert sentence in "\n".join(broken_rules(text))


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("GET / HTTP/1.1", "404 Not Found"),
        ("GET /../.env HTTP/1.1", "404 Not Found"),
        ("POST /healthz HTTP/1.1", "405 Method Not Allowed"),
        ("DELETE /metrics HTTP/1.1", "405 Method Not Allowed"),
        ("GET /healthz", "400 Bad Request"),
        ("GET /healthz HTTP/2", "400 Bad Request"),
        ("", "400 Bad Request"),
        ("\x16\x03\x01", "400 Bad Request"),
        ("GET  /healthz HTTP/1.1", "400 Bad Request"),
    ],
)
def test_other_requests_get_an_error(condition: Condition, line: str, status: str) -> None:
    assert ask(condition, line)[0] == status
