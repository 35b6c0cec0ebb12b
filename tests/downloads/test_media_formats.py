"""Sound in the format that somebody has chosen, and files as their site has them."""

import hashlib
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mutagen
import pytest

from tests.support.download_limits import LIMITS, limits_for_parts, limits_with
from tests.support.downloads_harness import Worker
from tests.support.file_server import served
from tests.support.media import make, make_of
from worker.downloads.media.preparing import Downloaded
from worker.downloads.media.songs import convert_to_sound
from worker.errors import Fault, JobError, Reason
from worker.form import Form, What
from worker.protocol import MediaFile, MediaKind

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")

TONE, PICTURE = "sine=440:r=44100:d=4", "testsrc=s=320x240:d=1"
TAGS = "-metadata title=A_song -metadata artist=Ada -metadata album=An_album"
COVERED = (
    f"-map 0 -map 1 -frames:v 1 -c:v mjpeg -pix_fmt yuvj420p -disposition:v attached_pic {TAGS}"
)


@dataclass(frozen=True)
class Sound:
    """What ffprobe says of a file of sound."""

    codec: str
    bps: int
    channels: int
    has_cover: bool
    tags: dict[str, str]
    packets: str


def heard(path: Path | str) -> Sound:
    command = ["ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json", str(path)]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    sound = next(s for s in found["streams"] if s["codec_type"] == "audio")
    tags = {**found["format"].get("tags", {}), **sound.get("tags", {})}
    copied = [
        "ffmpeg",
        "-v",
        "error",
        "-i",
        str(path),
        "-map",
        "0:a:0",
        "-c",
        "copy",
        "-f",
        "md5",
        "-",
    ]
    return Sound(
        sound["codec_name"],
        int(sound.get("bit_rate") or found["format"]["bit_rate"]),
        sound["channels"],
        any(s["disposition"]["attached_pic"] for s in found["streams"]),
        {name.lower(): word for name, word in tags.items()},
        subprocess.run(copied, capture_output=True, check=True, text=True).stdout,
    )


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return make_of(
        tmp_path / "film.mp4",
        ["testsrc=s=160x120:r=10:d=4", TONE],
        "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac -b:a 96k",
    )


def sent(warm: Worker, path: Path, form: Form) -> MediaFile:
    with served(path.parent) as url:
        return warm.run(f"{url}/{path.name}", LIMITS, form=form).media


@pytest.mark.parametrize(
    ("what", "codec", "bps"),
    [(What.MP3, "mp3", 192_000), (What.MP3_BEST, "mp3", 320_000)],
)
def test_mp3_has_the_bit_rate_that_was_chosen(
    warm: Worker, film: Path, what: What, codec: str, bps: int
) -> None:
    media = sent(warm, film, Form(what))
    assert (media.facts.kind, Path(media.path).suffix) == (MediaKind.AUDIO, ".mp3")
    made = heard(media.path)
    assert (made.codec, made.bps) == (codec, bps)
    assert media.facts.duration_s == pytest.approx(4, abs=0.1)


def test_m4a_is_the_sound_as_it_was(warm: Worker, film: Path) -> None:
    before = heard(film)
    media = sent(warm, film, Form(What.M4A))
    assert Path(media.path).suffix == ".m4a"
    assert heard(media.path).packets == before.packets


def test_voice_is_opus_in_one_channel(warm: Worker, film: Path) -> None:
    media = sent(warm, film, Form(What.VOICE))
    assert (media.facts.kind, Path(media.path).suffix) == (MediaKind.VOICE, ".ogg")
    made = heard(media.path)
    assert (made.codec, made.channels) == ("opus", 1)
    assert media.facts.duration_s == pytest.approx(4, abs=0.1)


def test_opus_becomes_a_voice_as_it_is(warm: Worker, tmp_path: Path) -> None:
    path = make_of(tmp_path / "talk.webm", [TONE], "-c:a libopus -b:a 64k")
    before = heard(path).packets
    assert heard(sent(warm, path, Form(What.VOICE)).path).packets == before


@pytest.mark.parametrize(
    ("name", "encoder", "what"),
    [
        ("song.m4a", "aac", What.MP3),
        ("song.flac", "flac", What.MP3_BEST),
        ("song.mp3", "libmp3lame -b:a 320k", What.MP3),
        ("song.mp3", "libmp3lame -b:a 128k", What.M4A),
    ],
)
def test_song_keeps_its_tags_and_its_cover(
    warm: Worker, tmp_path: Path, name: str, encoder: str, what: What
) -> None:
    path = make_of(tmp_path / name, [TONE, PICTURE], f"{COVERED} -c:a {encoder}")
    made = heard(sent(warm, path, Form(what)).path)
    assert made.has_cover
    assert [made.tags[name] for name in ("title", "artist", "album")] == [
        "A_song",
        "Ada",
        "An_album",
    ]
    assert made.codec == ("aac" if what is What.M4A else "mp3")


@pytest.mark.parametrize(
    ("name", "encoder", "what"),
    [
        ("song.mp3", "libmp3lame -b:a 128k", What.MP3),
        ("song.mp3", "libmp3lame -b:a 320k", What.MP3_BEST),
        ("song.m4a", "aac -movflags +faststart", What.M4A),
    ],
)
def test_song_that_is_as_good_already_is_left_as_it_is(
    warm: Worker, tmp_path: Path, name: str, encoder: str, what: What
) -> None:
    path = make_of(tmp_path / name, [TONE, PICTURE], f"{COVERED} -c:a {encoder}")
    before = digest(path)
    assert digest(sent(warm, path, Form(what)).path) == before


def test_cover_of_the_site_goes_into_the_file(tmp_path: Path) -> None:
    song = make_of(tmp_path / "media.opus", [TONE], "-c:a libopus")
    make_of(tmp_path / "cover.png", [PICTURE], "-frames:v 1").rename(tmp_path / "media.cover")
    made = convert_to_sound(Downloaded(song, {"title": "x"}), Form(What.MP3), limits_with())
    assert heard(made.path).has_cover


def test_cover_that_is_none_costs_nothing_but_itself(tmp_path: Path) -> None:
    song = make_of(tmp_path / "media.opus", [TONE], "-c:a libopus")
    (tmp_path / "media.cover").write_bytes(b"<html>no picture</html>")
    made = convert_to_sound(Downloaded(song, {"title": "x"}), Form(What.MP3), limits_with())
    assert not heard(made.path).has_cover


HOSTILE = "=x\nTITLE=http://127.0.0.1/ -i \u202efile:/etc/passwd" + "y" * 5000


def test_strangers_words_become_tags_and_nothing_else(tmp_path: Path) -> None:
    song = make_of(tmp_path / "media.opus", [TONE], "-c:a libopus")
    info: dict[str, Any] = {"title": HOSTILE, "uploader": "-y"}
    made = convert_to_sound(Downloaded(song, info), Form(What.MP3), limits_with())
    said = mutagen.File(made.path)
    (title,) = said["TIT2"].text
    assert title.startswith("=x TITLE=http: //127.0.0.1/ -i file:/etc/passwd")
    assert len(title) <= 301
    assert said["TPE1"].text == ["-y"]


def test_what_is_too_large_for_one_message_comes_in_parts(warm: Worker, tmp_path: Path) -> None:
    path = make_of(tmp_path / "long.flac", ["anoisesrc=d=30:r=44100:a=0.3"], "-c:a flac")
    small = make(tmp_path / "small.mp3", "-c:a libmp3lame -b:a 192k", path)
    limits = limits_for_parts(small, 2.5, max_parts=4)
    with served(tmp_path) as url:
        files = warm.run(f"{url}/small.mp3", limits, form=Form(What.MP3)).files
    assert len(files) == 3
    assert {heard(file.path).codec for file in files} == {"mp3"}
    assert sum(file.facts.duration_s or 0 for file in files) == pytest.approx(30, abs=0.5)


def test_what_cannot_be_encoded_in_time_is_refused(tmp_path: Path) -> None:
    song = make_of(tmp_path / "media.opus", [TONE], "-c:a libopus")
    with pytest.raises(JobError) as refused:
        convert_to_sound(Downloaded(song, {}), Form(What.MP3), limits_with(timeout_s=0.05))
    assert (refused.value.reason, refused.value.fault) == (Reason.TOO_LONG, Fault.PERMANENT)


@pytest.mark.parametrize("what", [What.MP3, What.M4A, What.VOICE])
def test_film_without_sound_has_none_in_any_format(
    warm: Worker, tmp_path: Path, what: What
) -> None:
    path = make_of(tmp_path / "mute.mp4", [PICTURE], "-c:v libx264 -pix_fmt yuv420p")
    with served(tmp_path) as url:
        assert (
            warm.run(f"{url}/{path.name}", LIMITS, form=Form(what)).error.reason is Reason.NO_SOUND
        )


# ---------------------------------------------------------------------------------- as a file

FILE = Form(as_file=True)


def digest(path: Path | str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("film.webm", "-c:v libvpx -c:a libopus"),
        ("film.mp4", "-c:v mpeg4 -c:a aac"),
        ("song.ogg", "-vn -c:a libvorbis"),
    ],
)
def test_file_is_what_the_site_has_byte_for_byte(
    warm: Worker, tmp_path: Path, film: Path, name: str, arguments: str
) -> None:
    (tmp_path / "site").mkdir()
    path = make(tmp_path / "site" / name, arguments, film)
    before = digest(path)
    media = sent(warm, path, FILE)
    assert (digest(media.path), media.facts.kind) == (before, MediaKind.DOCUMENT)
    assert Path(media.path).suffix == path.suffix


def test_picture_is_sent_as_a_file(warm: Worker, tmp_path: Path) -> None:
    path = make_of(tmp_path / "picture.png", [PICTURE], "-frames:v 1")
    before = digest(path)
    media = sent(warm, path, FILE)
    assert (digest(media.path), media.facts.kind) == (before, MediaKind.DOCUMENT)


def test_web_page_is_no_file(warm: Worker, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<!doctype html><html><body>words</body></html>")
    with served(tmp_path) as url:
        error = warm.run(f"{url}/page.html", LIMITS, form=FILE).error
    assert error.reason in {Reason.UNSUPPORTED, Reason.NO_MEDIA}


def test_file_that_is_too_large_is_not_cut(warm: Worker, film: Path) -> None:
    with served(film.parent) as url:
        outcome = warm.run(
            f"{url}/{film.name}", limits_for_parts(film, 2.5, max_parts=4), form=FILE
        )
    assert outcome.error.reason is Reason.TOO_LARGE


# ---------------------------------------------------------------------------------- the cover

PAGE = """<!doctype html><html><head><title>A page</title>{}</head><body></body></html>"""


def a_page(directory: Path, site: str, **properties: str) -> str:
    """The link of a page that says so of its video."""
    tags = "".join(f'<meta property="og:{k}" content="{site}/{v}">' for k, v in properties.items())
    (directory / "page.html").write_text(PAGE.format(tags))
    return f"{site}/page.html"


def test_cover_is_the_picture_that_the_site_shows(warm: Worker, film: Path) -> None:
    make_of(film.with_name("cover.jpg"), [PICTURE], "-frames:v 1")
    with served(film.parent) as site:
        page = a_page(film.parent, site, video="film.mp4", image="cover.jpg")
        outcome = warm.run(page, LIMITS, form=Form(What.COVER))
    media = outcome.media
    assert (media.facts.kind, media.facts.width, media.facts.height) == (MediaKind.PHOTO, 320, 240)
    assert media.facts.title == "A page"


def test_cover_that_is_none_is_told(warm: Worker, film: Path) -> None:
    film.with_name("cover.jpg").write_text("<html>no picture</html>")
    with served(film.parent) as site:
        page = a_page(film.parent, site, video="film.mp4")
        assert warm.run(page, LIMITS, form=Form(What.COVER)).error.reason is Reason.NO_COVER
        page = a_page(film.parent, site, video="film.mp4", image="cover.jpg")
        error = warm.run(page, LIMITS, form=Form(What.COVER)).error
    assert error.reason in {Reason.UNSUPPORTED, Reason.BROKEN_FILE}


@pytest.mark.parametrize(
    ("name", "encoder"), [("song.m4a", "aac"), ("song.mp3", "libmp3lame"), ("song.flac", "flac")]
)
def test_cover_of_a_song_is_the_picture_in_its_file(
    warm: Worker, tmp_path: Path, name: str, encoder: str
) -> None:
    make_of(tmp_path / name, [TONE, PICTURE], f"{COVERED} -c:a {encoder}")
    with served(tmp_path) as site:
        media = warm.run(f"{site}/{name}", LIMITS, form=Form(What.COVER)).media
    assert (media.facts.kind, media.facts.width, media.facts.height) == (MediaKind.PHOTO, 320, 240)
    assert media.facts.title == "A_song"


def test_cover_of_a_song_without_a_picture_is_none(warm: Worker, tmp_path: Path) -> None:
    make_of(tmp_path / "song.mp3", [TONE], "-c:a libmp3lame")
    with served(tmp_path) as site:
        error = warm.run(f"{site}/song.mp3", LIMITS, form=Form(What.COVER)).error
    assert error.reason is Reason.NO_COVER
