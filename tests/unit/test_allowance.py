"""How long a download may take, by its size."""

import pytest

from tests.support.download_limits import limits_with
from worker.clocks import Monotonic
from worker.downloads.allowance import Allowance
from worker.settings import SLOWEST_DOWNLOAD_BPS, Settings

MB = 1_000_000

LIMITS = limits_with(
    max_file_bytes=50 * MB, max_parts=4, timeout_s=60, job_timeout_s=1002, slowest_bps=MB // 2
)


@pytest.mark.parametrize(
    ("done", "total", "seconds"),
    [
        (0, None, 60),  # nothing has come, so nothing is explained
        (0, 46 * MB, 60),
        (1, 46 * MB, 152),
        (1, 152 * MB, 364),
        (1, None, 60),
        (30 * MB, None, 120),  # what has come counts as well
        (30 * MB, 10 * MB, 120),
        (1, 200 * MB, 460),
        (1, 10**15, 460),  # more is not fetched
    ],
)
def test_what_the_size_needs(done: int, total: int | None, seconds: float) -> None:
    allowance = Allowance(LIMITS, Monotonic(1000))
    allowance.note_bytes(done, total, Monotonic(1000))
    assert allowance.ends_at == pytest.approx(1000 + seconds, abs=0.01)
    assert allowance.granted_s == pytest.approx(seconds, abs=0.01)


def test_what_is_recorded_has_its_own_time() -> None:
    allowance = Allowance(LIMITS, Monotonic(1000), record_s=7200)
    assert allowance.ends_at == Monotonic(1060), "like any download until the first piece"
    allowance.begin_recording(Monotonic(1040))
    assert allowance.ends_at == Monotonic(1040 + 7200 + 60)
    allowance.begin_finishing(0, Monotonic(8300))
    assert allowance.ends_at == Monotonic(8360)
    allowance.begin_finishing(0, Monotonic(9990))
    assert allowance.ends_at == Monotonic(1000 + 1002 - 2 + 7200), "and so has the whole job"


def test_the_time_begins_with_the_first_byte() -> None:
    allowance = Allowance(LIMITS, Monotonic(1000))
    assert allowance.ends_at == Monotonic(1060)
    allowance.note_bytes(1, 10 * MB, Monotonic(1050))
    assert allowance.ends_at == Monotonic(1050 + 60 + 20)
    allowance.note_bytes(2, 10 * MB, Monotonic(1090))
    assert allowance.ends_at == Monotonic(1050 + 60 + 20)


def test_the_latest_estimate_counts() -> None:
    allowance = Allowance(LIMITS, Monotonic(1000))
    for total in (40 * MB, 10 * MB):
        allowance.note_bytes(1, total, Monotonic(1000))
    assert allowance.ends_at == Monotonic(1000 + 60 + 20)


def test_finishing_has_its_own_time() -> None:
    allowance = Allowance(LIMITS, Monotonic(1000))
    allowance.note_bytes(MB, MB, Monotonic(1001))
    allowance.begin_finishing(200 * MB, Monotonic(1300))
    assert allowance.ends_at == Monotonic(1300 + 60 + 10)


def test_the_job_ends_in_time_to_say_how_far_it_came() -> None:
    allowance = Allowance(limits_with(timeout_s=60, job_timeout_s=100), Monotonic(1000))
    allowance.note_bytes(1, 50 * MB, Monotonic(1010))
    assert allowance.ends_at == Monotonic(1098)


def test_a_short_job_has_the_time_that_was_set() -> None:
    allowance = Allowance(limits_with(timeout_s=60, job_timeout_s=60), Monotonic(1000))
    assert allowance.ends_at == Monotonic(1060)


@pytest.mark.parametrize(
    ("max_bytes", "file_bytes", "parts"),
    [
        (None, 50 * MB, 4),
        (300 * MB, 50 * MB, 4),
        (120 * MB, 50 * MB, 2),
        (50 * MB, 50 * MB, 1),
        (7 * MB, 7 * MB, 1),
    ],
)
def test_what_came_in_time_limits_the_next_attempt(
    max_bytes: int | None, file_bytes: int, parts: int
) -> None:
    limits = LIMITS.within(max_bytes)
    assert (limits.max_file_bytes, limits.max_parts) == (file_bytes, parts)


def test_the_default_covers_the_largest_answer() -> None:
    settings = Settings(bot_token="")
    assert settings.download_job_timeout_s == settings.longest_download_s
    assert LIMITS.slowest_bps == SLOWEST_DOWNLOAD_BPS


def test_a_wait_that_a_site_asks_for_does_not_count() -> None:
    allowance = Allowance(LIMITS, Monotonic(1000))
    assert allowance.wait(21) == 21
    assert (allowance.ends_at, allowance.granted_s) == (Monotonic(1081), 60)
    allowance.note_bytes(1, 10 * MB, Monotonic(1035))
    assert allowance.ends_at == Monotonic(1035 + 60 + 20)


def test_a_download_cannot_ask_for_ever_longer_waits() -> None:
    allowance = Allowance(LIMITS, Monotonic(1000))
    assert [allowance.wait(wait_s) for wait_s in (100, 100, 100, 0)] == [100, 20, 0, 0]
    assert allowance.ends_at == Monotonic(1000 + 120 + 60)


def test_what_comes_after_a_finishing_has_the_time_that_was_left() -> None:
    allowance = Allowance(LIMITS, Monotonic(1000))
    allowance.note_bytes(10 * MB, 10 * MB, Monotonic(1000))
    allowance.begin_finishing(10 * MB, Monotonic(1030))
    allowance.note_bytes(11 * MB, 20 * MB, Monotonic(1070))
    assert allowance.ends_at == Monotonic(1040 + 60 + 40)
    allowance.note_bytes(12 * MB, 20 * MB, Monotonic(1080))
    assert allowance.ends_at == Monotonic(1040 + 60 + 40)
