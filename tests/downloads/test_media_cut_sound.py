"""Sound that is too large for one message: in parts, or encoded, or out of a film."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.download_limits import limits_for_parts
from tests.support.downloads_harness import Worker
from tests.support.exhaustive import in_full
from tests.support.file_server import served
from tests.support.media import index_stands_in_front, make, probe
from worker.downloads.file_names import cover_path
from worker.downloads.media.cutting import cut
from worker.errors import JobError, Reason
from worker.form import SOUND, WHOLE, Form
from worker.protocol import MediaFile, MediaKind, Note

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")


@pytest.fixture
def song(tmp_path: Path, film: Path) -> Path:
    """Twelve seconds of AAC."""
    return make(tmp_path / "song.m4a", "-vn -c:a aac -b:a 96k", film)


def sent(warm: Worker, path: Path, parts: float, form: Form = WHOLE) -> tuple[MediaFile, ...]:
    limits = limits_for_parts(path, parts, max_parts=4)
    with served(path.parent) as url:
        files = warm.run(f"{url}/{path.name}", limits, form=form).files
    assert all(file.size_bytes <= limits.max_file_bytes for file in files)
    return files


@pytest.mark.parametrize(
    ("name", "encoder", "kind", "codec"),
    [
        ("a.mp3", "libmp3lame -b:a 128k", MediaKind.AUDIO, "mp3"),
        ("a.m4a", "aac -b:a 128k", MediaKind.AUDIO, "aac"),
        in_full("a.aac", "aac -b:a 128k", MediaKind.AUDIO, "aac"),
        # There is no room for them as AAC, so they stay what they are.
        ("a.opus", "libopus -b:a 48k", MediaKind.DOCUMENT, "opus"),
        in_full("a.ogg", "libvorbis -b:a 64k", MediaKind.DOCUMENT, "vorbis"),
        in_full("a.weba", "libopus -b:a 48k -f webm", MediaKind.DOCUMENT, "opus"),
    ],
)
def test_sound_is_cut_by_time(
    film: Path, tmp_path: Path, name: str, encoder: str, kind: MediaKind, codec: str
) -> None:
    path = make(tmp_path / name, f"-vn -c:a {encoder}", film)
    limits = limits_for_parts(path, 2.5, max_parts=4)
    files = cut(path, {}, limits)
    parts = len(files)
    assert parts in (3, 4)
    assert [file.facts.part for file in files] == list(range(1, parts + 1))
    assert {file.facts.parts for file in files} == {parts}
    assert files[0].facts.note is Note.CUT
    assert {file.facts.kind for file in files} == {kind}
    paths = [tmp_path / file.name for file in files]
    assert all(path.stat().st_size <= limits.max_file_bytes for path in paths)
    found = [probe(path) for path in paths]
    assert {each.audio for each in found} == {codec}
    lengths = [each.duration_s for each in found]
    assert lengths == pytest.approx([12 / parts] * parts, abs=0.6)
    assert [file.facts.duration_s for file in files] == pytest.approx(lengths, abs=0.1)
    assert codec != "aac" or all(map(index_stands_in_front, paths))


@pytest.mark.parametrize("name", [in_full("a.wav"), "a.flac"])
def test_what_has_to_be_encoded_anyway_is_small_then(
    warm: Worker, film: Path, tmp_path: Path, name: str
) -> None:
    path = make(tmp_path / name, "-vn", film)
    (file,) = sent(warm, path, 1.5)
    assert (file.facts.kind, file.facts.note) == (MediaKind.AUDIO, Note.LOWER_QUALITY)
    assert probe(file.path).audio == "aac"


@pytest.mark.parametrize("name", ["a.wav", in_full("a.flac"), in_full("a.aiff")])
def test_without_time_to_encode_it_is_cut_as_it_is(film: Path, tmp_path: Path, name: str) -> None:
    path = make(tmp_path / name, "-vn -af aloop=loop=-1:size=480000 -t 120", film)
    limits = replace(limits_for_parts(path, 2.5, max_parts=4), timeout_s=6)
    files = cut(path, {}, limits)
    assert [(file.facts.kind, file.facts.part) for file in files] == [
        (MediaKind.DOCUMENT, number) for number in (1, 2, 3)
    ]
    lengths = [probe(tmp_path / file.name).duration_s for file in files]
    assert lengths == pytest.approx([40, 40, 40], abs=0.3)


def test_the_cover_of_a_site_is_shown_with_each_part(film: Path, tmp_path: Path) -> None:
    path = make(tmp_path / "song.aac", "-vn -c:a aac -b:a 96k", film)
    make(cover_path(path), "-frames:v 1 -f mjpeg", film)
    files = cut(path, {}, limits_for_parts(path, 1.5, max_parts=4))
    assert len(files) == 2
    assert all(file.thumbnail for file in files)


def test_a_cover_is_shown_with_each_part(warm: Worker, film: Path, tmp_path: Path) -> None:
    cover = make(tmp_path / "cover.jpg", "-frames:v 1", film)
    bare = make(tmp_path / "bare.mp3", "-vn -c:a libmp3lame -b:a 256k", film)
    path = make(tmp_path / "song.mp3", f"-i {cover} -map 0 -map 1 -c copy", bare)
    files = sent(warm, path, 1.5)
    assert len(files) == 2
    assert all(file.thumbnail and Path(file.thumbnail).stat().st_size for file in files)


def test_the_sound_of_a_film_that_is_too_large_to_be_sent(warm: Worker, film: Path) -> None:
    (file,) = sent(warm, film, 2.5, SOUND)
    assert (file.facts.kind, file.facts.note) == (MediaKind.AUDIO, None)
    found = probe(file.path)
    assert (found.video, found.audio) == (None, "aac")
    assert found.duration_s == pytest.approx(12, abs=0.3)


def test_the_sound_of_a_film_may_be_too_large_as_well(
    warm: Worker, song: Path, film: Path, tmp_path: Path
) -> None:
    shown = "-map 0:a -c:a copy -map 1:v -c:v libx264 -preset ultrafast -b:v 20k -s 64x48 -r 5"
    path = make(tmp_path / "film.mp4", f"-i {film} {shown}", song)
    files = sent(warm, path, 1.8, SOUND)
    assert [(file.facts.kind, file.facts.part) for file in files] == [
        (MediaKind.AUDIO, 1),
        (MediaKind.AUDIO, 2),
    ]
    assert all(probe(file.path).video is None for file in files)


def test_a_silent_film_has_no_sound_to_cut(film: Path, tmp_path: Path) -> None:
    path = make(tmp_path / "film.mp4", "-an -c copy", film)
    with pytest.raises(JobError) as caught:
        cut(path, {}, limits_for_parts(path, 1.5, max_parts=4), SOUND)
    assert caught.value.reason is Reason.NO_SOUND


@pytest.mark.negative
def test_without_leave_to_cut_sound_is_too_large(warm: Worker, song: Path) -> None:
    with served(song.parent) as url:
        error = warm.run(f"{url}/{song.name}", limits_for_parts(song, 1.5)).error
    assert error.reason is Reason.TOO_LARGE
