"""What the judge makes of the resolver's answers."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from worker.downloads.judge.names import MAX_JUDGED, look_up


def resolve_to(monkeypatch: pytest.MonkeyPatch, addresses: list[str]) -> None:
    answers: Any = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 0)) for each in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: answers)


def test_a_name_with_thousands_of_addresses_has_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = [f"9.9.{number >> 8}.{number & 255}" for number in range(4000)]
    resolve_to(monkeypatch, addresses)
    assert list(look_up("many.example").addresses) == addresses[:MAX_JUDGED]


def test_each_address_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_to(monkeypatch, ["9.9.9.1", "9.9.9.1", "9.9.9.2"])
    assert look_up("twice.example").addresses == ("9.9.9.1", "9.9.9.2")
