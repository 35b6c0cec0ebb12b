"""Films of parts that differ: whatever comes has one size, right times and the right sound."""

import itertools
import json
import subprocess
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.clips import SAMPLE
from tests.support.download_limits import LIMITS, limits_with
from tests.support.downloads_harness import Worker
from tests.support.exhaustive import in_full
from tests.support.file_server import served
from tests.support.media import probe
from tests.support.put_together import (
    ANEW,
    FINER,
    LARGER,
    LATER,
    OTHER_CLOCK,
    PART_S,
    PLAIN,
    SILENT,
    SLOWER,
    STEREO,
    Films,
    Part,
)
from worker.downloads.media import conversion, joining, recorded
from worker.downloads.media.recorded import RecordedTrack
from worker.errors import Fault, JobError, Reason
from worker.protocol import MediaKind, Note

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Films:
    return Films(tmp_path_factory.mktemp("films"))


@pytest.fixture(scope="module")
def url(films: Films) -> Iterator[str]:
    with served(films.directory) as url:
        yield url


def sizes_seen(path: str) -> set[tuple[int, int]]:
    """The size of each picture."""
    command = ["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries"]
    command += ["frame=width,height", "-of", "json", path]
    frames = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["frames"]
    return {(frame["width"], frame["height"]) for frame in frames}


def tones(path: str, seconds: int) -> list[float]:
    """The pitch in Hz in the middle of each part."""
    rate = 8_000
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-i",
        path,
        "-ac",
        "1",
        "-ar",
        f"{rate}",
        "-f",
        "s16le",
        "-",
    ]
    sound = array("h", subprocess.run(command, capture_output=True, check=True).stdout)
    middles = [
        sound[int((at + 0.5) * rate) : int((at + 1.5) * rate)] for at in range(0, seconds, PART_S)
    ]
    return [sum(a < 0 <= b for a, b in itertools.pairwise(part)) for part in middles]


def assert_is_one_film(path: str, parts: tuple[Part, ...]) -> None:
    length_s = PART_S * len(parts)
    assert sizes_seen(path) == {(64, 64)}
    for part, pitch in zip(parts, tones(path, length_s), strict=True):
        assert pitch == pytest.approx(440 if part.channels else 0, abs=25)


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        (Films.hls_of_ts, (PLAIN, LARGER, PLAIN)),
        (Films.hls_of_mp4, (PLAIN, OTHER_CLOCK)),
        (Films.hls_in_two, (PLAIN, STEREO)),
        (Films.dash, (PLAIN, LARGER)),
    ],
)
def test_a_film_of_parts_comes_as_one(
    warm: Worker, films: Films, url: str, kind: object, parts: tuple[Part, ...]
) -> None:
    assert callable(kind)
    media = warm.run(f"{url}/{kind(films, parts)}", LIMITS).media
    assert (media.facts.kind, media.facts.note) == (MediaKind.VIDEO, None)
    assert media.facts.duration_s == pytest.approx(PART_S * len(parts), abs=0.35)
    assert_is_one_film(media.path, parts)


@pytest.mark.parametrize(
    ("suffix", "parts"),
    [
        ("mp4", (PLAIN, PLAIN)),
        ("mp4", (PLAIN, FINER)),
        ("ts", (PLAIN, LATER)),
        in_full("ts", (PLAIN, SLOWER)),
        ("ts", (PLAIN, STEREO, OTHER_CLOCK)),
        in_full("mp4", (PLAIN, ANEW)),
        in_full("ts", (PLAIN, SILENT)),
        ("mp4", (SILENT, PLAIN, LARGER, PLAIN)),
    ],
)
def test_parts_are_joined(
    films: Films, tmp_path: Path, suffix: str, parts: tuple[Part, ...]
) -> None:
    path = films.one_file(parts, suffix, tmp_path)
    assert joining.needs_joining(path)
    joining.join(path, LIMITS)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert probe(path).duration_s == pytest.approx(PART_S * len(parts), abs=0.35)
    assert_is_one_film(str(path), parts)


def test_what_is_of_a_piece_stays_as_it_is(films: Films) -> None:
    for suffix in ("ts", "mp4"):
        assert not joining.needs_joining(films.directory / films.made(PLAIN, suffix))
    assert not joining.needs_joining(SAMPLE)


def test_what_takes_too_long_to_join_is_called_so(films: Films, tmp_path: Path) -> None:
    path = films.one_file((PLAIN, LARGER), "ts", tmp_path)
    with pytest.raises(JobError) as caught:
        joining.join(path, limits_with(timeout_s=0.01))
    assert (caught.value.reason, caught.value.fault) == (Reason.UNLIKE_PARTS, Fault.PERMANENT)


def test_of_a_recording_that_cannot_be_joined_most_is_kept(
    films: Films, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(conversion, "_DECODING_PX", 1.0)  # a machine that would take for ever
    parts = (LARGER, PLAIN, LATER)
    data = films.one_file(parts, "ts", tmp_path).read_bytes()
    track = RecordedTrack(0)
    track.add(data, PART_S * len(parts))
    recorded.note_beginning({}, PART_S * len(parts))
    made, note = recorded.take(LIMITS)
    assert note is Note.PARTS_LEFT_OUT
    assert sizes_seen(str(made.path)) == {(64, 64)}
    assert probe(made.path).duration_s == pytest.approx(PART_S * 2, abs=0.35)
    # Until the answer is complete, a later attempt can begin again.
    assert track.path.read_bytes() == data


@pytest.mark.negative
def test_parts_that_are_not_joined_have_the_sizes_that_they_had(
    films: Films, tmp_path: Path
) -> None:
    path = films.one_file((PLAIN, LARGER), "ts", tmp_path)
    assert sizes_seen(str(path)) == {(64, 64), (128, 96)}


@pytest.mark.parametrize("last", [PLAIN, LARGER])
def test_of_very_many_parts_only_those_that_are_alike_are_joined(
    films: Films, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: Part
) -> None:
    monkeypatch.setattr(joining, "_MAX_ENCODED", 3)
    path = films.one_file([*[PLAIN] * 4, last], "ts", tmp_path)
    if last is PLAIN:
        joining.join(path, LIMITS)
        assert probe(path).duration_s == pytest.approx(5 * PART_S, abs=0.3)
    else:
        with pytest.raises(JobError) as caught:
            joining.join(path, LIMITS)
        assert (caught.value.reason, caught.value.fault) == (Reason.UNLIKE_PARTS, Fault.PERMANENT)
