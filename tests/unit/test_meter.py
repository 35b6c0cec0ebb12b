"""What yt-dlp's hooks say of a download, and what is believed of it."""

import math

import pytest

from worker.downloads import spans
from worker.downloads.reports import DownloadMessage, FoundMedia
from worker.downloads.ytdlp.transfer import meter as meter_module
from worker.downloads.ytdlp.transfer.meter import Meter
from worker.downloads.ytdlp.transfer.pieces import PIECES, Pieces
from worker.errors import JobError, Reason
from worker.protocol import Progress

LIMIT = 1000


@pytest.fixture
def reports() -> list[DownloadMessage]:
    return []


@pytest.fixture
def meter(reports: list[DownloadMessage], monkeypatch: pytest.MonkeyPatch) -> Meter:
    """A meter for one file of at most `LIMIT` bytes, which reports each call."""
    monkeypatch.setattr(meter_module, "allow_file", lambda _size: None)
    monkeypatch.setattr(meter_module, "_REPORT_INTERVAL_S", 0.0)
    made = Meter(LIMIT, reports.append)
    made.begin({"extractor_key": "Generic", "id": "1"}, 1)
    return made


def _status(**changes: object) -> dict[str, object]:
    return {"status": "downloading", "filename": "a", "downloaded_bytes": 10, **changes}


@pytest.mark.parametrize("number", [-1, -0.5, 0, math.nan, math.inf, -math.inf, None, "x", 10**400])
@pytest.mark.parametrize("name", ["speed", "eta", "total_bytes", "total_bytes_estimate"])
def test_a_number_that_means_nothing_does_not_travel(
    meter: Meter, reports: list[DownloadMessage], name: str, number: object
) -> None:
    meter.on_progress(_status(**{name: number}))
    assert reports[-1] == Progress(reports[-1].stage, done_bytes=10)  # type: ignore[union-attr]


def test_numbers_travel(meter: Meter, reports: list[DownloadMessage]) -> None:
    meter.on_progress(_status(speed=5, eta=1.5, total_bytes=20))
    shown = reports[-1]
    assert isinstance(shown, Progress)
    assert (shown.speed_bps, shown.eta_s, shown.total_bytes) == (5.0, 1.5, 20)


def test_the_time_left_is_by_the_same_estimate(
    meter: Meter, reports: list[DownloadMessage]
) -> None:
    pieces = {"fragment_index": 1, "fragment_count": 20, "total_bytes_estimate": 900}
    meter.on_progress(_status(downloaded_bytes=100, speed=30, eta=90, **pieces))
    shown = reports[-1]
    assert isinstance(shown, Progress)
    assert (shown.total_bytes, shown.eta_s) == (400, 10.0)


def test_what_was_decided_in_one_thread_is_decided_in_all(meter: Meter) -> None:
    with pytest.raises(JobError) as first:
        meter.on_progress(_status(total_bytes=LIMIT + 1))
    with pytest.raises(JobError) as second:
        meter.on_progress(_status(filename="b", downloaded_bytes=1))
    assert first.value is second.value
    assert first.value.reason is Reason.TOO_LARGE


def test_what_can_be_cut_may_go_on(
    reports: list[DownloadMessage], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meter_module, "allow_file", lambda _size: None)
    sizes: list[int] = []

    def switch_to_cutting(size_bytes: int) -> int:
        sizes.append(size_bytes)
        return 4

    meter = Meter(LIMIT, reports.append, switch_to_cutting)
    video: dict[str, object] = {}
    meter.begin(video, 1)
    meter.on_progress(_status(total_bytes=3 * LIMIT))
    meter.on_progress(_status(total_bytes=4 * LIMIT))
    assert video[meter_module.LIMIT_BYTES] == 4 * LIMIT
    with pytest.raises(JobError):
        meter.on_progress(_status(total_bytes=4 * LIMIT + 1))
    assert sizes == [3 * LIMIT, 4 * LIMIT + 1]


def test_a_few_pieces_do_not_say_that_no_parts_would_hold_it(
    reports: list[DownloadMessage], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meter_module, "allow_file", lambda _size: None)
    meter = Meter(LIMIT, reports.append, lambda size: 4 if size <= 3 * LIMIT else 0)
    pieces = Pieces()
    video: dict[str, object] = {PIECES: pieces}
    meter.begin(video, 1)
    lengths = [500, 390, 300, 200, 150, 170, 210, 200, 200, 200]
    status = {"info_dict": video, "fragment_count": len(lengths)}
    for number in (0, 2, 1):  # as they were asked for
        pieces.note(number, lengths[number])
    estimate = pieces.estimate(len(lengths))
    assert estimate is not None
    assert (estimate.least, estimate.likely > 3 * LIMIT) == (1190, True)
    meter.on_progress(_status(downloaded_bytes=150, **status))
    assert video[meter_module.LIMIT_BYTES] == 4 * LIMIT
    for number in range(3, len(lengths)):
        pieces.note(number, lengths[number])
    meter.on_progress(_status(downloaded_bytes=sum(lengths), **status))
    assert meter.announced_bytes is None


def test_another_try_begins_undecided(meter: Meter, reports: list[DownloadMessage]) -> None:
    with pytest.raises(JobError):
        meter.on_progress(_status(total_bytes=LIMIT + 1))
    meter.start_again()
    meter.begin({"extractor_key": "Generic", "id": "1"}, 1)
    meter.on_progress(_status())
    assert reports[-1] == Progress(reports[-1].stage, done_bytes=10)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("done", "estimate", "announced"),
    [
        (90, 3000, None),  # a first piece says little
        (110, 1600, 1600),
        (110, 1400, None),
        (410, 1110, 1110),
        (410, 1090, None),
        (1001, 1050, 1001),
        # What is expected counts, and not just what has come of it.
        (1001, 1300, 1300),
    ],
)
def test_an_estimate_counts_the_more_the_more_has_come(
    meter: Meter, done: int, estimate: int, announced: int | None
) -> None:
    if announced is None:
        meter.on_progress(_status(downloaded_bytes=done, total_bytes_estimate=estimate))
    else:
        with pytest.raises(JobError):
            meter.on_progress(_status(downloaded_bytes=done, total_bytes_estimate=estimate))
    assert meter.announced_bytes == announced


def test_an_estimate_counts_beside_what_has_come_of_another_stream(meter: Meter) -> None:
    meter.on_progress(_status(downloaded_bytes=600, total_bytes_estimate=600))
    with pytest.raises(JobError):
        meter.on_progress(_status(filename="b", downloaded_bytes=50, total_bytes_estimate=700))
    assert meter.announced_bytes == 1300


def test_a_span_does_not_go_by_the_name_of_the_whole(
    meter: Meter, reports: list[DownloadMessage]
) -> None:
    reports.clear()
    info: dict[str, object] = {"extractor_key": "Radio", "id": "1", "section_start": 60}
    spans.take(info)
    meter.begin(info, 4)
    assert reports == []
    meter.begin({"extractor_key": "Radio", "id": "1"}, 4)
    assert reports == [FoundMedia("Radio", "1")]


@pytest.mark.parametrize(
    ("finished", "done", "estimate", "announced"),
    [
        # Six pieces of 150: three are half on their way when the first is finished, and yt-dlp
        # takes all of that for the first.
        (1, 375, 1575, None),
        (2, 450, 1200, None),
        (3, 675, 1230, None),
        # Six pieces of 300.
        (0, 300, 1800, None),
        (2, 900, 2100, None),
        (3, 1000, 2000, None),
        (4, 1001, 2000, 1001),
        # Sixty pieces of 40.
        (9, 420, 2550, 1938),
    ],
)
def test_pieces_on_their_way_do_not_count_as_finished(
    meter: Meter, finished: int, done: int, estimate: int, announced: int | None
) -> None:
    count = 60 if finished == 9 else 6
    status = _status(
        downloaded_bytes=done,
        total_bytes_estimate=estimate,
        fragment_index=finished,
        fragment_count=count,
    )
    if announced is None:
        meter.on_progress(status)
    else:
        with pytest.raises(JobError):
            meter.on_progress(status)
    assert meter.announced_bytes == announced
