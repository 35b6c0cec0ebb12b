"""The error for settings that are wrong."""

from worker.logs import redact

_LONGEST_QUOTE = 60


class SettingsError(Exception):
    """Invalid settings: `problems` has one line for each, and none shows a secret."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "; ".join(self.problems)


def quoted(text: str) -> str:
    """Quote `text` for a message: on one line, at most 60 characters, without secrets."""
    shown = redact(text)
    return repr(shown if len(shown) <= _LONGEST_QUOTE else shown[: _LONGEST_QUOTE - 1] + "…")
