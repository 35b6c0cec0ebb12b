"""What belongs to a song beside its sound: a cover, a title and who made it."""

import base64
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mutagen
import pytest
from mutagen import flac

from tests.support.download_limits import LIMITS, limits_with
from tests.support.downloads_harness import Worker
from tests.support.file_server import served
from tests.support.media import assert_has_thumbnail, make_of
from worker.downloads.file_names import cover_path
from worker.downloads.media import sponsors
from worker.downloads.media.clipping import clip
from worker.downloads.media.finishing import finish
from worker.downloads.spans import Span
from worker.form import Clip, Form
from worker.protocol import MediaKind

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")

TONE = "sine=440:d=1"
TAGS = "-metadata title=A_song -metadata artist=Ada -metadata album=An_album"
EMBEDDED = "-map 0 -map 1 -frames:v 1 -c:v mjpeg -pix_fmt yuvj420p -disposition:v attached_pic"


def song(path: Path, encoder: str) -> Path:
    """A second of sound with tags and a cover."""
    if path.suffix in {".ogg", ".opus"}:
        cover = make_of(path.with_suffix(".jpg"), ["testsrc=s=320x240:d=1"], "-frames:v 1")
        make_of(path, [TONE], f"-c:a {encoder} {TAGS}")
        picture: Any = flac.Picture()  # type: ignore[no-untyped-call]
        picture.data, picture.type, picture.mime = cover.read_bytes(), 3, "image/jpeg"
        tagged = mutagen.File(path)
        tagged["metadata_block_picture"] = [base64.b64encode(picture.write()).decode()]
        tagged.save()
        return path
    return make_of(path, [TONE, "testsrc=s=320x240:d=1"], f"{EMBEDDED} -c:a {encoder} {TAGS}")


@pytest.mark.parametrize(
    ("name", "encoder"),
    [
        ("song.m4a", "aac"),  # with its index behind
        ("song.mp3", "libmp3lame"),
        ("song.flac", "flac"),
        ("song.ogg", "libvorbis"),
        ("song.opus", "libopus"),
    ],
)
def test_a_song_keeps_its_cover_and_its_name(tmp_path: Path, name: str, encoder: str) -> None:
    made = finish(song(tmp_path / name, encoder), {"direct": True, "title": "song"}, limits_with())
    assert (made.facts.kind, made.facts.note) == (MediaKind.AUDIO, None)
    assert (made.facts.title, made.facts.uploader) == ("A_song", "Ada")
    assert made.thumbnail is not None
    assert (tmp_path / made.thumbnail).read_bytes().startswith(b"\xff\xd8")


def a_clip(path: Path) -> Path:
    return clip(path, Span(1, 3), {}, limits_with()).path


def without_sponsors(path: Path) -> Path:
    segment = {"title": "Sponsor", "start_time": 1.5, "end_time": 2.5}
    return sponsors.cut_out(path, {"duration": 4, sponsors.SEGMENTS: [segment]}, limits_with())[0]


@pytest.mark.parametrize("part_of", [a_clip, without_sponsors])
@pytest.mark.parametrize("has_own", [True, False], ids=["its own", "its site's"])
def test_a_part_of_a_song_keeps_the_cover(
    tmp_path: Path, part_of: Callable[[Path], Path], has_own: bool
) -> None:
    path, picture, tone = tmp_path / "song.m4a", "testsrc=s=320x240:d=1", "sine=440:d=4"
    if has_own:
        make_of(path, [tone, picture], f"{EMBEDDED} -c:a aac")
    else:
        make_of(path, [tone], "-c:a aac")
        make_of(cover_path(path), [picture], "-frames:v 1 -f mjpeg")
    made = finish(part_of(path), {}, limits_with())
    assert made.facts.kind is MediaKind.AUDIO
    assert made.facts.duration_s == pytest.approx(2.5, abs=0.6)
    assert made.thumbnail is not None
    assert (tmp_path / made.thumbnail).read_bytes().startswith(b"\xff\xd8")


def test_a_link_to_a_song_is_answered_with_its_name(warm: Worker, tmp_path: Path) -> None:
    path = song(tmp_path / "track01.flac", "flac")
    with served(tmp_path) as url:
        media = warm.run(f"{url}/{path.name}", LIMITS).media
    assert (media.facts.title, media.facts.uploader) == ("A_song", "Ada")
    assert_has_thumbnail(media)


def test_words_of_a_site_come_before_those_of_a_file(tmp_path: Path) -> None:
    info = {"title": "The site's", "uploader": "Bea"}
    made = finish(song(tmp_path / "song.mp3", "libmp3lame"), info, limits_with())
    assert (made.facts.title, made.facts.uploader) == ("The site's", "Bea")


# Silence takes few bytes, so the first ones say little of the length.
QUIET_AT_FIRST = "aevalsrc=if(lt(t\\,20)\\,0\\,random(0)-0.5):d=30:s=44100"


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("song.aac", "-c:a aac -q:a 2"),
        ("song.mp3", "-c:a libmp3lame -q:a 4 -write_xing 0"),
        ("tagged.mp3", "-c:a libmp3lame -q:a 4 -write_xing 0 -metadata title=Xing"),
        ("slow.mp3", "-c:a libmp3lame -q:a 4 -ar 22050 -write_xing 0"),
        ("counted.mp3", "-c:a libmp3lame -q:a 4"),
        ("song.webm", "-c:a libopus -f webm -live 1"),
    ],
)
def test_the_length_of_a_song_is_counted_where_its_file_does_not_tell_it(
    tmp_path: Path, name: str, arguments: str
) -> None:
    path = make_of(tmp_path / name, [QUIET_AT_FIRST], arguments)
    made = finish(path, {"title": "song"}, limits_with())
    assert made.facts.duration_s == pytest.approx(30, abs=0.2)


def test_the_length_of_a_song_with_a_picture_is_counted(tmp_path: Path) -> None:
    sources = [QUIET_AT_FIRST, "testsrc=s=320x240:d=1"]
    arguments = f"{EMBEDDED} -c:a libmp3lame -q:a 4 -write_xing 0"
    made = finish(make_of(tmp_path / "song.mp3", sources, arguments), {}, limits_with())
    assert made.facts.duration_s == pytest.approx(30, abs=0.2)


def test_flac_that_was_written_to_a_pipe_has_its_length(tmp_path: Path) -> None:
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=d=3", "-f", "flac", "-"]
    (tmp_path / "song.flac").write_bytes(
        subprocess.run(command, capture_output=True, check=True).stdout
    )
    made = finish(tmp_path / "song.flac", {"title": "song"}, limits_with())
    assert made.facts.duration_s == pytest.approx(3, abs=0.1)


def test_a_clip_near_the_end_of_raw_aac_comes(warm: Worker, tmp_path: Path) -> None:
    loud_first = QUIET_AT_FIRST.replace("lt", "gt").replace("20", "10")
    make_of(tmp_path / "song.aac", [loud_first], "-c:a aac -q:a 2")
    with served(tmp_path) as url:
        media = warm.run(f"{url}/song.aac", LIMITS, form=Form(clip=Clip(2500, 2800))).media
    assert media.facts.duration_s == pytest.approx(3, abs=0.2)
