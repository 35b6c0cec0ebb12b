"""What the first pieces of a stream say of its size, and when that is believed."""

from collections.abc import Sequence

import pytest

from worker.downloads.ytdlp.transfer import meter as meter_module
from worker.downloads.ytdlp.transfer.meter import CONCURRENT_FRAGMENTS, Meter
from worker.downloads.ytdlp.transfer.pieces import PIECES, Estimate, Pieces
from worker.errors import JobError

LIMIT = 5000
BLOCK = 10


def fetched_before_a_decision(lengths: Sequence[int], *, are_told: bool = True) -> int | None:
    """How much of a stream comes before it proves too large; None if it never does.

    As many pieces as yt-dlp fetches at a time get a block each in turn, and yt-dlp's own estimate
    is as wrong as it is.
    """
    pieces, meter = Pieces(), Meter(LIMIT, lambda _: None)
    meter.begin({}, 1)
    waiting = list(enumerate(lengths))
    on_their_way: dict[int, int] = {}
    done = finished = 0
    while waiting or on_their_way:
        while waiting and len(on_their_way) < CONCURRENT_FRAGMENTS:
            number, length = waiting.pop(0)
            on_their_way[number] = 0
            if are_told:
                pieces.note(number, length)
        for number in list(on_their_way):
            block = min(BLOCK, lengths[number] - on_their_way[number])
            estimate = (done + lengths[number] * are_told) / (finished + 1) * len(lengths)
            on_their_way[number] += block
            done += block
            if on_their_way[number] == lengths[number]:
                del on_their_way[number]
                finished += 1
            try:
                meter.on_progress(
                    {
                        "status": "downloading",
                        "filename": "a",
                        "downloaded_bytes": done,
                        "total_bytes_estimate": estimate,
                        "fragment_index": finished,
                        "fragment_count": len(lengths),
                        "info_dict": {PIECES: pieces},
                    }
                )
            except JobError:
                return done
    return None


@pytest.fixture(autouse=True)
def _no_file_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter_module, "allow_file", lambda _: None)


@pytest.mark.parametrize(
    "lengths",
    [
        pytest.param([300] * 16, id="just what fits"),
        pytest.param([300] * 15 + [50], id="a short end"),
        pytest.param([800] + [100] * 30, id="a long beginning"),
        pytest.param([250] * 4 + [50] * 60, id="a fast intro"),
        pytest.param([250] * 6 + [50] * 50, id="a longer one"),
        pytest.param([950, 740, 570, 380, 280, 320, 400, 390, 380, 370], id="much at first"),
        pytest.param([100] * 12 + [400] * 3 + [100] * 20, id="a fast passage"),
        pytest.param([130] * 15 + [90] * 28, id="less and less"),
        pytest.param([1] + [490] * 10, id="an initialisation section"),
        pytest.param([40, 400] * 10, id="in turns"),
        pytest.param([4999], id="one piece"),
        pytest.param([2400, 2400], id="two pieces"),
    ],
)
def test_what_fits_is_never_taken_for_too_large(lengths: list[int]) -> None:
    assert sum(lengths) <= LIMIT
    assert fetched_before_a_decision(lengths) is None


@pytest.mark.parametrize(
    ("lengths", "share"),
    [
        pytest.param([300] * 16, None, id="just what fits"),
        pytest.param([800] + [100] * 30, None, id="a long beginning"),
        pytest.param([130] * 15 + [90] * 28, None, id="less and less"),
        pytest.param([4999], None, id="one piece"),
        pytest.param([20] * 1000, 0.15, id="many times the limit"),
        pytest.param([100] * 60, 0.5, id="a little more than the limit"),
    ],
)
def test_a_site_need_not_tell_the_lengths(lengths: list[int], share: float | None) -> None:
    fetched = fetched_before_a_decision(lengths, are_told=False)
    assert (fetched is None) is (share is None)
    assert (fetched or 0) <= LIMIT * (share or 0)


@pytest.mark.parametrize(
    ("lengths", "share"),
    [
        pytest.param([4000] * 3, 0.01, id="what was told exceeds it"),
        pytest.param([20_000], 0.01, id="one piece"),
        pytest.param([60] * 1000, 0.15, id="many times the limit"),
        pytest.param([300] * 100, 0.3, id="some times the limit"),
        pytest.param([1, 5] + [300] * 100, 0.3, id="a logo first"),
        pytest.param([100, 100, 200, 200, 400] + [600] * 30, 0.4, id="longer and longer"),
        pytest.param([250] * 4 + [50] * 160, 0.45, id="a fast intro"),
        pytest.param([250, 25] * 60, 0.45, id="in turns"),
        pytest.param([100] * 60, 0.45, id="a little more than the limit"),
        pytest.param([100] * 52, 1.01, id="next to nothing more"),
    ],
)
def test_what_is_too_large_is_not_fetched_for_long(lengths: list[int], share: float) -> None:
    fetched = fetched_before_a_decision(lengths)
    assert fetched is not None
    assert fetched <= LIMIT * share


@pytest.mark.parametrize(
    ("lengths", "count", "estimate"),
    [
        ([], 3, None),
        ([10], 1, Estimate(10, 10, 10)),
        ([10, 20], 4, Estimate(30, 60, 0)),  # too few to say anything early
        ([20, 10], 4, Estimate(30, 50, 0)),
        ([1] + [9] * 7, 16, Estimate(64, 128, 128)),
        ([1] * 6 + [9] * 2, 16, Estimate(24, 48, 48)),
        ([9] * 6 + [1] * 2, 16, Estimate(56, 64, 64)),
        ([9] * 5 + [1, 2, 3], 16, Estimate(51, 71, 71)),
        ([5] * 9, 8, Estimate(45, 45, 45)),  # more than the playlist says
    ],
)
def test_the_pieces_that_are_known_stand_for_the_others(
    lengths: list[int], count: int, estimate: Estimate | None
) -> None:
    pieces = Pieces()
    for number, length in enumerate(lengths):
        pieces.note(number, length)
    assert pieces.estimate(count) == estimate


def test_a_piece_that_is_asked_for_again_counts_once() -> None:
    pieces = Pieces()
    for length in (10, 3):
        pieces.note(("https://example.com/1.ts", None), length)
    assert pieces.estimate(1) == Estimate(10, 10, 10)
