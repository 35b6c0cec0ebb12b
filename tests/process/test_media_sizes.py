"""The size is known before it is too late: what is chosen, and what is said about it."""

from pathlib import Path
from typing import Any

import pytest

from tests.process.test_downloads import rules, served
from tests.sandbox.clips import SAMPLE
from tests.support.downloads_harness import Worker
from tests.support.downloads_harness import warm_worker as warm_worker
from tests.support.media import make, probe
from worker.downloads.media.conversion import Budget
from worker.downloads.ytdlp.formats import Chooser
from worker.errors import JobError, Reason
from worker.protocol import MediaFile, MediaKind, Note, Progress

MB = 1_000_000


# ------------------------------------------------------------------------- the real yt-dlp


def variant(bits_per_s: int, what: str, name: str) -> str:
    return f"#EXT-X-STREAM-INF:BANDWIDTH={bits_per_s},{what}\n{name}.m3u8\n"


def playlist(folder: Path, name: str, arguments: str) -> None:
    """A playlist of three segments; without arguments they are missing."""
    if arguments:
        segments = folder / f"{name}-%d.ts"
        make(folder / f"{name}.m3u8", f"{arguments} -hls_time 1 -hls_segment_filename {segments}")
    else:
        lines = "".join(f"#EXTINF:1,\n{name}-{number}.ts\n" for number in range(3))
        head = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n"
        (folder / f"{name}.m3u8").write_text(f"{head}{lines}#EXT-X-ENDLIST\n")


def fetched(warm: Worker, path: Path, limit: int = MB) -> MediaFile:
    with served(path.parent) as url:
        return warm.run(f"{url}/{path.name}", rules(max_file_bytes=limit)).media


LARGE = variant(8_000_000, 'RESOLUTION=1280x960,CODECS="avc1.640028,mp4a.40.2"', "large")
MIDDLE = variant(1_000_000, 'RESOLUTION=320x240,CODECS="avc1.640028,mp4a.40.2"', "middle")
SOUND = variant(64_000, 'CODECS="mp4a.40.2"', "sound")


@pytest.mark.usefixtures("needs_ffmpeg")
def test_what_is_too_large_by_its_rate_is_not_fetched(warm: Worker, tmp_path: Path) -> None:
    playlist(tmp_path, "large", "")
    playlist(tmp_path, "middle", "-c copy")
    master = tmp_path / "master.m3u8"
    master.write_text(f"#EXTM3U\n{LARGE}{MIDDLE}")
    media = fetched(warm, master)
    assert (media.kind, media.height, media.note) == (MediaKind.VIDEO, 240, Note.LOWER_QUALITY)


@pytest.mark.usefixtures("needs_ffmpeg")
def test_what_fits_is_not_called_less(warm: Worker, tmp_path: Path) -> None:
    playlist(tmp_path, "large", "-vf scale=1280:960 -c:v libx264 -preset ultrafast -c:a copy")
    playlist(tmp_path, "middle", "")
    master = tmp_path / "master.m3u8"
    master.write_text(f"#EXTM3U\n{LARGE}{MIDDLE}")
    media = fetched(warm, master, 50 * MB)
    assert (media.kind, media.height, media.note) == (MediaKind.VIDEO, 960, None)


@pytest.mark.usefixtures("needs_ffmpeg")
def test_when_no_video_fits_the_sound_is_sent(warm: Worker, tmp_path: Path) -> None:
    playlist(tmp_path, "large", "")
    playlist(tmp_path, "sound", "-vn -c:a copy")
    master = tmp_path / "master.m3u8"
    master.write_text(f"#EXTM3U\n{LARGE}{SOUND}")
    media = fetched(warm, master)
    assert (media.kind, media.note) == (MediaKind.AUDIO, Note.AUDIO_ONLY)
    assert probe(media.path).audio == "aac"


@pytest.mark.usefixtures("needs_ffmpeg")
def test_a_size_that_nobody_told_ends_the_fetch_and_a_smaller_one_comes(
    warm: Worker, tmp_path: Path
) -> None:
    (tmp_path / "large.mp4").write_bytes(SAMPLE.read_bytes() + bytes(30 * MB))
    (tmp_path / "small.mp4").write_bytes(SAMPLE.read_bytes())
    sources = '<source src="large.mp4" res="720"><source src="small.mp4" res="240">'
    page = tmp_path / "page.html"
    page.write_text(f"<html><body><video>{sources}</video></body></html>")
    with served(tmp_path) as url:
        outcome = warm.run(f"{url}/page.html", rules(max_file_bytes=MB))
    assert (outcome.media.kind, outcome.media.note) == (MediaKind.VIDEO, Note.LOWER_QUALITY)
    assert outcome.media.size_bytes < MB
    fetched_bytes = [r.done_bytes for r in outcome.reports if isinstance(r, Progress)]
    assert max(fetched_bytes) < 2 * MB


# ----------------------------------------------------------------------- the choice itself


def a_format(name: str, mb: float | None = None, height: int | None = None, **more: Any) -> Any:
    size = {} if mb is None else {"filesize": int(mb * MB)}
    shape = {} if height is None else {"height": height, "width": height * 16 // 9}
    return {"format_id": name, "vcodec": "avc1", "acodec": "mp4a", **size, **shape, **more}


def silent(name: str, mb: float | None, height: int, **more: Any) -> Any:
    return a_format(name, mb, height, **{"acodec": "none", "protocol": "https", **more})


def sound(name: str, mb: float | None) -> Any:
    return a_format(name, mb, vcodec="none", protocol="https")


def chooser(limit_mb: float = 50, *, has_ffmpeg: bool = True, length_s: float = 60) -> Chooser:
    made = Chooser(Budget(42, int(limit_mb * MB)), has_ffmpeg)
    made.duration_s = length_s
    return made


def chosen(made: Chooser, *best_first: Any) -> str:
    (found,) = made({"formats": list(reversed(best_first))})
    return str(found["format_id"])


@pytest.mark.parametrize(
    ("formats", "name", "note"),
    [
        ([a_format("a", 40, 1080), a_format("b", 20, 720)], "a", None),
        ([a_format("a", 60, 1080), a_format("b", 20, 720)], "b", Note.LOWER_QUALITY),
        # Headroom for what a container adds.
        ([a_format("a", 49, 1080), a_format("b", 20, 720)], "b", Note.LOWER_QUALITY),
        ([a_format("a", None, 1080), a_format("b", 20, 720)], "a", None),
        ([a_format("a", 60, 1080, vcodec="none")], None, None),
        # Pictures and sound count together, and the sound gives way first.
        ([silent("v", 40, 720), sound("x", 10), sound("y", 2)], "v+y", None),
        ([silent("v", 40, 720), sound("x", 5)], "v+x", None),
        ([silent("v", 45, 720), silent("w", 30, 480), sound("x", 5)], "w+x", Note.LOWER_QUALITY),
        ([silent("v", 60, 720), sound("x", 5)], "x", Note.AUDIO_ONLY),
        ([silent("v", 60, 720), sound("x", 60)], None, None),
        ([silent("v", 40, 720)], "v", None),
        ([silent("v", 40, 1080), a_format("a", 9, 360)], "a", None),
        ([sound("x", 60), sound("y", 5)], "y", Note.LOWER_QUALITY),
        # What has to be converted gives way to what plays, as long as that is large enough.
        ([a_format("a", 9, 1080, vcodec="vp9"), a_format("b", 9, 720)], "b", None),
        ([a_format("a", 9, 1080, vcodec="vp9"), a_format("b", 9, 360)], "a", None),
        # A rate and a length are a size as well: 8 Mbit/s for 60 s are 60 MB.
        ([a_format("a", None, 1080, tbr=8000), a_format("b", 9, 720)], "b", Note.LOWER_QUALITY),
        ([a_format("a", None, 1080, tbr=4000), a_format("b", 9, 720)], "a", None),
        ([a_format("a", None, vcodec="none", acodec="none")], None, None),
        ([], None, None),
    ],
)
def test_the_best_that_fits_is_chosen(formats: Any, name: str | None, note: Note | None) -> None:
    made = chooser()
    if name is None:
        with pytest.raises(JobError):
            chosen(made, *formats)
    else:
        assert (chosen(made, *formats), made.note) == (name, note)


def test_what_there_is_no_time_to_convert_is_chosen_last() -> None:
    formats = [a_format("a", 9, 1080, vcodec="vp9"), a_format("b", 9, 360)]
    assert chosen(chooser(length_s=30), *formats) == "a"
    made = chooser(length_s=3600)
    assert (chosen(made, *formats), made.note) == ("b", None)
    assert chosen(chooser(length_s=3600), formats[0]) == "a"


def test_without_ffmpeg_nothing_is_merged() -> None:
    formats = [silent("v", 9, 720), sound("x", 1), a_format("b", 9, 360)]
    assert chosen(chooser(has_ffmpeg=False), *formats) == "b"


def test_what_proves_too_large_is_followed_by_something_smaller() -> None:
    formats = [
        a_format("a", None, 1080),
        a_format("also", None, 1080),
        a_format("b", None, 480),
        a_format("c", 3, 240),
    ]
    made = chooser()
    assert chosen(made, *formats) == "a"
    assert made.exclude()
    assert (chosen(made, *formats), made.note) == ("b", Note.LOWER_QUALITY)
    assert made.exclude()
    assert chosen(made, *formats) == "c"
    assert not made.exclude()
    with pytest.raises(JobError) as caught:
        chosen(made, *formats)
    assert caught.value.reason is Reason.TOO_LARGE


def test_pictures_that_prove_too_large_are_not_tried_with_less_sound() -> None:
    formats = [silent("v", 9, 720), sound("x", 5), sound("y", 1)]
    made = chooser()
    assert chosen(made, *formats) == "v+x"
    assert made.exclude()
    assert (chosen(made, *formats), made.note) == ("x", Note.AUDIO_ONLY)
