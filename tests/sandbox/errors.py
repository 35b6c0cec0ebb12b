"""The one exception that a method of the stand-in answers with."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """An answer `{"ok": false}` with its HTTP status, description and optional parameters."""

    def __init__(self, code: int, description: str, retry_after: int | None = None) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.retry_after = retry_after

    def body(self) -> dict[str, Any]:
        """The JSON object as the Bot API writes it."""
        answer: dict[str, Any] = {
            "ok": False,
            "error_code": self.code,
            "description": self.description,
        }
        if self.retry_after is not None:
            answer["parameters"] = {"retry_after": self.retry_after}
        return answer


def bad_request(reason: str) -> ApiError:
    """A 400 whose description starts as all of them do."""
    return ApiError(400, f"Bad Request: {reason}")
