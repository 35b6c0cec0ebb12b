"""The commands of ffmpeg and ffprobe for local files, as few runs as possible.

Starting one takes 50 to 100 ms, so one run does all that the program can do at once. Both may
only read local files in known containers: a playlist that claims to be a video could otherwise
make them read any file or address.
"""

import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from worker.downloads.media.conversion import LEAST_CLIP_RATE, Conversion, Encoding
from worker.downloads.media.program_run import ProgramFailed, ProgramLimits, finish, run, start

_CONTAINERS = (
    "mov,mp4,m4a,3gp,matroska,webm,mpegts,mpeg,flv,avi,asf,mp3,aac,ogg,flac,wav,aiff,amr,caf,"
    "gif,apng,png_pipe,jpeg_pipe,webp_pipe,bmp_pipe,tiff_pipe,jpegxl_pipe,image2,h264,hevc,ac3,eac3,srt,webvtt,ass"
)
# A stream may begin long after the others, and is lost if it has not been found within this.
_FOUND_WITHIN = ("-analyzeduration", "120000000", "-probesize", "64000000")
INPUT_LIMITS: tuple[str, ...] = (
    "-protocol_whitelist",
    "file",
    "-format_whitelist",
    _CONTAINERS,
    *_FOUND_WITHIN,
)

_COVER_SHAPE = "scale='min(1000,iw)':'min(1000,ih)':force_original_aspect_ratio=decrease,setsar=1"
THUMBNAIL_SIDE = 320
THUMBNAIL_LIMIT_BYTES = 200_000

_QUIET = ("-hide_banner", "-nostdin", "-v", "error")
# With more threads x264 keeps more pictures in memory; two fit into 512 MiB beside yt-dlp.
_ENCODER_THREADS = "2"
_ORDINARY_COLORS = (
    *("-color_primaries", "bt709", "-color_trc", "bt709"),
    *("-colorspace", "bt709", "-color_range", "tv"),
)
_FORMATS = {
    ".mp4": "mp4",
    ".m4a": "ipod",
    ".mp3": "mp3",
    ".ogg": "ogg",
    ".flac": "flac",
    ".wav": "wav",
    ".mka": "matroska",
    ".mkv": "matroska",
}
_AAC = ("-c:a", "aac", "-ac", "2")
_ENCODERS = {
    ".mp3": ("-c:a", "libmp3lame", "-ac", "2"),
    # Telegram draws the waveform of Opus only, and one channel is enough for a voice.
    ".ogg": ("-c:a", "libopus", "-ac", "1"),
}
# A clip begins with the picture that is shown then, however long before it came.
_SHOWN_FROM_START = f"fps=fps='clip(source_fps,{LEAST_CLIP_RATE:g},60)':start_time=0,"
_LAST_STAYS = "tpad=stop=-1:stop_mode=clone,"
_WITH_VIDEO = frozenset({".mp4", ".mkv"})
_WITH_INDEX = frozenset({".mp4", ".m4a"})


def start_probe(path: Path, *, counts_packets: bool = False) -> subprocess.Popen[str]:
    """Start ffprobe on a file; `probe_result` returns what it finds.

    It reads the whole file to count packets.
    """
    command = ["ffprobe", "-hide_banner", "-v", "error", *INPUT_LIMITS]
    command += ["-count_packets"] if counts_packets else []
    command += ["-print_format", "json", "-show_format", "-show_streams"]
    command += ["-show_packets", "-read_intervals", "%+#1"] if not counts_packets else []
    command += ["-show_data_hash", "crc32", f"file:{path}"]
    return start(command)


def probe_result(probe: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for ffprobe and return its JSON. Raises ProgramFailed, ValueError."""
    result = json.loads(finish(probe))
    if not isinstance(result, dict):
        raise ValueError("ffprobe did not answer with an object")
    return result


def key_frames_before(path: Path, times_s: Sequence[float], limits: ProgramLimits) -> list[float]:
    """The last key frame up to each time; the times themselves for a file without pictures.

    Raises ProgramFailed, ValueError.
    """
    command = ["ffprobe", "-hide_banner", "-v", "error", *INPUT_LIMITS, "-select_streams", "V:0"]
    command += ["-read_intervals", ",".join(f"{time_s:.6f}%+#1" for time_s in times_s)]
    command += ["-show_entries", "packet=pts_time", "-print_format", "json", f"file:{path}"]
    packets = json.loads(run(command, limits)).get("packets") or []
    if not packets:
        return list(times_s)
    found = [float(packet["pts_time"]) for packet in packets]
    if len(found) != len(times_s):
        raise ProgramFailed(f"{len(found)} key frames for {len(times_s)} times")
    return [min(pair) for pair in zip(found, times_s, strict=True)]


def start_thumbnail(path: Path, thumbnail: Path, at_s: float) -> subprocess.Popen[str]:
    """Start drawing the key frame before `at_s` as a JPEG that Telegram accepts (Bot API, Video).

    The picture may be a video's or a song's cover. `wait_for` waits for it.

    ffmpeg is started only when the file is complete. Starting it with the download and letting it
    wait for the file saved at most 35 ms of a small download, which is as much as two runs differ
    by, and needed hooks into the download. Without it a small download takes 0.12 to 0.15 of the
    plain yt-dlp command's time.
    """
    side = THUMBNAIL_SIDE
    shape = f"scale=iw*sar:ih,scale={side}:{side}:force_original_aspect_ratio=decrease,setsar=1"
    # For a single picture more threads cost more time than they save.
    command = ["ffmpeg", *_QUIET, "-y", "-threads", "1", "-filter_threads", "1", *INPUT_LIMITS]
    if at_s > 0:  # a song's cover is lost by any seek, even one to the start
        command += ["-noaccurate_seek", "-ss", f"{at_s:.3f}"]
    command += ["-i", f"file:{path}"]
    command += ["-map", "0:v:0", "-frames:v", "1", "-vf", shape]
    command += ["-threads", "1", "-pix_fmt", "yuvj420p", "-q:v", "5"]
    command += ["-f", "mjpeg", f"file:{thumbnail}"]
    return start(command)


def wait_for(thumbnail_run: subprocess.Popen[str]) -> None:
    """Wait until a thumbnail is drawn. Raises ProgramFailed when there is none."""
    finish(thumbnail_run)


def is_thumbnail(path: Path) -> bool:
    """Whether there is a file at `path` that Telegram accepts as a thumbnail."""
    try:
        return 0 < path.stat().st_size < THUMBNAIL_LIMIT_BYTES
    except FileNotFoundError:
        return False


def convert(
    source: Path,
    target: Path,
    plan: Conversion,
    limits: ProgramLimits,
    span_s: tuple[float, float] | None = None,
    chapters: Path | None = None,
    *,
    last_picture_stays: bool = False,
) -> None:
    """Convert the first video and the chosen audio stream of `source`, and put the index first.

    `span_s` is where to begin and how much to take, in seconds. If pictures are encoded and
    `last_picture_stays`, the last one is shown to the end of the span. The `chapters` of the result
    are in a file of metadata; without it there are none. Raises ProgramFailed, for instance when a
    copied stream does not fit into an MP4, or when the time is up. ffmpeg itself rotates pictures
    that it encodes, and converts ADTS for MP4.
    """
    command = ["ffmpeg", *_QUIET, "-y", "-threads", "1", *INPUT_LIMITS]
    if span_s and plan.video:
        command += ["-noaccurate_seek", "-ss", f"{span_s[0]:.3f}"]
    elif span_s:
        command += ["-ss", f"{span_s[0]:.3f}", "-t", f"{span_s[1]:.3f}"]
    command += ["-i", f"file:{source}"]
    command += [*INPUT_LIMITS[:2], "-f", "ffmetadata", "-i", f"file:{chapters}"] if chapters else []
    command += ["-map", "0:V:0?"] if plan.suffix in _WITH_VIDEO else ["-vn"]
    command += ["-map", f"0:a:{plan.audio_number}?", "-dn", "-sn"]
    command += ["-map_chapters", "1" if chapters else "-1"]
    if plan.video and span_s:
        # The input begins with a key frame before the span, so both streams have to be cut.
        filters = (_LAST_STAYS if last_picture_stays else "") + _SHOWN_FROM_START
        command += _video_arguments(plan.video, filters)
        command += ["-af", "atrim=start=0", "-t", f"{span_s[1]:.3f}"]
    else:
        command += _video_arguments(plan.video) if plan.video else ["-c:v", "copy"]
    command += audio_arguments(plan)
    if plan.suffix in _WITH_INDEX:
        command += ["-movflags", "+faststart"]
    if span_s and not plan.video:
        # Otherwise the pictures from the last key frame to the span are hidden by some players and
        # shown by others.
        command += ["-avoid_negative_ts", "make_zero"]
        command += ["-copypriorss", "0"] if plan.suffix not in _WITH_VIDEO else []
    command += ["-f", _FORMATS[plan.suffix], f"file:{target}"]
    run(command, limits)


def cut(source: Path, piece_s: float, plan: Conversion, limits: ProgramLimits) -> None:
    """Cut a video at the key frame after each `piece_s` into files `NAME.part-NN.mp4` next to it.

    Raises ProgramFailed.
    """
    command = ["ffmpeg", *_QUIET, "-y", "-threads", "1", *INPUT_LIMITS, "-i", f"file:{source}"]
    command += [
        "-map",
        "0:V:0",
        "-map",
        f"0:a:{plan.audio_number}?",
        "-dn",
        "-sn",
        "-map_chapters",
        "-1",
    ]
    command += ["-c:v", "copy", *audio_arguments(plan)]
    # Otherwise, where pictures are reordered, the first piece would begin later than at 0 and seem
    # longer.
    command += ["-avoid_negative_ts", "disabled"]
    command += ["-f", "segment", "-segment_time", f"{piece_s:.3f}", "-reset_timestamps", "1"]
    command += ["-segment_format", "mp4", "-segment_format_options", "movflags=+faststart"]
    command += [f"file:{source.with_name(f'{source.stem}.part-%02d.mp4')}"]
    run(command, limits)


def make_song(
    source: Path,
    cover: Path | None,
    target: Path,
    plan: Conversion,
    words: Mapping[str, str],
    limits: ProgramLimits,
) -> None:
    """Make a file of sound with these tags, and with a JPEG as its cover. Raises ProgramFailed."""
    command = ["ffmpeg", *_QUIET, "-y", "-threads", "1", *INPUT_LIMITS, "-i", f"file:{source}"]
    if cover:
        command += [*INPUT_LIMITS, "-i", f"file:{cover}", "-map", "1:v:0", "-c:v", "copy"]
        command += ["-disposition:v:0", "attached_pic"]
    command += ["-map", f"0:a:{plan.audio_number}", "-dn", "-sn", "-map_chapters", "-1"]
    command += audio_arguments(plan)
    for name, word in words.items():
        # The egress guard takes a program with a URL among its arguments for an escape.
        command += ["-metadata", f"{name}={word.replace('://', ': //')}"]
    if plan.suffix in _WITH_INDEX:
        command += ["-movflags", "+faststart"]
    command += ["-f", _FORMATS[plan.suffix], f"file:{target}"]
    run(command, limits)


def draw_cover(source: Path, target: Path, limits: ProgramLimits) -> None:
    """Make a JPEG of a picture, or of the one in a song, that goes into a file of sound.

    Raises ProgramFailed.
    """
    command = ["ffmpeg", *_QUIET, "-y", "-threads", "1", *INPUT_LIMITS, "-i", f"file:{source}"]
    command += ["-map", "0:v:0", "-frames:v", "1", "-vf", _COVER_SHAPE]
    command += ["-pix_fmt", "yuvj420p", "-q:v", "3", "-f", "mjpeg", f"file:{target}"]
    run(command, limits)


def extract_picture(song: Path, target: Path, limits: ProgramLimits) -> None:
    """Copy the picture in a song into a file of its own. Raises ProgramFailed."""
    command = ["ffmpeg", *_QUIET, "-y", "-threads", "1", *INPUT_LIMITS, "-i", f"file:{song}"]
    command += ["-map", "0:v:0", "-frames:v", "1", "-c:v", "copy", "-f", "image2pipe"]
    run([*command, f"file:{target}"], limits)


def convert_picture(source: Path, target: Path, limits: ProgramLimits) -> None:
    """Make a JPEG or, if `target` is called so, a PNG of a picture. Raises ProgramFailed."""
    command = ["ffmpeg", *_QUIET, "-y", "-threads", "1", *INPUT_LIMITS, "-i", f"file:{source}"]
    command += ["-map", "0:V:0", "-frames:v", "1"]
    if target.suffix == ".png":
        command += ["-c:v", "png", "-f", "image2pipe"]
    else:
        command += ["-pix_fmt", "yuvj420p", "-q:v", "2", "-f", "mjpeg"]
    run([*command, f"file:{target}"], limits)


def convert_subtitles(source: Path, target: Path, limits: ProgramLimits) -> None:
    """Make a SubRip file of subtitles in another format. Raises ProgramFailed."""
    command = ["ffmpeg", *_QUIET, "-y", *INPUT_LIMITS, "-i", f"file:{source}"]
    command += ["-map", "0:s:0", "-c:s", "subrip", "-f", "srt", f"file:{target}"]
    run(command, limits)


def add_subtitles(
    video: Path, subtitles: Path, language: str, target: Path, limits: ProgramLimits
) -> None:
    """Copy an MP4 with SubRip subtitles as a track of it in this language (ISO 639-2).

    Raises ProgramFailed.
    """
    command = ["ffmpeg", *_QUIET, "-y", *INPUT_LIMITS, "-i", f"file:{video}"]
    command += [*INPUT_LIMITS[:2], "-f", "srt", "-i", f"file:{subtitles}"]
    command += ["-map", "0:V:0", "-map", "0:a?", "-map", "1:s:0", "-map_chapters", "0"]
    command += ["-c", "copy", "-c:s", "mov_text", "-metadata:s:s:0", f"language={language}"]
    command += ["-movflags", "+faststart", "-f", "mp4", f"file:{target}"]
    run(command, limits)


def merge(video: Path, sound: Path, late_s: float, target: Path, limits: ProgramLimits) -> None:
    """Copy a video and a sound that begins `late_s` after it into an MP4. Raises ProgramFailed."""
    command = ["ffmpeg", *_QUIET, "-y", *INPUT_LIMITS, "-i", f"file:{video}"]
    command += ["-itsoffset", f"{late_s:.6f}", *INPUT_LIMITS, "-i", f"file:{sound}"]
    command += ["-map", "0:V:0", "-map", "1:a:0", "-dn", "-sn", "-c", "copy"]
    command += ["-f", "mp4", f"file:{target}"]
    run(command, limits)


def extract_sound(source: Path, target: Path, number: int, limits: ProgramLimits) -> None:
    """Copy one audio stream of `source` into a file of its own. Raises ProgramFailed."""
    convert(source, target, Conversion(target.suffix, audio_number=number), limits)


def cut_sound(source: Path, piece_s: float, suffix: str, limits: ProgramLimits) -> None:
    """Cut sound after each `piece_s` into files `NAME.part-NN` with this suffix next to it.

    Raises ProgramFailed.
    """
    command = ["ffmpeg", *_QUIET, "-y", *INPUT_LIMITS, "-i", f"file:{source}"]
    command += ["-map", "0:a:0", "-map_chapters", "-1", "-c:a", "copy"]
    command += ["-f", "segment", "-segment_time", f"{piece_s:.3f}", "-reset_timestamps", "1"]
    command += ["-segment_format", _FORMATS[suffix]]
    if suffix in _WITH_INDEX:
        command += ["-segment_format_options", "movflags=+faststart"]
    command += [f"file:{source.with_name(f'{source.stem}.part-%02d{suffix}')}"]
    run(command, limits)


def concatenate(
    names: Path,
    target: Path,
    limits: ProgramLimits,
    *,
    encodes_audio: bool = False,
    sound_names: Path | None = None,
) -> None:
    """Copy the streams of the files that are listed in `names` one after the other to an MP4.

    Their streams must be of one kind. With `sound_names` the sound comes from the files listed
    there. Raises ProgramFailed.
    """
    formats = f"concat,{_CONTAINERS}"
    command = ["ffmpeg", *_QUIET, "-y"]
    for listed in filter(None, (names, sound_names)):
        command += [*INPUT_LIMITS[:2], "-format_whitelist", formats]
        command += ["-f", "concat", "-i", f"file:{listed}"]
    command += ["-map", "0:V:0?", "-map", "1:a:0?" if sound_names else "0:a:0?"]
    plan = Conversion(".mp4", encodes_audio=encodes_audio)
    command += ["-c:v", "copy", *audio_arguments(plan), "-f", "mp4", f"file:{target}"]
    run(command, limits)


def encode_part(
    source: Path,
    target: Path,
    filters: Mapping[str, str],
    length_s: float,
    encoding: Encoding | None,
    limits: ProgramLimits,
) -> None:
    """Encode `length_s` seconds of a file through filters; `concatenate` encodes its sound later.

    The filters are those for the pictures, `v`, and for the sound, `a`. Raises ProgramFailed.
    """
    graph = ";".join(f"{chain}[{name}]" for name, chain in filters.items())
    command = ["ffmpeg", *_QUIET, "-y", "-threads", "1", *INPUT_LIMITS, "-i", f"file:{source}"]
    command += ["-filter_complex_threads", "1", "-filter_complex", graph]
    for name in filters:
        command += ["-map", f"[{name}]"]
    command += _x264_arguments(encoding) if encoding else []
    # Lossless, and without the silence with which AAC begins.
    command += ["-c:a", "flac", "-t", f"{length_s:.6f}", "-f", "matroska", f"file:{target}"]
    run(command, limits)


def _video_arguments(encoding: Encoding, filters_before: str = "") -> Iterable[str]:
    shape = f"scale={encoding.width}:{encoding.height},setsar=1{tone_mapping(encoding.hdr)}"
    return ("-vf", filters_before + shape, "-fpsmax", "60", *_x264_arguments(encoding))


def tone_mapping(hdr: str | None) -> str:
    """The filters, to follow others, that turn pictures with this curve into ordinary ones."""
    if hdr is None:
        return ""
    return (
        f",zscale=tin={hdr}:min=bt2020nc:pin=bt2020:t=linear:npl=100,format=gbrpf32le"
        ",zscale=p=bt709,tonemap=mobius:desat=0,zscale=t=bt709:m=bt709:r=tv,format=yuv420p"
    )


def _x264_arguments(encoding: Encoding) -> Iterable[str]:
    rate = encoding.max_bps
    return (
        *("-c:v", "libx264", "-threads", _ENCODER_THREADS, "-preset", encoding.preset),
        *("-pix_fmt", "yuv420p"),
        *(_ORDINARY_COLORS if encoding.hdr else ()),
        *("-crf", "23", "-maxrate", str(rate), "-bufsize", str(2 * rate)),
    )


def audio_arguments(plan: Conversion) -> Iterable[str]:
    """How the sound of a file is encoded, or that it is copied."""
    if not plan.encodes_audio:
        return ("-c:a", "copy")
    if plan.suffix == ".flac":
        return ("-c:a", "flac")
    return (*_ENCODERS.get(plan.suffix, _AAC), "-b:a", str(plan.audio_bps))
