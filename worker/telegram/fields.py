"""Typed access to untrusted JSON: the value if it has the right type, otherwise an empty one.

Each function takes any object for a parent, so that a missing level needs no check of its own.
"""

from collections.abc import Mapping, Sequence
from typing import Any

_INT64 = range(-(2**63), 2**63)
_NOTHING: Mapping[str, Any] = {}


def mapping(parent: object, key: str) -> Mapping[str, Any]:
    """The object under `key`, or an empty one."""
    value = parent.get(key) if isinstance(parent, Mapping) else None
    return value if isinstance(value, Mapping) else _NOTHING


def items(parent: object, key: str) -> Sequence[Any]:
    """The array under `key`, or an empty one."""
    value = parent.get(key) if isinstance(parent, Mapping) else None
    return value if isinstance(value, list) else ()


def text(parent: object, key: str) -> str:
    """The string under `key`, or an empty one."""
    value = parent.get(key) if isinstance(parent, Mapping) else None
    return value if isinstance(value, str) else ""


def integer(parent: object, key: str) -> int | None:
    """The whole number under `key` if it fits into 64 bits, as each of Telegram's does."""
    value = parent.get(key) if isinstance(parent, Mapping) else None
    if isinstance(value, int) and not isinstance(value, bool) and value in _INT64:
        return value
    return None


def is_true(parent: object, key: str) -> bool:
    """Whether the value under `key` is `true`."""
    return isinstance(parent, Mapping) and parent.get(key) is True


def is_shallow(value: object, levels: int) -> bool:
    """Whether arrays and objects are nested at most `levels` deep."""
    level = [value]
    for _ in range(levels):
        inner: list[object] = []
        for each in level:
            if isinstance(each, Mapping):
                inner += each.values()
            elif isinstance(each, list):
                inner += each
        if not inner:
            return True
        level = inner
    return not any(isinstance(each, Mapping | list) for each in level)
