"""What was recorded of a live stream, as it is on disk, and the file that is made of it.

Runs in the download process, in its directory. A recording may end at any moment, with its process,
its bot or its machine. So a piece counts only once it is noted in a second file, and bytes behind
the last piece that was noted are cut off, and pieces of one track after the end of the other. What
is noted stays as it is until the file that is made of it is complete, so a later attempt can begin
again.
"""

import errno
import json
import os
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import inf
from pathlib import Path
from typing import Any

from worker.downloads.file_names import MEDIA_NAME, RECORDING_NAME
from worker.downloads.limits import DownloadLimits
from worker.downloads.media import conversion, ffmpeg, joining, pieces, transport_stream
from worker.downloads.media.contents import positive
from worker.downloads.media.preparing import Downloaded
from worker.downloads.media.program_run import ProgramLimits
from worker.errors import Reason
from worker.protocol import Note

MOST_SHARE = 0.93
"""The share of an answer's size limit that is recorded, since cutting adds a little."""

_ABOUT = Path(f"{RECORDING_NAME}.json")
_ENDED = "ended"
_NEAR_S = 1.0
_MOST_TRACKS = 2
# More than the beginnings of two tracks of one stream are apart.
_LATEST_S = 60.0
# When a recording is stopped, one of two tracks may be some pieces behind. One that is further
# behind has failed, and what there is of the other is kept.
_BEHIND_S = 30.0
_KEPT = ("id", "title", "uploader", "channel", "creator", "ext", "vcodec", "extractor_key")


class RecordedTrack:
    """A stream that is being recorded, or has been: a file, and beside it its pieces."""

    def __init__(self, number: int) -> None:
        """Go on with what an earlier attempt has recorded of the track with this number."""
        self.path = Path(f"{RECORDING_NAME}.{number}.media")
        self._notes = Path(f"{RECORDING_NAME}.{number}.pieces")
        self.has_ended = False
        # After each piece: how many bytes there are, and how many seconds.
        self._ends: list[tuple[int, float]] = [(0, 0.0)]
        self._read()

    @property
    def size_bytes(self) -> int:
        return self._ends[-1][0]

    @property
    def length_s(self) -> float:
        """How long it is, by its playlist."""
        return self._ends[-1][1]

    def _read(self) -> None:
        if not self._notes.exists():
            return
        noted = self._notes.read_text("ascii")
        *lines, half = noted.split("\n")
        os.truncate(self._notes, len(noted) - len(half))
        for line in lines:
            if line == _ENDED:
                self.has_ended = True
            else:
                size, length = line.split(" ")
                self._ends.append((int(size), float(length)))

    def add(self, data: bytes, length_s: float) -> None:
        """Add a piece. Raises OSError, and then it is as if nothing had been added."""
        with open(self.path, "ab") as file:
            file.truncate(self.size_bytes)
            file.write(data)
        size_bytes, length_s = self.size_bytes + len(data), self.length_s + length_s
        self._note(f"{size_bytes} {length_s:.6f}")
        self._ends.append((size_bytes, length_s))

    def end(self) -> None:
        """Note that the stream has ended. Raises OSError."""
        self._note(_ENDED)
        self.has_ended = True

    def _note(self, line: str) -> None:
        """Write a line, or nothing of it: on a full disk there may be room for half of one."""
        with open(self._notes, "ab", buffering=0) as notes:
            size = os.fstat(notes.fileno()).st_size
            data = f"{line}\n".encode("ascii")
            if notes.write(data) < len(data):
                notes.truncate(size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._notes))

    def cut(self, length_s: float = inf) -> None:
        """Cut off bytes after the last complete piece, and pieces mostly after `length_s`."""
        size_bytes = self._ends[1][0]
        for (_, begin_s), (end_bytes, end_s) in pairwise(self._ends):
            if (begin_s + end_s) / 2 <= length_s:
                size_bytes = end_bytes
        # An earlier attempt may have cut off more.
        os.truncate(self.path, min(size_bytes, self.path.stat().st_size))


def note_beginning(info: Mapping[str, Any], wanted_s: float) -> None:
    """Note what is to be recorded, and how much of it."""
    kept = {name: value for name in _KEPT if isinstance(value := info.get(name), str)}
    _ABOUT.write_text(json.dumps({"info": kept, "wanted_s": wanted_s}))


def tracks() -> list[RecordedTrack]:
    """The tracks that have any recorded bytes."""
    found = (RecordedTrack(number) for number in range(_MOST_TRACKS))
    return [track for track in found if track.size_bytes]


def take(limits: DownloadLimits) -> tuple[Downloaded, Note | None]:
    """Make a file of what was recorded, with a note if it is not all that was wanted.

    Raises JobError.
    """
    found = tracks()
    for track in found:
        track.cut()
    info, wanted_s = _about()
    path, note = Path(f"{MEDIA_NAME}.mp4"), _note_of(found, wanted_s, limits)
    if len(found) == 1:
        os.link(found[0].path, path)
        # Nobody can record it again, and what differs from most of it are advertisements.
        note = Note.PARTS_LEFT_OUT if _join(path, limits, or_most=True) else note
    else:
        _merge(found, path, limits)
    return Downloaded(path, info), note


def forget() -> None:
    """Remove what was recorded, once the file made of it is complete."""
    for path in Path().glob(f"{RECORDING_NAME}.*"):
        path.unlink()


def _about() -> tuple[dict[str, Any], float]:
    """What yt-dlp knew of the stream, and how much of it was wanted."""
    try:
        about = json.loads(_ABOUT.read_text())
        return dict(about["info"]), float(about["wanted_s"])
    except (OSError, ValueError, TypeError, KeyError):
        return {}, inf


def _join(path: Path, limits: DownloadLimits, *, or_most: bool = False) -> bool:
    """Make one film of a stream that was put together of parts; see `joining.join`."""
    transport_stream.uncover(path)
    return joining.needs_joining(path) and joining.join(path, limits, or_most=or_most)


def _merge(found: list[RecordedTrack], path: Path, limits: DownloadLimits) -> None:
    """Put a video and its sound together, aligned by their clocks and ending together."""
    copies = [Path(f"{MEDIA_NAME}.{number}.mp4") for number in range(len(found))]
    for track, copy in zip(found, copies, strict=True):
        os.link(track.path, copy)
    late_s = _begins_s(copies[1]) - _begins_s(copies[0])
    shift_s = late_s if abs(late_s) <= _LATEST_S else 0.0
    _end_together(found, (0.0, shift_s))
    for copy in copies:
        _join(copy, limits)
    ends_at = time.monotonic() + conversion.budget_of(limits).time_s
    with pieces.failures("merge", Reason.BROKEN_FILE):
        rules = ProgramLimits(ends_at - time.monotonic(), limits.memory_bytes)
        ffmpeg.merge(copies[0], copies[1], shift_s, path, rules)
    for copy in copies:
        copy.unlink()


def _end_together(found: Sequence[RecordedTrack], begins_s: Sequence[float]) -> None:
    """Cut off what one of two tracks has after the end of the other."""
    tracks_begin = list(zip(found, begins_s, strict=True))
    ends_s = [begin_s + track.length_s for track, begin_s in tracks_begin]
    is_known = all(track.length_s for track in found)
    if is_known and max(ends_s) - min(ends_s) <= _BEHIND_S:
        for track, begin_s in tracks_begin:
            track.cut(min(ends_s) - begin_s)


def _begins_s(path: Path) -> float:
    """When a file begins by its own clock, in seconds."""
    with pieces.failures("probe", Reason.BROKEN_FILE):
        probed = ffmpeg.probe_result(ffmpeg.start_probe(path))
    return positive((probed.get("format") or {}).get("start_time")) or 0.0


def _note_of(found: list[RecordedTrack], wanted_s: float, limits: DownloadLimits) -> Note | None:
    if min(track.length_s for track in found) >= wanted_s - _NEAR_S:
        return None
    if any(track.has_ended for track in found):
        return Note.STREAM_ENDED
    size_bytes = sum(track.size_bytes for track in found)
    is_full = size_bytes >= limits.max_answer_bytes * MOST_SHARE * MOST_SHARE
    return Note.RECORDING_FULL if is_full else Note.RECORDING_STOPPED
