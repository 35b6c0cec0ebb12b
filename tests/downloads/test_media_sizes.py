"""What the real yt-dlp fetches when sizes are limited."""

from pathlib import Path

import pytest

from tests.sandbox.clips import SAMPLE
from tests.support.download_limits import limits_with
from tests.support.downloads_harness import Worker
from tests.support.file_server import served
from tests.support.format_choice import MB
from tests.support.media import make, probe
from worker.protocol import MediaFile, MediaKind, Note, Progress


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
        return warm.run(f"{url}/{path.name}", limits_with(max_file_bytes=limit)).media


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
    assert (media.facts.kind, media.facts.height, media.facts.note) == (
        MediaKind.VIDEO,
        240,
        Note.LOWER_QUALITY,
    )


@pytest.mark.usefixtures("needs_ffmpeg")
def test_a_track_without_a_rate_does_not_hide_the_rate_of_the_pictures(
    warm: Worker, tmp_path: Path
) -> None:
    playlist(tmp_path, "large", "")
    playlist(tmp_path, "middle", "-an -c copy")
    playlist(tmp_path, "sound", "-vn -c:a copy")
    track = '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="x",DEFAULT=YES,URI="sound.m3u8"\n'
    master = tmp_path / "master.m3u8"
    variants = [each.replace("RESOLUTION", 'AUDIO="a",RESOLUTION') for each in (LARGE, MIDDLE)]
    master.write_text(f"#EXTM3U\n{track}{''.join(variants)}")
    media = fetched(warm, master)
    assert (media.facts.height, media.facts.note) == (240, Note.LOWER_QUALITY)
    assert probe(media.path).audio == "aac"


@pytest.mark.usefixtures("needs_ffmpeg")
def test_the_first_pieces_tell_which_quality_fits(warm: Worker, tmp_path: Path) -> None:
    playlist(tmp_path, "large", "")
    for number in range(3):
        (tmp_path / f"large-{number}.ts").write_bytes(bytes(4 * MB))
    playlist(tmp_path, "middle", "")  # whoever tries it fails
    playlist(tmp_path, "small", "-c copy")
    sizes = {"large": "1280x960", "middle": "640x480", "small": "320x240"}
    master = tmp_path / "master.m3u8"
    variants = (f"#EXT-X-STREAM-INF:RESOLUTION={sizes[n]}\n{n}.m3u8\n" for n in sizes)
    master.write_text("#EXTM3U\n" + "".join(variants))
    media = fetched(warm, master)
    assert (media.facts.height, media.facts.note) == (240, Note.LOWER_QUALITY)


@pytest.mark.usefixtures("needs_ffmpeg")
def test_what_fits_is_not_called_less(warm: Worker, tmp_path: Path) -> None:
    playlist(tmp_path, "large", "-vf scale=1280:960 -c:v libx264 -preset ultrafast -c:a copy")
    playlist(tmp_path, "middle", "")
    master = tmp_path / "master.m3u8"
    master.write_text(f"#EXTM3U\n{LARGE}{MIDDLE}")
    media = fetched(warm, master, 50 * MB)
    assert (media.facts.kind, media.facts.height, media.facts.note) == (MediaKind.VIDEO, 960, None)


@pytest.mark.usefixtures("needs_ffmpeg")
def test_when_no_video_fits_the_sound_is_sent(warm: Worker, tmp_path: Path) -> None:
    playlist(tmp_path, "large", "")
    playlist(tmp_path, "sound", "-vn -c:a copy")
    master = tmp_path / "master.m3u8"
    master.write_text(f"#EXTM3U\n{LARGE}{SOUND}")
    media = fetched(warm, master)
    assert (media.facts.kind, media.facts.note) == (MediaKind.AUDIO, Note.AUDIO_ONLY)
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
        outcome = warm.run(f"{url}/page.html", limits_with(max_file_bytes=MB))
    facts = outcome.media.facts
    assert (facts.kind, facts.note) == (MediaKind.VIDEO, Note.LOWER_QUALITY)
    assert outcome.media.size_bytes < MB
    fetched_bytes = [r.done_bytes for r in outcome.reports if isinstance(r, Progress)]
    assert max(fetched_bytes) < 2 * MB
