"""A video that is too large in every quality comes in parts."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.request import urlretrieve

import pytest

from tests.process.test_downloads import rules, served
from tests.process.test_media_sizes import MB, a_format, chosen, sound
from tests.sandbox.chats import ChatMessage
from tests.sandbox.clips import SAMPLE
from tests.sandbox.site import MediaSite
from tests.support.downloads_harness import Worker
from tests.support.downloads_harness import warm_worker as warm_worker
from tests.support.media import index_stands_in_front, make, probe, replace_program
from tests.support.scene import CHAT, Scene
from worker.downloads.confinement.isolation import allow_file
from worker.downloads.limits import DownloadLimits
from worker.downloads.media.conversion import Budget
from worker.downloads.media.cutting import cut
from worker.downloads.ytdlp.fetch import Fetched
from worker.downloads.ytdlp.formats import Chooser
from worker.errors import Fault, JobError, Reason
from worker.protocol import Download, MediaKind, Note

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")

FILM = "-c:v libx264 -preset ultrafast -g 10 -b:v 1500k -minrate 1500k -maxrate"
FILM += " 1500k -bufsize 1500k -nal-hrd cbr -c:a aac"
"""Twelve seconds, key frames close together, at an even rate."""


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    loop = ("ffmpeg", "-v", "error", "-nostdin", "-y", "-stream_loop", "3", "-i", str(SAMPLE))
    subprocess.run([*loop, *FILM.split(), str(path)], check=True, timeout=40)
    return path


def limits(film: Path, parts: float, **more: Any) -> Any:
    return rules(max_file_bytes=int(film.stat().st_size / parts), **more)


@pytest.mark.parametrize("parts", [1.5, 2.5])
def test_parts_are_playable_in_order_and_each_fits(warm: Worker, film: Path, parts: float) -> None:
    whole = probe(film)
    limit = limits(film, parts, most_parts=4)
    with served(film.parent) as url:
        files = warm.run(f"{url}/film.mp4", limit).files
    assert len(files) >= parts
    assert [(file.part, file.parts) for file in files] == [
        (number, len(files)) for number in range(1, len(files) + 1)
    ]
    assert [file.note for file in files] == [Note.CUT] + [None] * (len(files) - 1)
    for file in files:
        found = probe(file.path)
        assert file.kind is MediaKind.VIDEO
        assert file.size_bytes <= limit.max_file_bytes
        assert (found.video, found.audio) == ("h264", "aac")
        assert (file.width, file.height) == (whole.width, whole.height)
        assert file.duration_s == pytest.approx(found.duration_s, abs=0.2)
        assert index_stands_in_front(file.path)
        assert file.thumbnail is not None
        assert Path(file.thumbnail).is_file()
    together = sum(probe(file.path).duration_s for file in files)
    assert together == pytest.approx(whole.duration_s, rel=0.05)


@pytest.mark.negative
def test_without_leave_to_cut_it_is_too_large(warm: Worker, film: Path) -> None:
    with served(film.parent) as url:
        error = warm.run(f"{url}/film.mp4", limits(film, 1.5)).error
    assert error.reason is Reason.TOO_LARGE


def test_more_parts_than_allowed_are_not_made(warm: Worker, film: Path) -> None:
    with served(film.parent) as url:
        error = warm.run(f"{url}/film.mp4", limits(film, 6, most_parts=4)).error
    assert error.reason is Reason.TOO_LARGE


def test_key_frames_too_far_apart_end_in_a_sentence(
    warm: Worker, film: Path, tmp_path: Path
) -> None:
    make(tmp_path / "film.mp4", "-c:v libx264 -preset ultrafast -g 9999 -sc_threshold 0 -an", film)
    with served(tmp_path) as url:
        limit = limits(tmp_path / "film.mp4", 1.5, most_parts=4)
        error = warm.run(f"{url}/film.mp4", limit).error
    assert error.reason is Reason.TOO_LARGE


@pytest.mark.parametrize("program", ["ffprobe", "ffmpeg"])
def test_a_program_that_was_killed_says_nothing_about_the_film(
    program: str, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(shutil.copy(film, tmp_path / "media.mp4"))
    replace_program(program, tmp_path / "programs", monkeypatch, "kill -KILL $$")
    with pytest.raises(JobError) as caught:
        cut(path, {}, limits(film, 1.5, most_parts=4))
    assert (caught.value.reason, caught.value.fault) == (Reason.CRASHED, Fault.RETRYABLE)


def fetch_four(task: Download, rules: DownloadLimits, *_: object) -> Fetched:
    """A post with the same film four times."""
    allow_file(rules.max_answer_bytes)
    paths = [Path(f"media-{number}.mp4") for number in range(4)]
    for path in paths:
        urlretrieve(task.url, path)
    return Fetched(tuple((path, {}) for path in paths))


def test_a_post_ends_with_the_last_video_of_which_all_parts_have_a_place(
    warm: Worker, film: Path
) -> None:
    with served(film.parent) as url:
        files = warm.run(f"{url}/film.mp4", limits(film, 1.9, most_parts=4), fetch_four).files
    parts = files[0].parts
    assert [file.part for file in files] == list(range(1, parts + 1)) * (10 // parts)


def test_the_bot_sends_the_parts_beside_the_answer(
    film: Path, site: MediaSite, tmp_path: Path
) -> None:
    files = tmp_path / "files"
    files.mkdir()
    make(files / "film.mp4", "-c copy", film)
    with served(files) as url, Scene(site, tmp_path, {"MAX_FILE_MB": "1"}) as scene:
        scene.api.say(f"{url}/film.mp4", CHAT)
        answers = scene.api.wait_for(lambda: complete(scene.answers()), 50)
        parts = len(answers)
        first = next(answer for answer in answers if "part 1 of" in (answer.caption or ""))
        assert "cut it into parts" in (first.caption or "")
        assert first.message_id == min(answer.message_id for answer in answers)
        numbers = [f"part {number} of {parts}" for number in range(1, parts + 1)]
        in_order = sorted(answers, key=lambda answer: answer.message_id)
        assert all(n in (a.caption or "") for n, a in zip(numbers, in_order, strict=True))
        assert all(answer.media and answer.media.kind == "video" for answer in answers)
        # The second time Telegram has all of them.
        scene.api.say(f"{url}/film.mp4", CHAT)
        scene.wait_for_answers(2 * parts)
        assert [call.method for call in scene.api.calls if "Group" in call.method] == [
            "sendMediaGroup"
        ]
        assert scene.ledger("SELECT count(*) FROM jobs WHERE kind = 'download'") == [(1,)]


def complete(answers: list[ChatMessage]) -> list[ChatMessage]:
    """All parts, once the first of them says how many there are and they have come."""
    said = next((re.search(r"part 1 of (\d+)", answer.caption or "") for answer in answers), None)
    return answers if said and len(answers) == int(said[1]) else []


# ----------------------------------------------------------------------- the choice itself


def cutter(most_parts: int = 4, **options: Any) -> Chooser:
    made = Chooser(Budget(42, 50 * MB), has_ffmpeg=True, most_parts=most_parts, **options)
    made.duration_s = 60
    return made


@pytest.mark.parametrize(
    ("formats", "name", "parts", "note"),
    [
        # A quality that fits goes before one that has to be cut.
        ([a_format("hd", 120, 1080), a_format("sd", 40, 480)], "sd", 1, Note.LOWER_QUALITY),
        # None fits: the fewest parts, and among those the best quality.
        ([a_format("hd", 170, 1080), a_format("sd", 80, 480)], "sd", 4, None),
        ([a_format("hd", 88, 1080), a_format("sd", 80, 480)], "hd", 4, None),
        # Parts go before the sound alone, but not more of them than allowed.
        ([a_format("hd", 120, 1080), sound("mp3", 5)], "hd", 4, None),
        ([a_format("hd", 500, 1080), sound("mp3", 5)], "mp3", 1, Note.AUDIO_ONLY),
        # What no player shows as it is cannot be cut as it is.
        ([a_format("vp9", 120, 1080, vcodec="vp9"), sound("mp3", 5)], "mp3", 1, Note.AUDIO_ONLY),
    ],
)
def test_what_is_cut(formats: list[Any], name: str, parts: int, note: Note | None) -> None:
    made = cutter()
    assert (chosen(made, *formats), made.parts, made.note) == (name, parts, note)


def test_a_size_that_was_not_told_is_cut_once_it_is_known() -> None:
    made = cutter()
    plain = a_format("plain")
    assert (chosen(made, plain), made.parts) == ("plain", 1)
    assert made.exclude(120 * MB)
    assert (chosen(made, plain), made.parts) == ("plain", 4)
    assert not made.exclude(300 * MB)
    with pytest.raises(JobError) as caught:
        chosen(made, plain)
    assert caught.value.reason is Reason.TOO_LARGE


def test_sound_is_never_cut() -> None:
    with pytest.raises(JobError):
        chosen(cutter(sound_only=True), sound("wav", 120))
