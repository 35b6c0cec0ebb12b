"""The environment variables behind the settings, derived from the fields of `Settings`."""

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from worker.settings.settings import Settings
from worker.settings.value_kinds import ValueKind


@dataclass(frozen=True)
class Variable:
    """One environment variable, for messages, the README's table and `.env.example`."""

    field: str
    name: str
    kind: ValueKind
    purpose: str
    default: Any

    def is_default(self, value: Any) -> bool:
        default = self.default
        return bool(value == (default.absolute() if isinstance(default, Path) else default))


def _variables() -> tuple[Variable, ...]:
    hints = get_type_hints(Settings, include_extras=True)
    found = []
    for declared in dataclasses.fields(Settings):
        metadata = getattr(hints[declared.name], "__metadata__", None)
        if metadata is None:
            continue
        kind, purpose = metadata
        default = None if declared.default is dataclasses.MISSING else declared.default
        name = re.sub(r"_mib$", "_mb", declared.name.removesuffix("_s")).upper()
        found.append(Variable(declared.name, name, kind, purpose, default))
    return tuple(found)


VARIABLES = _variables()
"""Every setting, in the order of declaration."""
