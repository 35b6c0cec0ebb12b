"""Which streams of a file are sent, whatever else is in it, and what is said where none can be."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.sandbox.patience import PATIENCE_S
from tests.support.download_limits import limits_with
from tests.support.exhaustive import in_full
from tests.support.media import make_of, probe, replace_program
from worker.downloads.media.finishing import finish
from worker.downloads.media.program_run import ProgramLimits
from worker.errors import Fault, JobError, Reason
from worker.form import SOUND, WHOLE
from worker.protocol import MediaKind, Note

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")

VIDEO, AUDIO, DOCUMENT = MediaKind.VIDEO, MediaKind.AUDIO, MediaKind.DOCUMENT
PICTURES, TONE = "testsrc=s=64x64:r=10:d={}", "sine=440:r={}:d={}"
ENCODED = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac"
KEY = "76a6c65c5ea762046bd749a2e632ccbb"


def starts_s(path: Path) -> dict[str, float]:
    """When each kind of stream begins."""
    command = ["ffprobe", "-v", "error", "-show_streams", "-of", "json", str(path)]
    streams = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["streams"]
    return {stream["codec_type"]: float(stream["start_time"]) for stream in streams}


def sound_hz(path: Path) -> int:
    """The rate of the first audio stream, by which the tests tell one from another."""
    command = ["ffprobe", "-v", "error", "-select_streams", "a:0", "-show_entries"]
    command += ["stream=sample_rate", "-of", "csv=p=0", str(path)]
    return int(subprocess.run(command, capture_output=True, check=True).stdout)


@pytest.mark.parametrize(
    ("late", "begins_s"), [("video", 8), ("audio", 40), in_full("video", 40), in_full("audio", 8)]
)
def test_a_stream_that_begins_late_is_not_lost(tmp_path: Path, late: str, begins_s: int) -> None:
    lengths = {"video": begins_s + 2, "audio": begins_s + 2, late: 1}
    sources = {
        "video": PICTURES.format(lengths["video"]),
        "audio": TONE.format(44100, lengths["audio"]),
    }
    path = tmp_path / "media.ts"
    command = ["ffmpeg", "-v", "error"]
    for kind, source in sources.items():
        command += ["-itsoffset", str(begins_s)] if kind == late else []
        command += ["-f", "lavfi", "-i", source]
    subprocess.run([*command, *ENCODED.split(), str(path)], check=True)
    made = finish(path, {}, limits_with())
    assert (made.facts.kind, made.facts.note) == (VIDEO, None)
    starts = starts_s(tmp_path / made.name)
    assert starts[late] - min(starts.values()) == pytest.approx(begins_s, abs=0.3)
    assert set(starts) == {"video", "audio"}


@pytest.mark.parametrize("name", ["media.mkv", in_full("media.mp4")])
@pytest.mark.parametrize(
    ("marks", "chosen_hz"),
    [
        ("-disposition:a:0 default", 44_100),
        ("-disposition:a:0 0 -disposition:a:1 default", 22_050),
        ("-disposition:a:0 comment -disposition:a:1 0", 22_050),
    ],
)
def test_of_several_tracks_the_default_one_is_heard(
    tmp_path: Path, name: str, marks: str, chosen_hz: int
) -> None:
    if "comment" in marks and name.endswith(".mp4"):
        marks = marks.replace("comment", "0").replace("a:1 0", "a:1 default")
    sources = [PICTURES.format(1), TONE.format(44_100, 1), TONE.format(22_050, 1)]
    maps = "-map 0 -map 1 -map 2 -movflags +faststart"
    path = make_of(tmp_path / name, sources, f"{ENCODED} {maps} {marks}")
    for form, kind in ((WHOLE, VIDEO), (SOUND, AUDIO)):
        copy = tmp_path / f"copy-{form.code}{path.suffix}"
        copy.write_bytes(path.read_bytes())
        made = finish(copy, {}, limits_with(), form)
        assert made.facts.kind in {kind, MediaKind.ANIMATION}
        assert sound_hz(tmp_path / made.name) == chosen_hz


def test_an_encrypted_film_is_called_so(tmp_path: Path) -> None:
    cipher = f"-encryption_scheme cenc-aes-ctr -encryption_key {KEY} -encryption_kid {KEY}"
    sources = [PICTURES.format(1), TONE.format(44_100, 1)]
    path = make_of(tmp_path / "media.mp4", sources, f"{ENCODED} {cipher}")
    with pytest.raises(JobError) as caught:
        finish(path, {}, limits_with())
    assert (caught.value.reason, caught.value.fault) == (Reason.DRM, Fault.PERMANENT)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("media.mp4", Reason.EMPTY_FILE),
        ("media.m4a", Reason.EMPTY_FILE),
        ("media.webm", Reason.BROKEN_FILE),
    ],
)
def test_what_has_only_a_header_is_no_film(tmp_path: Path, name: str, reason: Reason) -> None:
    arguments = {
        "media.mp4": f"{ENCODED} -movflags empty_moov+frag_keyframe",
        "media.m4a": "-vn -c:a aac -movflags empty_moov+frag_keyframe",
        "media.webm": "-c:v libvpx -deadline realtime -an",
    }[name]
    path = make_of(tmp_path / name, [PICTURES.format(1), TONE.format(44_100, 1)], arguments)
    data = path.read_bytes()
    end = data.index(b"\x1f\x43\xb6\x75") if name.endswith("webm") else data.index(b"moof") - 4
    path.write_bytes(data[:end])
    with pytest.raises(JobError) as caught:
        finish(path, {}, limits_with())
    assert (caught.value.reason, caught.value.fault) == (reason, Fault.PERMANENT)


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"max_file_bytes": 15_000}, Note.TOO_LARGE_CONVERTED),
        ({"memory_bytes": 50 * 1024 * 1024}, Note.NOT_CONVERTIBLE),
    ],
)
def test_a_note_says_why_a_film_was_not_converted(
    tmp_path: Path, changes: dict[str, float], note: Note
) -> None:
    path = make_of(tmp_path / "media.mkv", [PICTURES.format(4)], "-c:v mpeg4")
    made = finish(path, {}, limits_with(**changes))
    assert (made.facts.kind, made.facts.note) == (DOCUMENT, note)
    assert probe(tmp_path / made.name).video == "mpeg4"


def test_no_handler_of_the_callers_keeps_a_program_from_being_ended() -> None:
    limits = ProgramLimits(0.001, 2**32)

    def take_too_long_before_the_exec() -> None:
        limits.impose()
        time.sleep(PATIENCE_S)

    before = signal.signal(signal.SIGALRM, lambda *_: sys.exit(1))
    try:
        done = subprocess.run(["true"], preexec_fn=take_too_long_before_the_exec, check=False)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert done.returncode == -signal.SIGALRM


def test_a_conversion_that_takes_too_long_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_of(tmp_path / "media.mkv", [PICTURES.format(4)], "-c:v mpeg4")
    hangs = f'case "$*" in *libx264*) exec sleep 100;; esac; exec {shutil.which("ffmpeg")} "$@"'
    replace_program("ffmpeg", tmp_path / "programs", monkeypatch, hangs)
    made = finish(path, {}, limits_with(timeout_s=0.5))
    assert (made.facts.kind, made.facts.note) == (DOCUMENT, Note.NOT_CONVERTED)
    assert made.thumbnail is not None
