"""Subtitles as a file of text: which of them come, and what becomes of their formats."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.download_limits import LIMITS
from tests.support.downloads_harness import Worker
from tests.support.file_server import served
from tests.support.media import make
from worker.choices import Subtitles
from worker.errors import Fault, Reason
from worker.form import Form, What
from worker.protocol import Media, MediaKind, Note

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")

PAGE = "<!doctype html><title>A talk</title><video src='film.mp4'>{}</video>"
TRACK = "<track kind='subtitles' srclang='{}' src='{}'>"
VTT = """WEBVTT

00:01.000 --> 00:02.500 align:start
<v Ada>Good <b>morning</b>

00:03.000 --> 00:04.000
and good night
"""
SRT = """1
00:00:01,000 --> 00:00:02,500
Good <b>morning</b>

2
00:00:03,000 --> 00:00:04,000
and good night
"""
GERMAN = "1\n00:00:01,000 --> 00:00:02,500\nGuten Morgen\n"
TTML = """<tt xmlns="http://www.w3.org/ns/ttml"><body><div>
<p begin="00:00:01.000" end="00:00:02.500">Guten Morgen</p></div></body></tt>"""


def asked(
    warm: Worker, directory: Path, tracks: dict[str, str], language: str | None = None
) -> object:
    """What comes of a page with such files of subtitles."""
    named = "".join(TRACK.format(name.partition(".")[0], name) for name in tracks)
    (directory / "page.html").write_text(PAGE.format(named))
    for name, text in tracks.items():
        (directory / name).write_text(text)
    with served(directory) as site:
        form = Form(What.SUBTITLES, subtitles=language)
        return warm.run(f"{site}/page.html", LIMITS, form=form).result


@pytest.mark.parametrize(
    ("language", "name", "text"),
    [
        (None, "A talk (1) (en-gb).srt", SRT),
        ("en", "A talk (1) (en-gb).srt", SRT),
        ("de", "A talk (1) (de).srt", GERMAN),
    ],
)
def test_subtitles_come_as_subrip(
    warm: Worker, tmp_path: Path, language: str | None, name: str, text: str
) -> None:
    result = asked(warm, tmp_path, {"de.ttml": TTML, "en-GB.vtt": VTT}, language)
    (file,) = result.files  # type: ignore[attr-defined]
    assert (Path(file.path).name, Path(file.path).read_text()) == (name, text)
    assert (file.facts.kind, file.facts.note) == (MediaKind.DOCUMENT, None)


@pytest.mark.parametrize(
    ("tracks", "language", "reason"),
    [
        ({}, None, Reason.NO_SUBTITLES),
        ({"en.json3": "{}"}, None, Reason.NO_SUBTITLES),
        ({"en.vtt": VTT}, "de", Reason.NO_SUCH_SUBTITLES),
        ({"en.vtt": "WEBVTT\n"}, "en", Reason.BROKEN_FILE),
        ({"en.vtt": "\0" * 100}, "en", Reason.BROKEN_FILE),
        ({"en.ttml": "<tt"}, "en", Reason.BROKEN_FILE),
        ({"en.srt": SRT + "x" * 9_000_000}, "en", Reason.TOO_LARGE),
    ],
)
def test_what_has_none_that_can_be_read_says_why(
    warm: Worker, tmp_path: Path, tracks: dict[str, str], language: str | None, reason: Reason
) -> None:
    error = asked(warm, tmp_path, tracks, language)
    assert (error.reason, error.fault) == (reason, Fault.PERMANENT)  # type: ignore[attr-defined]


def test_the_answer_to_a_video_tells_which_there_are(warm: Worker, tmp_path: Path) -> None:
    make(tmp_path / "film.mp4", "-c copy -movflags +faststart")
    tracks = "".join(TRACK.format(tag, f"{tag}.vtt") for tag in ("de", "en-GB"))
    (tmp_path / "page.html").write_text(PAGE.format(tracks))
    with served(tmp_path) as site:
        media = warm.run(f"{site}/page.html", LIMITS).result
    assert isinstance(media, Media)
    assert media.subtitles == (Subtitles("de"), Subtitles("en-gb"))


def tracks_of(path: str) -> list[tuple[str, str]]:
    """The codec and the language of each stream of subtitles."""
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_streams", path]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["streams"]
    texts = [each for each in found if each["codec_type"] == "subtitle"]
    assert [each["codec_type"] for each in found][:2] == ["video", "audio"]
    return [(each["codec_name"], each["tags"]["language"]) for each in texts]


@pytest.mark.parametrize(
    ("text", "tracks", "note"),
    [
        (VTT, [("mov_text", "eng")], None),
        ("no subtitles", [], Note.NO_SUBTITLES_INSIDE),
    ],
)
def test_subtitles_are_a_track_of_the_video_where_that_is_wanted(
    warm: Worker, tmp_path: Path, text: str, tracks: list[tuple[str, str]], note: Note | None
) -> None:
    make(tmp_path / "film.mp4", "-c copy -movflags +faststart")
    (tmp_path / "page.html").write_text(PAGE.format(TRACK.format("en-GB", "en.vtt")))
    (tmp_path / "en.vtt").write_text(text)
    with served(tmp_path) as site:
        file = warm.run(f"{site}/page.html", LIMITS, form=Form(subtitles="en")).media
        missing = warm.run(f"{site}/page.html", LIMITS, form=Form(subtitles="de")).error
    assert (tracks_of(file.path), file.facts.kind, file.facts.note) == (
        tracks,
        MediaKind.VIDEO,
        note,
    )
    assert missing.reason is Reason.NO_SUCH_SUBTITLES
