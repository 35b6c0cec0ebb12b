"""Subtitles as a file of text: which of them come, and what becomes of their formats."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.clips import SAMPLE
from tests.support.clocked_film import LENGTH_S, beeps_s, make_clocked_film
from tests.support.download_limits import LIMITS, limits_for_parts
from tests.support.downloads_harness import Worker
from tests.support.file_server import served
from tests.support.media import make
from worker.downloads.media.subtitles import read, written
from worker.errors import Fault, JobError, Reason
from worker.form import Clip, Form, What
from worker.protocol import Media, MediaKind, Note
from worker.protocol.choices import Subtitles

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
    assert isinstance(error, JobError)
    assert (error.reason, error.fault) == (reason, Fault.PERMANENT)
    assert error.languages == (("en",) if reason is Reason.NO_SUCH_SUBTITLES else ())


RUSSIAN = "1\n00:00:00,100 --> 00:00:00,900\nПривет, мир\n"
RUSSIAN_VTT = "WEBVTT\n\n00:00.100 --> 00:00.900\nПривет, мир\n"
RUSSIAN_TTML = """<?xml version="1.0" encoding="windows-1251"?>
<tt xmlns="http://www.w3.org/ns/ttml"><body><div>
<p begin="00:00:00.100" end="00:00:00.900">Привет, мир</p></div></body></tt>"""


def alone_and_inside(warm: Worker, directory: Path, name: str, data: bytes) -> list[str]:
    """Such a file of subtitles as it comes alone, and as it comes in the video."""
    make(directory / "film.mp4", FILM)
    (directory / name).write_bytes(data)
    language = name.partition(".")[0]
    (directory / "page.html").write_text(PAGE.format(TRACK.format(language, name)))
    with served(directory) as site:
        alone, video = (
            warm.run(f"{site}/page.html", LIMITS, form=Form(what, subtitles=language)).media
            for what in (What.SUBTITLES, What.ALL)
        )
    assert video.facts.note is None
    return [Path(alone.path).read_text(), written(read(subrip_in(video.path)))]


@pytest.mark.parametrize(
    ("name", "text"),
    [("ru.srt", RUSSIAN), ("ru.vtt", RUSSIAN_VTT), ("ru.ttml", RUSSIAN_TTML)],
)
def test_subtitles_of_an_old_program_are_read_in_the_encoding_of_their_language(
    warm: Worker, tmp_path: Path, name: str, text: str
) -> None:
    found = alone_and_inside(warm, tmp_path, name, text.encode("cp1251"))
    assert found == [RUSSIAN, RUSSIAN]


STYLED = """WEBVTT

STYLE
::cue { color: red }

REGION
id:fred

NOTE a note

id-1
00:00.100 --> 00:00.900 line:0 region:fred
<v Anna><c.red>Hello</c></v>
"""
HELLO = "1\n00:00:00,100 --> 00:00:00,900\nHello\n"


ASS = r"""[Script Info]
ScriptType: v4.00+
[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, Bold, Italic, Alignment
Style: Top,Verdana,48,&H0000FFFF,0,0,8
[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:00.10,0:00:00.90,Top,,0,0,0,,{\pos(10,20)}Hello
"""


@pytest.mark.parametrize("name", ["en.ass", "en.ssa"])
def test_subtitles_with_fonts_and_places_come_as_plain_text(
    warm: Worker, tmp_path: Path, name: str
) -> None:
    assert alone_and_inside(warm, tmp_path, name, ASS.encode()) == [HELLO, HELLO]


BACKWARD = """WEBVTT

00:05.000 --> 00:03.000
back

00:00.100 --> 00:00.900
Hello
"""


def test_a_text_that_ends_before_it_begins_costs_no_other(warm: Worker, tmp_path: Path) -> None:
    assert alone_and_inside(warm, tmp_path, "en.vtt", BACKWARD.encode()) == [HELLO, HELLO]


TTML_TIMES = """<?xml version="1.0" encoding="UTF-8"?>
<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttp="http://www.w3.org/ns/ttml#parameter"
 ttp:{}><body><div><p begin="{}" end="{}">Hello</p></div></body></tt>"""


@pytest.mark.parametrize(
    "times",
    [
        ('tickRate="10000000"', "1000000t", "9000000t"),
        ('frameRate="20"', "00:00:00:02", "00:00:00:18"),
    ],
    ids=["ticks", "frames"],
)
def test_times_in_ticks_and_in_frames_are_understood(
    warm: Worker, tmp_path: Path, times: tuple[str, str, str]
) -> None:
    text = TTML_TIMES.format(*times)
    assert alone_and_inside(warm, tmp_path, "en.ttml", text.encode()) == [HELLO, HELLO]


def test_styles_and_notes_are_left_out(warm: Worker, tmp_path: Path) -> None:
    found = alone_and_inside(warm, tmp_path, "en.vtt", STYLED.encode())
    assert found == [HELLO, HELLO]


def rendition(name: str, forced: str) -> str:
    """The line of a master playlist for German subtitles, forced or not."""
    group = 'TYPE=SUBTITLES,GROUP-ID="texts",LANGUAGE="de"'
    return f'#EXT-X-MEDIA:{group},NAME="{name}",FORCED={forced},URI="{name}.m3u8"'


@pytest.mark.parametrize("pieces", [1, 2])
@pytest.mark.parametrize("what", [What.SUBTITLES, What.ALL])
def test_subtitles_in_pieces_come_all_of_them_and_not_the_forced_ones_alone(
    warm: Worker, tmp_path: Path, pieces: int, what: What
) -> None:
    make(tmp_path / "film.m3u8", "-c copy -hls_time 1 -hls_list_size 0")
    renditions = [rendition("signs", "YES"), rendition("all", "NO")]
    variant = '#EXT-X-STREAM-INF:BANDWIDTH=700000,SUBTITLES="texts"'
    (tmp_path / "page.m3u8").write_text("\n".join(["#EXTM3U", *renditions, variant, "film.m3u8"]))
    for name in ("signs", "all"):
        listed = "".join(f"#EXTINF:1,\n{name}{at}.vtt\n" for at in range(pieces))
        text = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n{listed}#EXT-X-ENDLIST\n"
        (tmp_path / f"{name}.m3u8").write_text(text)
        for at in range(pieces):
            times = f"00:0{at}.100 --> 00:0{at}.900"
            (tmp_path / f"{name}{at}.vtt").write_text(f"WEBVTT\n\n{times}\n{name} {at}\n")
    with served(tmp_path) as site:
        file = warm.run(f"{site}/page.m3u8", LIMITS, form=Form(what, subtitles="de")).media
    text = Path(file.path).read_text() if what is What.SUBTITLES else subrip_in(file.path)
    lines = [line for cue in read(text) for line in cue.lines]
    assert lines == [f"all {at}" for at in range(pieces)]


def test_the_answer_to_a_video_tells_which_there_are(warm: Worker, tmp_path: Path) -> None:
    make(tmp_path / "film.mp4", "-c copy -movflags +faststart")
    tracks = "".join(TRACK.format(tag, f"{tag}.vtt") for tag in ("de", "en-GB"))
    (tmp_path / "page.html").write_text(PAGE.format(tracks))
    with served(tmp_path) as site:
        media = warm.run(f"{site}/page.html", LIMITS).result
    assert isinstance(media, Media)
    assert media.offer.subtitles == (Subtitles("de"), Subtitles("en-gb"))


def tracks_of(path: str) -> list[tuple[str, str]]:
    """The codec and the language of each stream of subtitles."""
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_streams", path]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["streams"]
    texts = [each for each in found if each["codec_type"] == "subtitle"]
    assert [each["codec_type"] for each in found][:2] == ["video", "audio"]
    return [(each["codec_name"], each["tags"]["language"]) for each in texts]


FILM = "-c copy -movflags +faststart"


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a page with a film that has subtitles in English, and broken ones in Dutch."""
    home = tmp_path_factory.mktemp("talk")
    make(home / "film.mp4", FILM)
    names = {"en-GB": "en.vtt", "nl": "broken.vtt", "fr": "gone.vtt"}
    tracks = "".join(TRACK.format(tag, name) for tag, name in names.items())
    (home / "page.html").write_text(PAGE.format(tracks))
    (home / "en.vtt").write_text(VTT)
    (home / "broken.vtt").write_text("no subtitles")
    with served(home) as site:
        yield f"{site}/page.html"


@pytest.mark.parametrize(
    ("language", "tracks", "note"),
    [
        ("en", [("mov_text", "eng")], None),
        ("nl", [], Note.NO_SUBTITLES_INSIDE),
        ("fr", [], Note.NO_SUBTITLES_INSIDE),
        ("de", [], Note.NO_SUCH_SUBTITLES),
    ],
    ids=["there", "broken", "gone", "in other languages alone"],
)
def test_subtitles_are_a_track_of_the_video_where_they_can_be(
    warm: Worker, talk: str, language: str, tracks: list[tuple[str, str]], note: Note | None
) -> None:
    file = warm.run(talk, LIMITS, form=Form(subtitles=language)).media
    found = (tracks_of(file.path), file.facts.kind, file.facts.note)
    assert found == (tracks, MediaKind.VIDEO, note)


def test_video_without_any_subtitles_comes_as_it_is(warm: Worker, tmp_path: Path) -> None:
    make(tmp_path / "film.mp4", FILM)
    with served(tmp_path) as site:
        file = warm.run(f"{site}/film.mp4", LIMITS, form=Form(subtitles="de")).media
    assert (tracks_of(file.path), file.facts.note) == ([], None)


@pytest.mark.parametrize(
    ("clip", "texts"),
    [
        (Clip(150, 250), [(0, 1000, ("Good <b>morning</b>",))]),
        (Clip(200), [(0, 500, ("Good <b>morning</b>",)), (1000, 2000, ("and good night",))]),
        (Clip(0, 90), []),
    ],
    ids=["a part", "to the end", "before anybody speaks"],
)
def test_subtitles_of_a_part_are_those_that_are_heard_in_it(
    warm: Worker, talk: str, clip: Clip, texts: list[tuple[int, int, tuple[str, ...]]]
) -> None:
    file = warm.run(talk, LIMITS, form=Form(clip=clip, subtitles="en")).media
    assert file.facts.note is None
    found = read(subrip_in(file.path)) if texts else ()
    assert len(tracks_of(file.path)) == bool(texts)
    for cue, (start_ms, end_ms, lines) in zip(found, texts, strict=True):
        assert cue.lines == lines
        assert (cue.start_ms, cue.end_ms) == pytest.approx((start_ms, end_ms), abs=80)


@pytest.fixture(scope="module")
def clocked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with a film that beeps each second, and has a text for the half of a second then."""
    home = tmp_path_factory.mktemp("clocked")
    make_clocked_film(home / "film.mp4")
    times = "".join(f"00:{at:02}.000 --> 00:{at:02}.500\n{at}\n\n" for at in range(LENGTH_S))
    (home / "en.vtt").write_text(f"WEBVTT\n\n{times}")
    (home / "page.html").write_text(PAGE.format(TRACK.format("en", "en.vtt")))
    return home / "page.html"


def test_each_part_of_a_large_video_has_what_is_heard_in_it(warm: Worker, clocked: Path) -> None:
    limits = limits_for_parts(clocked.with_name("film.mp4"), 2.5, max_parts=4)
    with served(clocked.parent) as site:
        files = warm.run(f"{site}/{clocked.name}", limits, form=Form(subtitles="en")).files
    assert len(files) >= 3
    assert [file.facts.note for file in files] == [Note.CUT] + [None] * (len(files) - 1)
    texts = list[str]()
    for file in files:
        assert tracks_of(file.path) == [("mov_text", "eng")]
        cues = list(read(subrip_in(file.path)))
        texts += [line for cue in cues for line in cue.lines]
        assert [cue.start_ms / 1000 for cue in cues] == pytest.approx(beeps_s(file.path), abs=0.04)
    assert texts == [str(at) for at in range(LENGTH_S)]


def test_parts_say_that_their_subtitles_could_not_be_had(warm: Worker, talk: str) -> None:
    limits = limits_for_parts(SAMPLE, 1.5, max_parts=4)
    files = warm.run(talk, limits, form=Form(subtitles="nl")).files
    assert len(files) > 1
    assert [file.facts.note for file in files][:2] == [Note.NO_SUBTITLES_INSIDE, None]


def subrip_in(path: str) -> str:
    """The track of subtitles in a file."""
    command = ["ffmpeg", "-v", "error", "-i", path, "-map", "0:s:0", "-f", "srt", "-"]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout
