"""Videos whose sound is a track of its own come with it, whatever their manifest says."""

import subprocess
from pathlib import Path

import pytest

from tests.support.download_limits import limits_with
from tests.support.downloads_harness import Worker
from tests.support.file_server import served
from tests.support.masters import ALTERNATE, CODECS, GROUPS, MPDS, Track, master, mpd
from tests.support.media import make, probe
from worker.errors import Reason
from worker.form import Form
from worker.protocol import Media, MediaKind
from worker.protocol.choices import Language

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")


@pytest.fixture(scope="module")
def tracks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with pictures and sound apart, as HLS (`.m3u8`) and as files."""
    folder = tmp_path_factory.mktemp("tracks")
    for name, streams in (("hd", "-an"), ("sound", "-vn"), ("other", "-vn")):
        segments = f"-f hls -hls_time 1 -hls_segment_filename {folder}/{name}-%d.ts"
        make(folder / f"{name}.m3u8", f"{streams} -c copy {segments}")
    make(folder / "hd.mp4", "-an -c copy -movflags +faststart")
    make(folder / "sound.m4a", "-vn -c copy -movflags +faststart")
    return folder


def assert_has_both(warm: Worker, folder: Path, name: str, manifest: str) -> None:
    (folder / name).write_text(manifest)
    with served(folder) as url:
        media = warm.run(f"{url}/{name}", limits_with()).media
    found = probe(media.path)
    assert (media.facts.kind, found.video, found.audio) == (MediaKind.VIDEO, "h264", "aac")
    assert media.facts.note is None


@pytest.mark.parametrize("codecs", ["both", "missing", "empty", "sound alone", "unknown"])
def test_a_track_of_hls_is_merged(warm: Worker, tracks: Path, codecs: str) -> None:
    assert_has_both(warm, tracks, "m.m3u8", master(CODECS[codecs], GROUPS["one track"]))


@pytest.mark.parametrize("manifest", ["no codecs", "codec of the sound alone"])
def test_a_track_of_dash_is_merged(warm: Worker, tracks: Path, manifest: str) -> None:
    assert_has_both(warm, tracks, "m.mpd", mpd(*MPDS[manifest]))


@pytest.mark.parametrize("codecs", ["missing", "both"])
def test_a_video_that_proves_silent_gets_the_only_track_there_is(
    warm: Worker, tracks: Path, codecs: str
) -> None:
    silent = master(CODECS[codecs], (Track(uri=None), ALTERNATE))
    assert_has_both(warm, tracks, "m.m3u8", silent)


def test_sound_in_the_video_is_not_replaced(warm: Worker, tmp_path: Path) -> None:
    segments = f"-f hls -hls_time 1 -hls_segment_filename {tmp_path}/hd-%d.ts"
    make(tmp_path / "hd.m3u8", f"-c copy {segments}")
    # The other track is missing: whoever asked for it would fail.
    assert_has_both(warm, tmp_path, "m.m3u8", master("", (Track(uri=None), ALTERNATE)))


SPOKEN = (
    Track('TYPE=AUDIO,GROUP-ID="a",NAME="Deutsch",LANGUAGE="de",DEFAULT=NO,AUTOSELECT=NO', "other"),
    Track('TYPE=AUDIO,GROUP-ID="a",NAME="English",LANGUAGE="en-US",DEFAULT=YES,AUTOSELECT=YES'),
)


def channels_of(path: str) -> int:
    command = ["ffprobe", "-v", "error", "-select_streams", "a:0", "-of", "csv=p=0"]
    command += ["-show_entries", "stream=channels", path]
    return int(subprocess.run(command, capture_output=True, check=True).stdout)


@pytest.mark.parametrize("manifest", ["hls", "hls in the video", "dash"])
def test_the_films_own_sound_is_heard(warm: Worker, tmp_path: Path, manifest: str) -> None:
    own, dub = "-ac 2 -b:a 64k", "-ac 1 -b:a 96k"
    for name, streams in (("hd", "-an -c copy"), ("sound", f"-vn {own}"), ("other", f"-vn {dub}")):
        streams = own if (name, manifest) == ("hd", "hls in the video") else streams
        segments = f"-f hls -hls_time 1 -hls_segment_filename {tmp_path}/{name}-%d.ts"
        make(tmp_path / f"{name}.m3u8", f"{streams} {segments}")
        make(tmp_path / f"{name}{'.mp4' if name == 'hd' else '.m4a'}", streams)
    other = Track('TYPE=AUDIO,GROUP-ID="a",NAME="x",LANGUAGE="es"', "other")
    master_of = {"hls": (other, Track()), "hls in the video": (other, Track(uri=None))}
    if manifest == "dash":
        text = mpd(*MPDS["codecs of both"]).replace("</Period>", f"{DUB}</Period>")
    else:
        text = master(CODECS["both"], master_of[manifest])
    name = "m.mpd" if manifest == "dash" else "m.m3u8"
    (tmp_path / name).write_text(text)
    with served(tmp_path) as url:
        media = warm.run(f"{url}/{name}", limits_with()).media
    assert channels_of(media.path) == 2


DUB = """<AdaptationSet contentType="audio" mimeType="audio/mp4" lang="es">
<Role schemeIdUri="urn:mpeg:dash:role:2011" value="dub"/>
<Representation id="other" codecs="mp4a.40.2" bandwidth="128000"><BaseURL>other.m4a</BaseURL>
</Representation></AdaptationSet>
"""


def test_another_language_comes_where_it_is_wanted(warm: Worker, tmp_path: Path) -> None:
    for name, streams in (("hd", "-an -c copy"), ("sound", "-vn -ac 2"), ("other", "-vn -ac 1")):
        segments = f"-f hls -hls_time 1 -hls_segment_filename {tmp_path}/{name}-%d.ts"
        make(tmp_path / f"{name}.m3u8", f"{streams} {segments}")
    (tmp_path / "m.m3u8").write_text(master(CODECS["both"], SPOKEN))
    with served(tmp_path) as url:
        asked = [
            warm.run(f"{url}/m.m3u8", limits_with(), form=Form(language=language)).result
            for language in (None, "de", "fr")
        ]
    original, german, missing = asked
    assert isinstance(original, Media)
    assert isinstance(german, Media)
    assert [channels_of(media.files[0].path) for media in (original, german)] == [2, 1]
    languages = (Language("en-us", is_original=True), Language("de"))
    assert original.offer.languages == german.offer.languages == languages
    assert getattr(missing, "reason", None) is Reason.NO_SUCH_LANGUAGE
