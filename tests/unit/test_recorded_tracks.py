"""What is noted of a recording while it is made, also on a disk that is full for a while."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from worker.downloads.media import recorded
from worker.downloads.media.recorded import RecordedTrack


@pytest.fixture(autouse=True)
def track(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RecordedTrack:
    monkeypatch.chdir(tmp_path)
    return RecordedTrack(0)


@contextmanager
def room_for(size_bytes: int) -> Iterator[None]:
    """Let files be no larger than this, so that more is written in part, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_track_goes_on_where_it_was(track: RecordedTrack) -> None:
    track.add(b"one", 2.0)
    track.add(b"two", 2.5)
    again = RecordedTrack(0)
    assert (again.size_bytes, again.length_s, again.has_ended) == (6, 4.5, False)
    again.end()
    assert RecordedTrack(0).has_ended


def test_a_note_that_has_room_for_half_of_it_is_as_if_not_written(track: RecordedTrack) -> None:
    track.add(b"1", 2.0)
    notes = Path(f"{track.path.stem}.pieces")
    whole = notes.read_text()
    with room_for(len(whole) + 4):
        with pytest.raises(OSError, match="space"):
            track.add(b"2", 2.0)
        assert notes.read_text() == whole
        with pytest.raises(OSError, match="space"):
            track.end()
        assert notes.read_text() == whole
    assert (track.size_bytes, track.length_s, track.has_ended) == (1, 2.0, False)
    track.add(b"2", 2.0)
    track.cut()
    assert track.path.read_bytes() == b"12"
    (found,) = recorded.tracks()
    assert (found.size_bytes, found.length_s) == (2, 4.0)


@pytest.mark.parametrize(
    ("video", "sound", "sound_begins_s", "kept"),
    [
        ("aaaa", "aaaa", 0.0, ("aaaa", "aaaa")),
        ("aaaa", "aa", 0.0, ("aa", "aa")),
        ("aa", "aaaa", 0.0, ("aa", "aa")),
        # By their clocks they end together.
        ("aaaa", "aa", 4.0, ("aaaa", "aa")),
        ("aaaa", "aaaa", 1.5, ("aaaa", "aaa")),
        ("aaaa", "aaa", -2.0, ("aa", "aaa")),
        # There is no film without a piece of each.
        ("aaaa", "a", -8.0, ("a", "a")),
        # One of them has failed.
        ("a" * 20, "a", 0.0, ("a" * 20, "a")),
    ],
)
def test_what_one_of_two_tracks_has_behind_the_other_is_left_out(
    video: str, sound: str, sound_begins_s: float, kept: tuple[str, str]
) -> None:
    found = [RecordedTrack(0), RecordedTrack(1)]
    for track, pieces in zip(found, (video, sound), strict=True):
        for piece in pieces:
            track.add(piece.encode(), 2.0)
    recorded._end_together(found, (0.0, sound_begins_s))
    assert tuple(track.path.read_text() for track in found) == kept
    # What is noted stays, and leads another attempt to the same.
    again = [RecordedTrack(0), RecordedTrack(1)]
    for track in again:
        track.cut()
    recorded._end_together(again, (0.0, sound_begins_s))
    assert tuple(track.path.read_text() for track in again) == kept


def test_a_track_whose_playlist_gives_no_lengths_cuts_nothing(track: RecordedTrack) -> None:
    silent = RecordedTrack(1)
    for piece in (b"a", b"b"):
        track.add(piece, 6.0)
        silent.add(piece, 0.0)
    recorded._end_together([track, silent], (0.0, 0.0))
    assert (track.path.read_bytes(), silent.path.read_bytes()) == (b"ab", b"ab")
