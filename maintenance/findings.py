"""What a check says: one thing looked at, how it is, and a sentence for the operator."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from worker.logs import redact


class State(StrEnum):
    """How a thing is; the value is what people see."""

    OK = "ok"
    WARNING = "warning"  # the bot runs, with less
    FAILED = "failed"  # the bot cannot do its work


@dataclass(frozen=True)
class Check:
    """One thing looked at, and a sentence that says what to do when it is not well."""

    name: str
    state: State
    sentence: str


def ok(name: str, sentence: str) -> Check:
    """`name` is as it should be."""
    return Check(name, State.OK, sentence)


def warning(name: str, sentence: str) -> Check:
    """The bot runs with `name` as it is, with less."""
    return Check(name, State.WARNING, sentence)


def failed(name: str, sentence: str) -> Check:
    """The bot cannot do its work with `name` as it is."""
    return Check(name, State.FAILED, sentence)


def print_checks(checks: Iterable[Check], secrets: Sequence[str] = ()) -> None:
    """Prints a line for each check, without `secrets` and whatever else a log may not show."""
    for check in checks:
        sentence = redact(check.sentence, secrets).replace("\n", " ")
        print(f"{check.state:<8} {check.name:<14} {sentence}")
