"""How a log line is written: as text, in logfmt, or as a JSON object.

Besides its sentence a line may name its facts, `log.info(..., extra={"fields": {...}})`, so that
programs need not parse them out of it.
"""

import json
import logging
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

_TEXT = "%(asctime)s %(levelname)s %(processName)s %(name)s: %(message)s"
_SUBJECT = re.compile(r"(job|request|update|batch) ([0-9]{1,18}): ")
_BARE = re.compile(r"[A-Za-z0-9_.:/+@-]+")


class LogFormat(StrEnum):
    """The forms that a log may have."""

    TEXT = "text"
    LOGFMT = "logfmt"
    JSON = "json"


class CleanFormatter(logging.Formatter):
    """Writes a record as text, then lets `clean` remove the secrets from all of it."""

    def __init__(self, clean: Callable[[str], str]) -> None:
        super().__init__(_TEXT)
        self._clean = clean

    def format(self, record: logging.LogRecord) -> str:
        return self._clean(super().format(record))


class FieldsFormatter(CleanFormatter):
    """Writes a record as one line of named values, each of them cleaned.

    They are cleaned before they are quoted, since what is removed from a quoted text may take a
    quotation mark with it.
    """

    def __init__(
        self, clean: Callable[[str], str], write: Callable[[Mapping[str, Any]], str]
    ) -> None:
        super().__init__(clean)
        self._write = write

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        values: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "process": record.processName,
            "logger": record.name,
            "message": message,
        }
        if subject := _SUBJECT.match(message):
            values[subject[1]] = int(subject[2])
        values |= getattr(record, "fields", {})
        if record.exc_info:
            values["traceback"] = self.formatException(record.exc_info)
        return self._write({name: self._cleaned(value) for name, value in values.items()})

    def _cleaned(self, value: Any) -> Any:
        if value is None or isinstance(value, bool | int | float):
            return value
        return self._clean(str(value))


def formatter(form: LogFormat, clean: Callable[[str], str]) -> logging.Formatter:
    """What writes records in this form."""
    match form:
        case LogFormat.TEXT:
            return CleanFormatter(clean)
        case LogFormat.LOGFMT:
            return FieldsFormatter(clean, _logfmt)
        case LogFormat.JSON:
            return FieldsFormatter(clean, json.dumps)


def _logfmt(values: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={_logfmt_value(value)}" for name, value in values.items())


def _logfmt_value(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value)
    return text if _BARE.fullmatch(text) else json.dumps(text)
