"""Media of every make through the whole bot, judged by ffprobe as it came into the chat."""

import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.sandbox.chats import ChatMessage
from tests.sandbox.clips import SAMPLE
from tests.sandbox.files import image_size
from tests.sandbox.site import MediaSite
from tests.support.file_server import served
from tests.support.media import index_stands_in_front, make, probe
from tests.support.scene import Scene

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")

_chats = count(3000)


@pytest.fixture(scope="module")
def scene(site: MediaSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with Scene(site, tmp_path_factory.mktemp("whole")) as scene:
        yield scene


def answer_to(scene: Scene, path: Path) -> ChatMessage:
    """What the bot answers to a link to this file."""
    chat = next(_chats)
    with served(path.parent) as url:
        scene.api.say(f"{url}/{path.name}", chat)
        (answer,) = scene.wait_for_answers(1, chat)
    return answer


@pytest.mark.parametrize(
    ("name", "arguments", "sides"),
    [
        ("plain.mp4", "-c copy -movflags +faststart", (320, 240)),
        ("ten-bit.mp4", "-c:v libx264 -preset ultrafast -pix_fmt yuv420p10le", (320, 240)),
        (
            "vp9.webm",
            "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a libopus",
            (320, 240),
        ),
        (
            "hevc.mp4",
            "-c:v libx265 -preset ultrafast -x265-params log-level=0 -c:a copy",
            (320, 240),
        ),
        ("film.mkv", "-c copy", (320, 240)),
        (
            "no-length.webm",
            "-c:v libvpx -deadline realtime -c:a libopus -live 1",
            (320, 240),
        ),
        ("wrong-name.avi", "-c copy -f mp4", (320, 240)),
        ("wide.mp4", "-c:v libx264 -preset ultrafast -vf setsar=4/3", (427, 240)),
        ("hls.m3u8", "-c copy -hls_time 1 -hls_list_size 0", (320, 240)),
        ("dash.mpd", "-c copy -f dash -adaptation_sets id=0,streams=v|id=1,streams=a", (320, 240)),
    ],
)
def test_a_video_comes_so_that_it_plays(
    scene: Scene, tmp_path: Path, name: str, arguments: str, sides: tuple[int, int]
) -> None:
    media = answer_to(scene, make_in(tmp_path, name, arguments)).media
    assert media is not None
    assert media.kind == "video"
    found = probe(media.path)
    assert (found.video, found.audio, found.pixel_format) == ("h264", "aac", "yuv420p")
    assert "mp4" in found.containers
    assert index_stands_in_front(media.path)
    assert (media.width, media.height) == sides
    assert media.duration == round(found.duration_s) == 3
    assert media.supports_streaming
    assert media.thumbnail is not None
    assert max(image_size(media.thumbnail)) == 320
    assert media.thumbnail.stat().st_size < 200_000


def make_in(folder: Path, name: str, arguments: str) -> Path:
    """The media as ffmpeg makes it; an argument may hold blanks written as `|`."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-i", str(SAMPLE)]
    command += [word.replace("|", " ") for word in arguments.split()]
    subprocess.run([*command, name], check=True, cwd=folder)
    return folder / name


def test_a_video_that_was_filmed_upright_is_upright(scene: Scene, tmp_path: Path) -> None:
    source = make(tmp_path / "filmed.mov", "-c copy -metadata:s:v rotate=90")
    media = answer_to(scene, source).media
    assert media is not None
    assert (media.width, media.height) == (240, 320)
    assert media.thumbnail is not None
    width, height = image_size(media.thumbnail)
    assert width < height


@pytest.mark.parametrize(
    ("name", "arguments", "codec"),
    [
        ("song.mp3", "-vn -c:a libmp3lame", "mp3"),
        ("song.m4a", "-vn -c:a copy", "aac"),
        ("song.opus", "-vn -c:a libopus", "aac"),
    ],
)
def test_sound_comes_as_a_song(
    scene: Scene, tmp_path: Path, name: str, arguments: str, codec: str
) -> None:
    media = answer_to(scene, make(tmp_path / name, arguments)).media
    assert media is not None
    assert media.kind == "audio"
    assert probe(media.path).audio == codec
    assert media.duration == 3
    assert media.title == "song"


def test_a_short_silent_clip_moves_like_a_gif(scene: Scene, tmp_path: Path) -> None:
    answer = answer_to(scene, make(tmp_path / "loop.mp4", "-an -c:v copy"))
    assert answer.kind == "animation"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.mp4", b"", "empty file"),
        ("cut.mp4", SAMPLE.read_bytes()[:20_000], "broken file"),
        ("rubbish.mp4", b"\x00\x00\x00\x18ftypmp42" + b"x" * 5000, "broken file"),
    ],
)
def test_what_is_no_media_is_said_to_be_so(
    scene: Scene, tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)
    answer = answer_to(scene, tmp_path / name)
    assert answer.media is None
    assert words in (answer.text or "")
