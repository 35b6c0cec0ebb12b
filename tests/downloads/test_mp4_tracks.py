"""An ordinary MP4 is read as ffprobe reads it, and no other at all, whoever wrote it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from tests.support.media import make
from tests.support.spoiled_clip import changed, changes
from worker.downloads.media import contents, ffmpeg
from worker.downloads.media.contents import Contents
from worker.downloads.media.mp4 import tracks
from worker.downloads.media.program_run import ProgramFailed

FAST = "-c:v libx264 -preset ultrafast"
COPY = "-c copy -movflags +faststart"


def judged(path: Path) -> Contents:
    """What ffprobe says."""
    return contents.read(ffmpeg.probe_result(ffmpeg.start_probe(path)))


def rounded(found: Contents) -> Contents:
    """ffprobe writes six digits of a length, and a rate as a fraction of 32-bit numbers.

    The sound's rate in bits is known by it alone, and only of use where sound is encoded.
    """
    assert found.video is not None
    assert found.duration_s is not None
    rate = float(f"{found.video.pictures_per_s:.6g}")
    video = replace(found.video, pictures_per_s=rate)
    return replace(found, video=video, duration_s=round(found.duration_s, 5), audio_bps=None)


def assert_is_read_as_by_ffprobe(path: Path) -> None:
    found = tracks.read(path)
    assert found is not None
    assert rounded(found) == rounded(judged(path))


@pytest.mark.usefixtures("needs_ffmpeg")
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("plain.mp4", COPY),
        ("behind.mp4", "-c copy"),
        ("phone.3gp", COPY),
        ("silent.mp4", f"-an {COPY}"),
        ("sound-first.mp4", f"-map 0:a -map 0:v {COPY}"),
        ("turned.mp4", f"{COPY} -metadata:s:v rotate=90"),
        ("upside-down.mp4", f"{COPY} -metadata:s:v rotate=180"),
        ("turned-back.mp4", f"{COPY} -metadata:s:v rotate=270"),
        ("baseline.mp4", f"{FAST} -profile:v baseline -c:a copy"),
        ("main.mp4", f"{FAST} -profile:v main -c:a copy"),
        ("high.mp4", "-c:v libx264 -preset slow -profile:v high -bf 3 -c:a copy"),
        ("full-range.mp4", f"{FAST} -pix_fmt yuvj420p -c:a copy"),
        ("colors.mp4", f"{FAST} -colorspace bt709 -color_trc bt709 -color_primaries bt709"),
        ("cropped.mp4", f"{FAST} -vf scale=322:242,setsar=1 -c:a copy"),
        ("full-hd.mp4", f"{FAST} -vf scale=1920:1080,setsar=1 -t 0.3 -c:a copy"),
        ("ntsc.mp4", f"{FAST} -r 30000/1001 -c:a copy"),
        ("film.mp4", f"{FAST} -r 24000/1001 -c:a copy"),
        ("slow.mp4", f"{FAST} -r 1 -c:a copy"),
        ("too-fast-to-be-true.mp4", f"{FAST} -r 120 -c:a copy"),
        ("odd-rate.mp4", f"{FAST} -r 13.37 -c:a copy"),
        ("uneven.mp4", f"{FAST} -vf select=not(mod(n\\,3))+not(mod(n\\,7)) -vsync vfr -c:a copy"),
        ("surround.mp4", "-c:v copy -c:a aac -ac 6 -ar 48000"),
        ("cut.mp4", f"-ss 1.2 -t 1 {COPY}"),
        ("without-edits.mp4", f"{COPY} -use_editlist 0"),
        ("negative-offsets.mp4", f"{COPY}+negative_cts_offsets"),
        (
            "many-digits.mp4",
            f"{COPY} -movie_timescale 2000000000 -video_track_timescale 2000000000",
        ),
        ("texts.mp4", f"{COPY} -metadata title=T -metadata artist=A -metadata comment=C"),
    ],
)
def test_an_ordinary_file_is_read_as_by_ffprobe(tmp_path: Path, name: str, arguments: str) -> None:
    assert_is_read_as_by_ffprobe(make(tmp_path / name, arguments))


@pytest.mark.usefixtures("needs_ffmpeg")
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("sound.m4a", f"-vn {COPY}"),
        ("ten-bit.mp4", f"{FAST} -pix_fmt yuv420p10le -c:a copy"),
        ("full-chroma.mp4", f"{FAST} -pix_fmt yuv444p -c:a copy"),
        ("half-chroma.mp4", f"{FAST} -pix_fmt yuv422p -c:a copy"),
        ("gray.mp4", f"{FAST} -pix_fmt gray -c:a copy"),
        ("interlaced.mp4", "-c:v libx264 -x264-params tff=1 -c:a copy"),
        ("hevc.mp4", "-c:v libx265 -preset ultrafast -x265-params log-level=0 -c:a copy"),
        ("vp9.mp4", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a copy"),
        ("mpeg4.mp4", "-c:v mpeg4 -c:a copy"),
        ("mp3.mp4", "-c:v copy -c:a libmp3lame"),
        ("opus.mp4", "-c:v copy -c:a libopus"),
        ("ac3.mp4", "-c:v copy -c:a ac3"),
        ("main-profile-of-aac.mp4", "-c:v copy -c:a aac -profile:a aac_main"),
        ("oblong.mp4", f"{FAST} -vf setsar=4/3 -c:a copy"),
        ("oblong-on-the-outside.mp4", f"{COPY} -aspect 16:9"),
        ("oblong-on-the-inside.mp4", f"{COPY} -bsf:v h264_metadata=sample_aspect_ratio=4/3"),
        ("smaller-inside.mp4", f"{COPY} -bsf:v h264_metadata=crop_right=16:crop_bottom=8"),
        ("aslant.mp4", f"{COPY} -metadata:s:v rotate=45"),
        ("fragments.mp4", "-c copy -movflags frag_keyframe+empty_moov"),
        ("fragments-after-all.mp4", "-c copy -movflags frag_keyframe"),
        ("film.mov", COPY),
        ("two-sounds.mp4", f"-map 0:v -map 0:a -map 0:a {COPY}"),
        ("two-films.mp4", f"-map 0:v -map 0:v {COPY}"),
        ("clock.mp4", f"{COPY} -timecode 00:00:00:00"),
        ("keys.mp4", f"{COPY}+use_metadata_tags -metadata any=thing"),
    ],
)
def test_any_other_file_is_left_to_ffprobe(tmp_path: Path, name: str, arguments: str) -> None:
    assert tracks.read(make(tmp_path / name, arguments)) is None


@pytest.mark.usefixtures("needs_ffmpeg")
def test_a_film_with_a_cover_is_left_to_ffprobe(tmp_path: Path) -> None:
    assert tracks.read(_with_cover(tmp_path)) is None


@pytest.mark.usefixtures("needs_ffmpeg")
@pytest.mark.negative
def test_a_cover_would_be_missed_in_a_shape_that_is_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = _with_cover(tmp_path)
    monkeypatch.setitem(tracks._INSIDE, b"ilst", {b"\xa9too", b"covr"})
    assert tracks.read(film) != replace(judged(film), audio_bps=None)


def _with_cover(directory: Path) -> Path:
    cover = make(directory / "cover.jpg", "-frames:v 1")
    arguments = f"-i {cover} -map 0 -map 1 -disposition:v:1 attached_pic {COPY}"
    return make(directory / "film.mp4", arguments)


# --------------------------------------------------------------------------- hostile files


@pytest.mark.usefixtures("needs_ffmpeg")
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(changes)
def test_a_changed_index_is_read_as_by_ffprobe_or_not_at_all(
    tmp_path: Path, places: list[tuple[int, int]]
) -> None:
    path, thumbnail = tmp_path / "media.mp4", tmp_path / "thumbnail.jpg"
    path.write_bytes(changed(places))
    found = tracks.read(path)
    if found is None or not _has_a_picture(path, thumbnail):
        return  # then nobody believes it
    told = judged(path)
    if told.video and told.video.pixel_format == "None":  # it gave up before the first picture
        told = replace(told, video=replace(told.video, pixel_format="yuv420p"))
    assert rounded(found) == rounded(told)


def _has_a_picture(path: Path, thumbnail: Path) -> bool:
    thumbnail.unlink(missing_ok=True)
    try:
        ffmpeg.wait_for(ffmpeg.start_thumbnail(path, thumbnail, 1.0))
    except ProgramFailed:
        return False
    return thumbnail.exists() and thumbnail.stat().st_size > 0
