"""Make one film or song of a file that was put together of parts.

Parts that agree in all that a player has to know are copied one after the other. Others are
encoded together, in the size and at the rate that most of the film has.
"""

import time
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from worker.downloads import program_paths
from worker.downloads.limits import DownloadLimits
from worker.downloads.media import contents, conversion, ffmpeg, joints
from worker.downloads.media.contents import Contents, Video
from worker.downloads.media.conversion import Budget, Encoding, Unaffordable
from worker.downloads.media.program_run import NoRoom, ProgramFailed, ProgramKilled, ProgramLimits
from worker.errors import Fault, JobError, Reason

T = TypeVar("T", bound=Hashable)

# Each part costs a run of ffprobe, a tenth of a second, and more if it is encoded. An hour with a
# discontinuity before each piece has 600.
_MAX_ENCODED, _MAX_PARTS = 100, 1000
_COPY_BYTES = 1 << 20
_RATE_HZ = 48_000
# What a player has to know of a stream before the first frame.
_VIDEO_FIELDS = (
    *("codec_name", "profile", "width", "height", "pix_fmt"),
    *("sample_aspect_ratio", "color_transfer", "time_base"),
)
_AUDIO_FIELDS = ("codec_name", "profile", "sample_rate", "channels", "time_base")


@dataclass(frozen=True)
class _JoinedPart:
    path: Path
    found: Contents
    length_s: float
    streams: tuple[object, ...]
    """What its streams must have in common with those of other parts to be copied."""


def needs_joining(path: Path) -> bool:
    """Whether a file was put together of parts, and can be joined on this machine."""
    return len(joints.parts(path)) > 1 and not program_paths.missing_ffmpeg()


def join(path: Path, limits: DownloadLimits, *, or_most: bool = False) -> bool:
    """Replace the file at `path`, which is in parts, with one that is in one piece.

    The new one is an MP4, whatever its name. A file of very many parts that plays as it is stays as
    it is. Raises JobError if the parts cannot be joined; with `or_most` those that differ from most
    of the film are left out if there is no time to encode them. Returns whether any were.
    """
    budget = conversion.budget_of(limits)
    joining = _Joining(path, budget, limits.memory_bytes)
    try:
        return joining.run(or_most=or_most)
    except (Unaffordable, ValueError) as error:
        raise _cannot(str(error) or "encoding takes too long") from error
    except ProgramKilled as error:
        raise JobError(Reason.CRASHED, Fault.RETRYABLE, f"joining: {error}") from error
    except NoRoom as error:
        raise JobError(Reason.DISK_FULL, Fault.RETRYABLE, f"joining: {error}") from error
    except ProgramFailed as error:
        raise _cannot(str(error)) from error


def _cannot(why: str) -> JobError:
    return JobError(Reason.UNLIKE_PARTS, Fault.PERMANENT, why)


class _Joining:
    """Joins the parts of one file. Call `run` once."""

    def __init__(self, path: Path, budget: Budget, memory_bytes: int) -> None:
        self._path = path
        self._target = path.with_name(f"{path.stem}.joined.mp4")
        self._budget = budget
        self._memory_bytes = memory_bytes
        self._ends_at = time.monotonic() + budget.time_s

    def run(self, *, or_most: bool) -> bool:
        edges = joints.parts(self._path)
        if len(edges) > _MAX_ENCODED:
            edges = joints.merged(self._path, edges)
        if len(edges) == 1:
            return False
        if len(edges) > _MAX_PARTS:
            raise ValueError(f"{len(edges)} parts")
        parts = [part for part in self._inspect_all(self._separate(edges)) if part.length_s]
        kept = parts
        if len({part.streams for part in parts}) == 1:
            self._copy(parts)
        else:
            try:
                self._encode(parts)
            except Unaffordable:
                if not or_most:
                    raise
                self._copy(kept := _most(parts))
        self._target.replace(self._path)
        for part in parts:
            part.path.unlink()
        return len(kept) < len(parts)

    def _inspect_all(self, paths: Iterable[Path]) -> Iterator[_JoinedPart]:
        for path in paths:
            if time.monotonic() > self._ends_at:
                raise ValueError("too many parts to look at")
            yield _inspect(path)

    def _separate(self, edges: Sequence[tuple[int, int]]) -> list[Path]:
        """Replace the file with one for each of its parts."""
        paths = []
        with open(self._path, "rb") as source:
            for number, (start, end) in enumerate(edges):
                paths.append(self._path.with_name(f"{self._path.stem}.{number:03}.part"))
                with open(paths[-1], "wb") as part:
                    source.seek(start)
                    while start < end:
                        part.write(data := source.read(min(_COPY_BYTES, end - start)))
                        start += len(data)
        self._path.unlink()
        return paths

    @property
    def _limits(self) -> ProgramLimits:
        return ProgramLimits(self._ends_at - time.monotonic(), self._memory_bytes)

    def _copy(self, parts: Sequence[_JoinedPart], *, encodes_audio: bool = False) -> None:
        names = self._path.with_name(f"{self._path.stem}.parts.txt")
        lines = [f"file '{part.path.name}'\nduration {part.length_s:.6f}\n" for part in parts]
        names.write_text("".join(lines), "ascii")
        ffmpeg.concatenate(names, self._target, self._limits, encodes_audio=encodes_audio)
        names.unlink()

    def _encode(self, parts: Sequence[_JoinedPart]) -> None:
        """Encode one part after the other, because the memory of decoders adds up."""
        length_s = sum(part.length_s for part in parts)
        if not length_s:
            raise ValueError("no part can be read")
        if len(parts) > _MAX_ENCODED:
            raise Unaffordable(f"{len(parts)} parts that differ")
        conversion.check_audio(length_s, self._budget)
        video = _main_video(parts)
        encoding = conversion.encoding_of(video, length_s, self._budget) if video else None
        has_audio = any(part.found.audio for part in parts)
        for part in parts:
            filters = {}
            if video and encoding:
                filters["v"] = _pictures(part, encoding, video.pictures_per_s)
            if has_audio:
                filters["a"] = _sound(part)
            made = part.path.with_suffix(".encoded")
            ffmpeg.encode_part(part.path, made, filters, part.length_s, encoding, self._limits)
            made.replace(part.path)
        self._copy(parts, encodes_audio=has_audio)


def _inspect(path: Path) -> _JoinedPart:
    probed = ffmpeg.probe_result(ffmpeg.start_probe(path))
    found = contents.read(probed)
    length_s = found.duration_s or 0.0
    if "mp4" in found.containers:
        # For fragments ffprobe gives the time at which they end, by a clock that began long before.
        began_s = contents.positive(probed["format"].get("start_time")) or 0.0
        length_s = length_s - began_s if began_s < length_s else length_s
    return _JoinedPart(path, found, length_s, tuple(_streams(probed)))


def _streams(probed: Mapping[str, Any]) -> Iterator[object]:
    for stream in probed.get("streams") or ():
        if stream.get("codec_type") == "video":
            yield (*map(stream.get, _VIDEO_FIELDS), stream.get("extradata_hash"))
        elif stream.get("codec_type") == "audio":
            yield (*map(stream.get, _AUDIO_FIELDS), stream.get("extradata_hash"))


def _main_video(parts: Sequence[_JoinedPart]) -> Video | None:
    """The pictures that most of the film has; None for a song."""
    return _longest(
        (_as_encoded(video), part.length_s) for part in parts if (video := part.found.video)
    )


def _as_encoded(video: Video) -> Video:
    """What of a video's looks matters once it is encoded again."""
    rate = round(video.pictures_per_s, 3)
    return replace(video, codec="", pixel_format="", pictures_per_s=rate)


def _most(parts: Sequence[_JoinedPart]) -> list[_JoinedPart]:
    """The parts of the kind that most of the film has."""
    main = _longest((part.streams, part.length_s) for part in parts)
    return [part for part in parts if part.streams == main]


def _longest(parts: Iterable[tuple[T, float]]) -> T | None:
    """The kind of most of the film, by the kind and the seconds of each part."""
    lengths: dict[T, float] = {}
    for kind, length_s in parts:
        lengths[kind] = lengths.get(kind, 0.0) + length_s
    return max(lengths, key=lengths.__getitem__, default=None)


def _pictures(part: _JoinedPart, encoding: Encoding, rate: float) -> str:
    size = f"{encoding.width}:{encoding.height}"
    if part.found.video is None:
        return f"color=black:s={size.replace(':', 'x')}:r={rate},format=yuv420p,setsar=1"
    shape = f"scale=iw*sar:ih,scale={size}:force_original_aspect_ratio=decrease"
    shape += ffmpeg.tone_mapping(part.found.video.hdr)
    return f"[0:V:0]{shape},pad={size}:-1:-1,setsar=1,fps={rate},format=yuv420p"


def _sound(part: _JoinedPart) -> str:
    if part.found.audio is None:
        return f"anullsrc=r={_RATE_HZ}:cl=stereo"
    number = part.found.audio_number
    made = (
        f"aresample={_RATE_HZ}:async=1:first_pts=0,aformat=sample_fmts=s16:channel_layouts=stereo"
    )
    return f"[0:a:{number}]{made},apad"
