"""A video that plays everywhere: whatever a site has, through the real yt-dlp and ffmpeg."""

import shutil
from pathlib import Path

import pytest

from tests.sandbox.clips import SAMPLE
from tests.support.download_limits import LIMITS, limits_with
from tests.support.downloads_harness import Worker
from tests.support.exhaustive import in_full
from tests.support.file_server import served
from tests.support.media import (
    assert_has_thumbnail,
    index_stands_in_front,
    make,
    probe,
    replace_program,
)
from worker.downloads.media import ffmpeg
from worker.downloads.media.finishing import finish
from worker.errors import Fault, JobError, Reason
from worker.protocol import MediaFacts, MediaFile, MediaKind, Note

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")

AUDIO, VIDEO, PHOTO = MediaKind.AUDIO, MediaKind.VIDEO, MediaKind.PHOTO
ANIMATION, DOCUMENT = MediaKind.ANIMATION, MediaKind.DOCUMENT


def fetched(warm: Worker, path: Path, **limits: float) -> MediaFile:
    """The media that comes of a link to this file."""
    with served(path.parent) as url:
        return warm.run(f"{url}/{path.name}", limits_with(**limits)).media


def assert_plays_everywhere(media: MediaFile, width: int = 320, height: int = 240) -> None:
    probed = probe(media.path)
    assert "mp4" in probed.containers
    assert media.path.endswith(".mp4")
    assert index_stands_in_front(media.path)
    assert (probed.video, probed.pixel_format) == ("h264", "yuv420p")
    assert probed.audio in {"aac", None}
    assert (media.facts.width, media.facts.height) == (width, height)
    # As they are seen: what a player turns by a quarter lies on its side in the file.
    sides = (probed.height, probed.width) if probed.turned % 180 else (probed.width, probed.height)
    assert sides == (width, height)
    assert media.facts.duration_s == pytest.approx(probed.duration_s, abs=0.1)
    assert_has_thumbnail(media, width > height)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("plain.mp4", "-c copy -movflags +faststart"),
        ("behind.mp4", "-c copy"),
        ("fragments.mp4", "-c copy -movflags frag_keyframe+empty_moov"),
        ("film.mkv", "-c copy"),
        in_full("film.mov", "-c copy -movflags +faststart"),
        ("film.ts", "-c copy"),
        in_full("film.flv", "-c copy"),
        in_full("sound.mkv", "-c:v copy -c:a libopus"),
        ("vp9.webm", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a libopus"),
        ("unknown-length.webm", "-c:v libvpx -deadline realtime -c:a libopus -live 1"),
        ("hevc.mp4", "-c:v libx265 -preset ultrafast -x265-params log-level=0 -c:a copy"),
        ("ten-bit.mp4", "-c:v libx264 -preset ultrafast -pix_fmt yuv420p10le -c:a copy"),
        in_full("full-chroma.mp4", "-c:v libx264 -preset ultrafast -pix_fmt yuv444p -c:a copy"),
        ("old.avi", "-c:v mpeg4 -c:a libmp3lame"),
    ],
)
def test_a_video_plays_everywhere(warm: Worker, tmp_path: Path, name: str, arguments: str) -> None:
    media = fetched(warm, make(tmp_path / name, arguments))
    assert (media.facts.kind, media.facts.note) == (VIDEO, None)
    assert_plays_everywhere(media)
    assert media.facts.duration_s == pytest.approx(3.0, abs=0.3)
    assert probe(media.path).audio == "aac"


@pytest.mark.parametrize("codec", ["-c copy", "-c:v libx265 -x265-params log-level=0 -c:a copy"])
def test_a_video_that_was_filmed_upright_is_upright(
    warm: Worker, tmp_path: Path, codec: str
) -> None:
    lying = make(tmp_path / "lying.mp4", codec)
    source = make(tmp_path / "filmed.mov", "-c copy -metadata:s:v rotate=90", lying)
    assert_plays_everywhere(fetched(warm, source), 240, 320)


def test_a_video_of_oblong_pixels_is_as_wide_as_it_looks(warm: Worker, tmp_path: Path) -> None:
    source = make(tmp_path / "wide.mp4", "-c:v libx264 -vf setsar=4/3 -movflags +faststart")
    media = fetched(warm, source)
    assert (media.facts.width, media.facts.height) == (427, 240)
    assert_has_thumbnail(media)
    coded = make(tmp_path / "wide.webm", "-c:v libvpx -deadline realtime -vf setsar=4/3 -an")
    assert_plays_everywhere(fetched(warm, coded), 428, 240)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("loop.mp4", "-an -c:v copy"),
        ("loop.webm", "-an -c:v libvpx -deadline realtime"),
        ("loop.apng", "-an -t 1 -r 5 -plays 0 -f apng"),
    ],
)
def test_a_short_video_without_sound_is_an_animation(
    warm: Worker, tmp_path: Path, name: str, arguments: str
) -> None:
    media = fetched(warm, make(tmp_path / name, arguments))
    assert media.facts.kind is ANIMATION
    assert_plays_everywhere(media)


def test_a_long_video_without_sound_is_a_video(warm: Worker, tmp_path: Path) -> None:
    longer = "-vf tpad=stop_mode=clone:stop_duration=30 -an -c:v libx264 -movflags +faststart"
    media = fetched(warm, make(tmp_path / "long.mp4", longer))
    assert media.facts.kind is VIDEO
    assert_plays_everywhere(media)


def test_a_gif_stays_one(warm: Worker, tmp_path: Path) -> None:
    media = fetched(warm, make(tmp_path / "moving.gif", "-t 1 -r 5"))
    assert (media.facts.kind, media.facts.width, media.facts.height) == (ANIMATION, 320, 240)
    assert media.path.endswith(".gif")


@pytest.mark.parametrize(
    ("name", "arguments", "suffix", "codec"),
    [
        ("song.mp3", "-vn -c:a libmp3lame", ".mp3", "mp3"),
        ("song.m4a", "-vn -c:a copy -movflags +faststart", ".m4a", "aac"),
        in_full("behind.m4a", "-vn -c:a copy", ".m4a", "aac"),
        ("film.mp4", "-vn -c:a copy", ".m4a", "aac"),
        in_full("song.aac", "-vn -c:a copy", ".m4a", "aac"),
        ("song.ogg", "-vn -c:a libvorbis -ac 2", ".m4a", "aac"),
        in_full("song.opus", "-vn -c:a libopus", ".m4a", "aac"),
        in_full("song.flac", "-vn", ".m4a", "aac"),
        ("song.wav", "-vn", ".m4a", "aac"),
        ("song.mka", "-vn -c:a libmp3lame", ".mp3", "mp3"),
    ],
)
def test_a_sound_plays_everywhere(
    warm: Worker, tmp_path: Path, name: str, arguments: str, suffix: str, codec: str
) -> None:
    media = fetched(warm, make(tmp_path / name, arguments))
    assert media.facts.kind is AUDIO
    assert Path(media.path).suffix == suffix
    probed = probe(media.path)
    assert (probed.audio, probed.video) == (codec, None)
    assert media.facts.duration_s == pytest.approx(probed.duration_s, abs=0.2)
    assert media.facts.duration_s == pytest.approx(3.0, abs=0.3)


def test_a_song_brings_its_cover(warm: Worker, tmp_path: Path) -> None:
    cover = make(tmp_path / "cover.jpg", "-frames:v 1")
    source = make(
        tmp_path / "song.mp3",
        f"-i {cover} -map 0:a -map 1:v -c:a libmp3lame -c:v copy -disposition:v attached_pic",
    )
    media = fetched(warm, source)
    assert (media.facts.kind, media.facts.width) == (AUDIO, None)
    assert_has_thumbnail(media)


@pytest.mark.parametrize(
    ("name", "arguments", "kind"),
    [
        ("still.png", "-frames:v 1", PHOTO),
        ("still.jpg", "-frames:v 1", PHOTO),
        ("strip.png", "-frames:v 1 -vf scale=2100:100,setsar=1", DOCUMENT),
        ("poster.jpg", "-frames:v 1 -vf scale=6000:4100,setsar=1", DOCUMENT),
    ],
)
def test_a_picture_is_a_photo_if_telegram_takes_it(
    warm: Worker, tmp_path: Path, name: str, arguments: str, kind: MediaKind
) -> None:
    media = fetched(warm, make(tmp_path / name, arguments))
    assert media.facts.kind is kind
    assert Path(media.path).suffix == Path(name).suffix


@pytest.mark.parametrize(
    ("content", "name", "kind"),
    [
        ("film.mkv", "film.mp4", VIDEO),
        ("film.mp4", "film.webm", VIDEO),
        ("film.mp4", "film.mp3", VIDEO),
        ("song.mp3", "song.mp4", AUDIO),
        ("song.m4a", "song.mp3", AUDIO),
    ],
)
def test_a_name_that_lies_is_not_believed(
    warm: Worker, tmp_path: Path, content: str, name: str, kind: MediaKind
) -> None:
    arguments = "-vn" if kind is AUDIO else "-c copy -movflags +faststart"
    source = make(tmp_path / f"made-{content}", arguments)
    media = fetched(warm, source.rename(tmp_path / name))
    assert media.facts.kind is kind
    if kind is VIDEO:
        assert_plays_everywhere(media)
    else:
        assert Path(media.path).suffix == Path(content).suffix


def cut(source: Path, at: float) -> Path:
    data = source.read_bytes()
    source.write_bytes(data[: int(len(data) * at)])
    return source


@pytest.mark.parametrize(
    ("arguments", "at"), [("-c copy -movflags +faststart", 0.7), ("-c copy", 0.7)]
)
def test_a_file_that_ends_in_its_middle_is_not_passed_on(
    warm: Worker, tmp_path: Path, arguments: str, at: float
) -> None:
    source = cut(make(tmp_path / "cut.mp4", arguments), at)
    with served(source.parent) as url:
        error = warm.run(f"{url}/{source.name}", LIMITS).error
    assert (error.reason, error.fault) == (Reason.BROKEN_FILE, Fault.PERMANENT)


def test_a_file_of_no_bytes_is_said_to_be_empty(warm: Worker, tmp_path: Path) -> None:
    (tmp_path / "nothing.mp4").touch()
    with served(tmp_path) as url:
        assert warm.run(f"{url}/nothing.mp4", LIMITS).error.reason is Reason.EMPTY_FILE


def test_a_conversion_that_would_take_too_long_is_not_begun(warm: Worker, tmp_path: Path) -> None:
    silence = "-f lavfi -t 900 -i anullsrc=r=8000:cl=mono -map 0:v -map 1:a -c:a aac -b:a 8k"
    source = make(tmp_path / "hevc.mp4", f"{silence} -c:v libx265 -x265-params log-level=0")
    media = fetched(warm, source, timeout_s=60)
    assert (media.facts.kind, media.facts.note) == (DOCUMENT, Note.NOT_CONVERTED)
    assert Path(media.path).read_bytes() == source.read_bytes()
    assert_has_thumbnail(media)


def test_a_conversion_without_memory_costs_no_answer(warm: Worker, tmp_path: Path) -> None:
    arguments = "-vf scale=1920:1080 -c:v libx265 -preset ultrafast -x265-params log-level=0 -t 1"
    source = make(tmp_path / "hevc.mp4", arguments)
    media = fetched(warm, source, memory_bytes=200 * 1024 * 1024)
    assert (media.facts.kind, media.facts.note) == (DOCUMENT, Note.NOT_CONVERTIBLE)


def test_a_converted_video_stays_below_the_limit(warm: Worker, tmp_path: Path) -> None:
    # What H.264 would need more bytes for than HEVC did.
    noise = "-vf noise=alls=80:allf=t -an -c:v libx265 -preset ultrafast"
    noise += " -b:v 800k -x265-params log-level=0"
    source = make(tmp_path / "noise.mp4", noise)
    limit = source.stat().st_size + 1
    media = fetched(warm, source, max_file_bytes=limit)
    assert media.size_bytes <= limit
    assert media.facts.kind is ANIMATION
    assert_plays_everywhere(media)


def test_ffprobe_that_was_killed_says_nothing_about_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = make(tmp_path / "media.mkv", "-c copy")
    replace_program("ffprobe", tmp_path / "programs", monkeypatch, "kill -KILL $$")
    with pytest.raises(JobError) as caught:
        finish(film, {}, limits_with())
    assert (caught.value.reason, caught.value.fault) == (Reason.CRASHED, Fault.RETRYABLE)


def test_an_ordinary_video_needs_no_ffprobe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_program("ffprobe", tmp_path / "programs", monkeypatch, "exit 1")
    film = Path(shutil.copy(SAMPLE, tmp_path / "media.mp4"))
    made = finish(film, {}, limits_with())
    assert made.facts == MediaFacts(VIDEO, width=320, height=240, duration_s=3.0)
    assert made.thumbnail is not None


def test_an_index_in_order_over_rubbish_is_no_video(tmp_path: Path) -> None:
    made = finish(_rubbish_in_order(tmp_path), {}, limits_with())
    assert (made.facts.kind, made.facts.note) == (DOCUMENT, Note.NOT_CONVERTIBLE)
    assert made.thumbnail is None


@pytest.mark.negative
def test_rubbish_would_pass_if_its_index_were_believed_without_a_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ffmpeg, "is_thumbnail", lambda path: True)
    assert finish(_rubbish_in_order(tmp_path), {}, limits_with()).facts.kind is VIDEO


def _rubbish_in_order(directory: Path) -> Path:
    clip = SAMPLE.read_bytes()
    media = clip.index(b"mdat") + 4
    film = directory / "media.mp4"
    film.write_bytes(clip[:media] + bytes(len(clip) - media))
    return film
