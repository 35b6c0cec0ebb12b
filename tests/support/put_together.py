"""Films that are put together of parts which differ: files for a plain server, made by ffmpeg."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.media import make_of

PART_S = 2


@dataclass(frozen=True)
class Part:
    """Two seconds with a tone of 440 Hz: size, pictures a second, the sound's rate and channels."""

    size: str = "64x64"
    rate: int = 25
    sound_hz: int = 44_100
    channels: int = 1
    more: str = ""
    begins_s: int = 0

    @property
    def name(self) -> str:
        return f"{hash(self):x}".strip("-")


PLAIN = Part()
LARGER, SLOWER = Part(size="128x96"), Part(rate=15)
OTHER_CLOCK, STEREO = Part(sound_hz=22_050), Part(channels=2)
SILENT, ANEW = Part(channels=0), Part(more="-refs 1 -bf 0 -tune zerolatency")
LATER, FINER = Part(begins_s=7), Part(more="-video_track_timescale 24000")


class Films:
    """Makes parts in a directory, each once, and playlists of them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def hls_of_ts(self, parts: Sequence[Part]) -> str:
        """The name of a playlist."""
        return self._playlist("ts", ((self.made(part, "ts"),) for part in parts))

    def hls_of_mp4(self, parts: Sequence[Part], streams: str = "av") -> str:
        """The name of a playlist whose pieces have initialisation sections."""
        names = (self._split(part, streams) for part in parts)
        return self._playlist(
            f"mp4-{streams}", ((f'#EXT-X-MAP:URI="{init}"', media) for init, media in names)
        )

    def hls_in_two(self, parts: Sequence[Part]) -> str:
        """The name of a master whose sound is in a list of its own."""
        sound, pictures = (self.hls_of_mp4(parts, streams) for streams in "av")
        return self._write(
            "master.m3u8",
            f'#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="a",URI="{sound}"\n'
            '#EXT-X-STREAM-INF:BANDWIDTH=1000000,AUDIO="a",CODECS="avc1.42c00a,mp4a.40.2"\n'
            f"{pictures}\n",
        )

    def dash(self, parts: Sequence[Part]) -> str:
        """The name of a manifest with a period for each part."""
        periods = "".join(map(self._period, parts))
        space = "urn:mpeg:dash:schema:mpd:2011"
        return self._write("film.mpd", f'<MPD xmlns="{space}" type="static">{periods}</MPD>')

    def one_file(self, parts: Sequence[Part], suffix: str, directory: Path) -> Path:
        """A file in `directory` that holds all parts."""
        names = [self.made(part, suffix) for part in parts]
        path = directory / f"media.{suffix}"
        path.write_bytes(b"".join((self.directory / name).read_bytes() for name in names))
        return path

    def _period(self, part: Part) -> str:
        width, height = part.size.split("x")
        kinds = {
            "v": f'mimeType="video/mp4" codecs="avc1.42c00a" width="{width}" height="{height}"',
            "a": f'mimeType="audio/mp4" codecs="mp4a.40.2" audioSamplingRate="{part.sound_hz}"',
        }
        sets = ""
        for streams, kind in kinds.items():
            init, media = self._split(part, streams)
            sets += (
                f'<AdaptationSet><Representation id="{streams}" bandwidth="9000" {kind}>'
                f'<SegmentList duration="{PART_S}"><Initialization sourceURL="{init}"/>'
                f'<SegmentURL media="{media}"/></SegmentList></Representation></AdaptationSet>'
            )
        return f'<Period duration="PT{PART_S}S">{sets}</Period>'

    def _playlist(self, name: str, parts: Iterable[tuple[str, ...]]) -> str:
        lines = ["#EXTM3U", "#EXT-X-VERSION:7", f"#EXT-X-TARGETDURATION:{PART_S}"]
        for *tags, media in parts:
            lines += [*tags, f"#EXTINF:{PART_S},", media, "#EXT-X-DISCONTINUITY"]
        return self._write(f"{name}.m3u8", "\n".join([*lines[:-1], "#EXT-X-ENDLIST", ""]))

    def _split(self, part: Part, streams: str) -> tuple[str, str]:
        """The names of an initialisation section and of what follows it."""
        made = (self.directory / self.made(part, "mp4", streams)).read_bytes()
        end = made.index(b"moof") - 4
        name = f"{part.name}-{streams}"
        for suffix, data in (("init", made[:end]), ("m4s", made[end:])):
            (self.directory / f"{name}.{suffix}").write_bytes(data)
        return f"{name}.init", f"{name}.m4s"

    def made(self, part: Part, suffix: str, streams: str = "av") -> str:
        """The name of a file with one part."""
        path = self.directory / f"{part.name}-{streams}.{suffix}"
        if not path.exists():
            sources, arguments = [], f"-output_ts_offset {part.begins_s}"
            if "v" in streams:
                sources.append(f"testsrc=s={part.size}:r={part.rate}:d={PART_S}")
                arguments += " -c:v libx264 -preset ultrafast -pix_fmt yuv420p"
                arguments += f" -g {part.rate} {part.more}"
            if "a" in streams and part.channels:
                sources.append(f"sine=440:r={part.sound_hz}:d={PART_S}")
                arguments += f" -c:a aac -ac {part.channels}"
            if suffix == "mp4":
                arguments += " -movflags empty_moov+frag_keyframe+default_base_moof"
            make_of(path, sources, arguments)
        return path.name

    def _write(self, name: str, text: str) -> str:
        (self.directory / name).write_text(text)
        return name
