"""Which of many addresses the judge connects to, and in which order."""

from __future__ import annotations

import pytest

from worker.downloads.judge.dialing import MAX_ADDRESSES, to_be_tried

MANY_6 = [f"2a00::{number:x}" for number in range(1, 100)]
MANY_4 = [f"9.9.9.{number}" for number in range(1, 100)]


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        (["9.9.9.1"], ["9.9.9.1"]),
        (MANY_4, MANY_4[:MAX_ADDRESSES]),
        (["9.9.9.1", "2a00::1", "9.9.9.2"], ["9.9.9.1", "2a00::1", "9.9.9.2"]),
        (["2a00::1", "2a00::2", "9.9.9.1"], ["2a00::1", "9.9.9.1", "2a00::2"]),
        ([*MANY_6, "9.9.9.1"], ["2a00::1", "9.9.9.1", *MANY_6[1 : MAX_ADDRESSES - 1]]),
        ([*MANY_4, "2a00::1"], ["9.9.9.1", "2a00::1", *MANY_4[1 : MAX_ADDRESSES - 1]]),
    ],
)
def test_a_family_that_leads_nowhere_hides_no_other(
    addresses: list[str], expected: list[str]
) -> None:
    assert to_be_tried(addresses) == expected
