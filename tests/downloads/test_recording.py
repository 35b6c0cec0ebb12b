"""Live streams are recorded: until there is enough, until they end, until somebody stops it."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.site import MediaSite
from tests.support.download_limits import limits_with
from tests.support.downloads_harness import Outcome, Worker, worker
from worker.errors import Reason
from worker.form import Form, What
from worker.protocol import MediaFile, MediaKind, Note, Progress, Stage

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")

RECORDED = Form(record_minutes=1)


@pytest.fixture
def site() -> Iterator[MediaSite]:
    with MediaSite() as site:
        # Made when they are first asked for, which takes longer than a download waits.
        for clip in ("broadcast/media.m3u8", "broadcast-tracks/init_v.mp4"):
            site.clips.path(clip)
        yield site


def probed(file: MediaFile) -> dict[str, Any]:
    """What ffprobe finds in a file."""
    command = ["ffprobe", "-v", "error", "-print_format", "json", "-show_format", "-show_streams"]
    made = subprocess.run([*command, file.path], capture_output=True, check=True, timeout=30)
    found: dict[str, Any] = json.loads(made.stdout)
    return found


def length_s(file: MediaFile) -> float:
    """How long it is; its pictures and its sound are as long, and begin together."""
    found = probed(file)
    streams = {stream["codec_type"]: stream for stream in found["streams"]}
    assert set(streams) == {"video", "audio"}
    for name in ("start_time", "duration"):
        video, audio = (float(streams[kind][name]) for kind in ("video", "audio"))
        assert video == pytest.approx(audio, abs=0.6), name
    return float(found["format"]["duration"])


def recorded_while(by: Worker, seconds: float) -> Progress:
    """Wait until so much of the one minute has been recorded."""
    while True:
        said: Progress = by.wait_for(Progress)
        if said.stage is Stage.RECORDING and (said.eta_s or 0) <= 60 - seconds:
            return said


def begin(by: Worker, url: str, **more: Any) -> None:
    by.begin(url, limits_with(**more), form=RECORDED, record_s=60.0)


def again(by: Worker, url: str, directory: Path, record_s: float = 60.0) -> Outcome:
    """Another attempt of the job that has recorded into a directory."""
    by.begin(url, limits_with(), form=RECORDED, directory=directory, record_s=record_s)
    return by.finish()


@pytest.mark.parametrize("path", ["/live/whole.m3u8", "/live/whole/master.m3u8"])
def test_as_much_is_recorded_as_was_wanted(warm: Worker, site: MediaSite, path: str) -> None:
    begin(warm, f"{site.url}{path}?pace=8")
    assert recorded_while(warm, 10).done_bytes > 0
    media = warm.finish().media
    assert (media.facts.kind, media.facts.note) == (MediaKind.VIDEO, None)
    assert length_s(media) == pytest.approx(60, abs=2)
    assert media.facts.duration_s == pytest.approx(60, abs=2)
    assert (media.facts.width, media.facts.height) == (160, 120)
    assert list(Path(media.path).parent.glob("recording.*")) == [], "which is twice the room"


def test_a_stream_that_ends_is_sent_as_far_as_it_went(warm: Worker, site: MediaSite) -> None:
    begin(warm, f"{site.url}/live/ends.m3u8?pace=4&gaps=3")
    recorded_while(warm, 8)
    site.end_stream("ends")
    media = warm.finish().media
    assert media.facts.note is Note.STREAM_ENDED
    assert 5 < length_s(media) < 60
    assert site.hits("/broadcast/s3.ts") == 0, "a piece that is missing"


def test_what_was_recorded_until_a_stop_is_sent_by_the_next_attempt(
    warm: Worker, site: MediaSite
) -> None:
    url = f"{site.url}/live/stopped.m3u8?pace=4"
    begin(warm, url)
    recorded_while(warm, 6)
    warm.stop_job()
    assert warm.finish().result is None
    asked = len(site.requests)
    media = again(warm, url, warm.directory, record_s=0.0).media
    assert media.facts.note is Note.RECORDING_STOPPED
    assert 5.5 < length_s(media) < 40
    assert len(site.requests) == asked, "its site is not asked for it"


def test_what_was_recorded_until_a_kill_is_sent_by_the_next_attempt(
    warm: Worker, site: MediaSite, tmp_path: Path
) -> None:
    url = f"{site.url}/live/killed/master.m3u8?pace=4"
    with worker(tmp_path) as killed:
        begin(killed, url)
        recorded_while(killed, 6)
        directory = killed.directory
        killed.kill()
    # As if the last piece had not come whole, and its line neither.
    for track in directory.glob("recording.*.media"):
        with open(track, "ab") as file:
            file.write(b"\x00" * 1000)
    with open(directory / "recording.0.pieces", "a") as notes:
        notes.write("99999999 9")
    # And as if the last two of the sound had been still to come.
    sound = directory / "recording.1.pieces"
    sound.write_text("".join(sound.read_text().splitlines(keepends=True)[:-2]))
    (directory / "left-over").write_text("of the attempt that was killed")
    media = again(warm, url, directory).media
    assert media.facts.note is Note.RECORDING_STOPPED
    assert 5.5 < length_s(media) < 40
    assert not (directory / "left-over").exists()


def test_a_recording_ends_when_more_would_be_too_large(warm: Worker, site: MediaSite) -> None:
    begin(warm, f"{site.url}/live/large.m3u8?pace=8", max_file_bytes=500_000)
    media = warm.finish().media
    assert media.facts.note is Note.RECORDING_FULL
    assert 200_000 < media.size_bytes < 500_000


def test_a_large_recording_comes_in_parts(warm: Worker, site: MediaSite) -> None:
    begin(warm, f"{site.url}/live/parts.m3u8?pace=8", max_file_bytes=500_000, max_parts=4)
    first, *others = warm.finish().files
    assert others
    assert sum(length_s(file) for file in (first, *others)) == pytest.approx(60, abs=3)


def test_the_sound_alone_is_recorded(warm: Worker, site: MediaSite) -> None:
    form = Form(What.SOUND, record_minutes=1)
    warm.begin(f"{site.url}/live/sound.m3u8?pace=8", limits_with(), form=form, record_s=60.0)
    recorded_while(warm, 4)
    site.end_stream("sound")
    media = warm.finish().media
    assert media.facts.kind is MediaKind.AUDIO
    assert [stream["codec_type"] for stream in probed(media)["streams"]] == ["audio"]


def test_what_is_over_by_now_is_downloaded(warm: Worker, site: MediaSite) -> None:
    begin(warm, f"{site.url}/hls/media.m3u8")
    media = warm.finish().media
    assert media.facts.note is None
    assert media.facts.duration_s == pytest.approx(3, abs=0.5)


def test_nothing_is_recorded_where_nothing_may_be(warm: Worker, site: MediaSite) -> None:
    url = f"{site.url}/live/forbidden.m3u8"
    warm.begin(url, limits_with(), form=RECORDED, record_s=0.0)
    assert warm.finish().error.reason is Reason.LIVE
    assert site.requests == []
