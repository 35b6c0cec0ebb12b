"""Some seconds of an MP4, of its index and a range of its bytes."""

import random
import struct
from pathlib import Path

import pytest

from tests.support.clocked_film import LENGTH_S, RATE, beeps_s, first_time_s, make_clocked_film
from tests.support.media import probe
from worker.downloads.media.mp4 import part
from worker.downloads.media.mp4.h264 import Unusual
from worker.downloads.spans import Span
from worker.errors import JobError, Reason

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_clocked_film(tmp_path_factory.mktemp("film") / "film.mp4").read_bytes()


def boxes_of(film: bytes) -> dict[bytes, bytes]:
    found, at = {}, 0
    while at < len(film):
        size, kind = struct.unpack_from(">I4s", film, at)
        found[kind] = film[at : at + size]
        at += size
    return found


def part_of(film: bytes, span: Span) -> part.Part:
    boxes = boxes_of(film)
    return part.of_index(boxes[b"ftyp"], memoryview(boxes[b"moov"])[8:], span)


@pytest.mark.parametrize(
    "span", [Span(0, 1), Span(5.2, 7.6), Span(2, 3), Span(19.5), Span(3.99, 4)]
)
def test_part_begins_with_the_key_frame_before_and_holds_the_span(
    film: bytes, span: Span, tmp_path: Path
) -> None:
    found = part_of(film, span)
    assert found.starts_s == pytest.approx(span.start_s // 2 * 2, abs=0.001)
    made = tmp_path / "part.mp4"
    made.write_bytes(found.head + film[found.start : found.end])
    end_s = span.end_s or LENGTH_S
    assert probe(made).duration_s == pytest.approx(end_s - found.starts_s, abs=1.5 / RATE)
    shown_s = first_time_s(made)
    # The film shows eight seconds, and begins again.
    assert (shown_s - found.starts_s + 0.5) % 8 == pytest.approx(0.5, abs=0.5 / RATE)
    beeps = [second - found.starts_s for second in range(LENGTH_S) if found.starts_s <= second]
    heard = [beep for beep in beeps if beep < end_s - found.starts_s - 0.1]
    assert beeps_s(made)[: len(heard)] == pytest.approx(heard, abs=1 / RATE)


@pytest.mark.parametrize(
    "more",
    ["-an", "-c:a aac -output_ts_offset 3"],
    ids=["pictures that are shown in another order", "all begins late"],
)
def test_part_goes_on_up_to_the_last_picture(more: str, tmp_path: Path) -> None:
    film = make_clocked_film(tmp_path / "film.mp4", f"{more} -movflags +faststart").read_bytes()
    found = part_of(film, Span(17.6))
    assert found.starts_s == pytest.approx(16, abs=1 / RATE)  # sound may begin before that
    made = tmp_path / "part.mp4"
    made.write_bytes(found.head + film[found.start : found.end])
    assert probe(made).duration_s == pytest.approx(4, abs=1 / RATE)
    assert first_time_s(made) == pytest.approx(0, abs=0.5 / RATE)


def test_span_behind_the_end(film: bytes) -> None:
    with pytest.raises(JobError) as caught:
        part_of(film, Span(LENGTH_S + 1))
    assert caught.value.reason is Reason.BEYOND_END


def test_index_that_lies_is_refused_or_names_some_bytes(film: bytes) -> None:
    boxes, dice = boxes_of(film), random.Random(7)
    for _ in range(300):
        index = bytearray(boxes[b"moov"])
        for _ in range(dice.randint(1, 4)):
            index[dice.randrange(8, len(index))] = dice.choice((0, 1, 127, 255))
        try:
            found = part.of_index(boxes[b"ftyp"], memoryview(index)[8:], Span(5, 7))
        except (Unusual, struct.error, ArithmeticError, LookupError, ValueError, JobError):
            continue
        assert 0 <= found.start < found.end
        assert len(found.head) < 2 * len(index)


@pytest.mark.parametrize("count", [0, 3, 1 << 31])
def test_index_of_fragments_that_lies_is_refused(count: int) -> None:
    index = struct.pack(">IIIIIHH", 0, 1, 1000, 0, 0, 0, count & 0xFFFF) + b"\xff" * 12
    with pytest.raises((Unusual, struct.error)):
        part.of_fragments(b"", memoryview(index), 100, Span(5, 7))
