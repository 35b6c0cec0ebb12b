"""What ffmpeg makes of landscapes: a film with subtitles, an album, and a song with a cover."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from .landscape import DAWN, DUSK, NIGHT, NOON, draw

FILM_S = 8
SONG_S = 20
_LIGHTS = {"dawn": DAWN, "noon": NOON, "dusk": DUSK, "night": NIGHT}
_TIMEOUT_S = 120
_SEED = 7
_DRAWN_WIDTH, _DRAWN_HEIGHT = 900, 405
_H264 = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 48"
_AAC = "-c:a aac -b:a 64k"
_WIDTHS = {720: 1280, 480: 854, 360: 640}
_QUALITIES = {720: 20, 480: 30, 360: 32}
# An open fifth with its octave, which swells and fades.
_CHORD = "0.12*(sin(2*PI*110*t)+sin(2*PI*165*t)+sin(2*PI*220*t))*sin(PI*t/{seconds})"

_WORDS = {
    "en": ("English", ("The first light comes over the ridge.", "Nobody is up yet.")),
    "de": ("Deutsch", ("Das erste Licht kommt über den Grat.", "Noch ist niemand wach.")),
}


def make_film(ffmpeg: str, folder: Path) -> None:
    """A morning in the mountains as HLS, in several heights, with subtitles in two languages."""
    widest = f"1280:720:x='(iw-ow)*t/{FILM_S}'"
    copies = "".join(f"[{height}]" for height in _WIDTHS)
    scaled = "".join(
        f";[{height}]scale={width}:{height}[v{height}]" for height, width in _WIDTHS.items()
    )
    graph = f"[0]scale=-2:720:flags=lanczos,loop=-1:1,crop={widest},split={len(_WIDTHS)}{copies}"
    outputs = "".join(
        f" -map [v{height}] -map 1:a -t {FILM_S} {_H264} -crf {_QUALITIES[height]}"
        f" {_AAC} -f hls -hls_time 4"
        f" -hls_list_size 0 -hls_segment_filename {height}-%d.ts {height}.m3u8"
        for height in _WIDTHS
    )
    chord = _CHORD.format(seconds=FILM_S)
    arguments = [
        *_picture(24, _DRAWN_WIDTH, _DRAWN_HEIGHT),
        "-f",
        "lavfi",
        "-i",
        f"aevalsrc='{chord}':d={FILM_S}",
    ]
    arguments += ["-filter_complex", graph + scaled, *outputs.split()]
    picture = draw(_DRAWN_WIDTH, _DRAWN_HEIGHT, DAWN, _SEED)
    _run(ffmpeg, arguments, folder, picture)
    cover = ["-vf", "crop=720:405,scale=640:360", "-frames:v", "1", "-q:v", "4", "cover.jpg"]
    _run(ffmpeg, [*_picture(1, _DRAWN_WIDTH, _DRAWN_HEIGHT), *cover], folder, picture)
    for language, (_, lines) in _WORDS.items():
        (folder / f"{language}.vtt").write_text(_subtitles(lines), "utf-8")
        (folder / f"{language}.m3u8").write_text(
            f"#EXTM3U\n#EXT-X-TARGETDURATION:{FILM_S}\n#EXT-X-PLAYLIST-TYPE:VOD\n"
            f"#EXTINF:{FILM_S},\n{language}.vtt\n#EXT-X-ENDLIST\n"
        )
    (folder / "master.m3u8").write_text(_master(folder))


def make_album(ffmpeg: str, folder: Path) -> None:
    """The mountains at four times of the day: a picture of each, and a clip."""
    chord = ["-f", "lavfi", "-i", f"aevalsrc='{_CHORD.format(seconds=4)}':d=4"]
    moving = ["-vf", "loop=-1:1,crop=640:480:x='(iw-ow)*t/4'", "-t", "4", *_H264.split()]
    for name, light in _LIGHTS.items():
        picture = draw(720, 480, light, _SEED)
        still = ["-frames:v", "1", "-q:v", "3", f"{name}.jpg"]
        _run(ffmpeg, [*_picture(1, 720, 480), *still], folder, picture)
        clip = [*_picture(24, 720, 480), *chord, *moving, *_AAC.split(), f"{name}.mp4"]
        _run(ffmpeg, clip, folder, picture)


def make_song(ffmpeg: str, folder: Path) -> None:
    """A long chord, and a square cover."""
    chord = f"aevalsrc='{_CHORD.format(seconds=SONG_S)}':d={SONG_S}"
    _run(ffmpeg, ["-f", "lavfi", "-i", chord, *_AAC.split(), "song.m4a"], folder, b"")
    cover = ["-vf", "crop=360:360", "-frames:v", "1", "-q:v", "4", "cover.jpg"]
    _run(ffmpeg, [*_picture(1, 720, 360), *cover], folder, draw(720, 360, NIGHT, _SEED))


MAKERS: dict[str, Callable[[str, Path], None]] = {
    "film": make_film,
    "album": make_album,
    "song": make_song,
}
"""By the name of their folder on the site."""


def _picture(rate: int, width: int, height: int) -> list[str]:
    """The arguments that have ffmpeg read a drawn picture."""
    return f"-f rawvideo -pix_fmt rgb24 -s {width}x{height} -r {rate} -i -".split()


def _run(ffmpeg: str, arguments: list[str], folder: Path, given: bytes) -> None:
    command = [ffmpeg, "-v", "error", "-y", *arguments]
    subprocess.run(command, cwd=folder, input=given, check=True, timeout=_TIMEOUT_S)


def _subtitles(lines: tuple[str, ...]) -> str:
    each_s = FILM_S // len(lines)
    cues = "".join(
        f"\n00:00:{at * each_s:02}.000 --> 00:00:{(at + 1) * each_s:02}.000\n{line}\n"
        for at, line in enumerate(lines)
    )
    return f"WEBVTT\n{cues}"


def _master(folder: Path) -> str:
    words = "".join(
        f'#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="words",NAME="{name}",LANGUAGE="{language}",'
        f'AUTOSELECT=YES,URI="{language}.m3u8"\n'
        for language, (name, _) in _WORDS.items()
    )
    streams = "".join(
        f"#EXT-X-STREAM-INF:BANDWIDTH={_bits_a_second(folder, height)},RESOLUTION={width}x{height},"
        f'FRAME-RATE=24,CODECS="avc1.64001f,mp4a.40.2",SUBTITLES="words"\n{height}.m3u8\n'
        for height, width in _WIDTHS.items()
    )
    return f"#EXTM3U\n{words}{streams}"


def _bits_a_second(folder: Path, height: int) -> int:
    return sum(piece.stat().st_size for piece in folder.glob(f"{height}-*.ts")) * 8 // FILM_S
