"""Master playlists and manifests as video services write them, as data.

`hd` and `sd` are videos with their own sound or without, `sound` and `other` are tracks of sound.
"""

import functools
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from yt_dlp import YoutubeDL
from yt_dlp.extractor.common import InfoExtractor

HD, SD = "RESOLUTION=1280x720", "RESOLUTION=480x270"
TRACK = 'TYPE=AUDIO,GROUP-ID="a",NAME="Main",DEFAULT=YES,AUTOSELECT=YES'
GROUP = ',AUDIO="a"'

CODECS = {
    "both": ',CODECS="avc1.64001f,mp4a.40.2"',
    "reversed": ',CODECS="mp4a.40.2,avc1.64001f"',
    "missing": "",
    "empty": ',CODECS=""',
    "sound alone": ',CODECS="mp4a.40.2"',
    "sound and subtitles": ',CODECS="mp4a.40.2,wvtt"',
    "subtitles alone": ',CODECS="stpp.ttml.im1t"',
    "pictures alone": ',CODECS="avc1.64001f"',
    "unknown": ',CODECS="xyz1"',
}
"""What a variant may say of its codecs, right or not."""


@dataclass(frozen=True)
class Track:
    """A track of sound beside the videos; without `uri` it is in the videos."""

    attributes: str = TRACK
    uri: str | None = "sound"

    @property
    def line(self) -> str:
        uri = f',URI="{self.uri}.m3u8"' if self.uri else ""
        return f"#EXT-X-MEDIA:{self.attributes}{uri}\n"


ALTERNATE = Track('TYPE=AUDIO,GROUP-ID="a",NAME="Other",DEFAULT=NO,AUTOSELECT=YES', "other")

GROUPS = {
    "one track": (Track(),),
    "no language": (Track('TYPE=AUDIO,GROUP-ID="a",NAME="x",LANGUAGE="und",DEFAULT=YES'),),
    "no default": (Track('TYPE=AUDIO,GROUP-ID="a",NAME="x"'),),
    "another track": (ALTERNATE, Track()),
}
"""Groups of which the first choice of a player is the track `sound`."""


def master(codecs: str, tracks: tuple[Track, ...] = (), rate: str = "BANDWIDTH={}") -> str:
    """A master playlist of two videos, best first, and these tracks."""
    variants = "".join(
        f"#EXT-X-STREAM-INF:{rate.format(bits_per_s)},{size}{codecs}{GROUP if tracks else ''}\n"
        f"{name}.m3u8\n"
        for name, size, bits_per_s in (("hd", HD, 2_000_000), ("sd", SD, 300_000))
    )
    return "#EXTM3U\n#EXT-X-VERSION:6\n" + "".join(track.line for track in tracks) + variants


def mpd(video: str, audio: str) -> str:
    """A DASH manifest of two videos and a track of sound, with these attributes."""
    return f"""<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT3S">
<Period>
<AdaptationSet mimeType="video/mp4" {video}>
<Representation id="hd" bandwidth="2000000" width="1280" height="720">
<BaseURL>hd.mp4</BaseURL></Representation>
<Representation id="sd" bandwidth="300000" width="480" height="270">
<BaseURL>sd.mp4</BaseURL></Representation>
</AdaptationSet>
<AdaptationSet mimeType="audio/mp4" {audio}>
<Representation id="sound" bandwidth="96000"><BaseURL>sound.m4a</BaseURL></Representation>
</AdaptationSet>
</Period></MPD>
"""


MPDS = {
    "codecs of both": ('codecs="avc1.64001f"', 'codecs="mp4a.40.2"'),
    "no codecs": ("", ""),
    "empty codecs": ('codecs=""', 'codecs=""'),
    "content types": ('contentType="video"', 'contentType="audio"'),
    "codec of the sound alone": ("", 'codecs="mp4a.40.2"'),
    "codec of the pictures alone": ('codecs="avc1.64001f"', ""),
    "unknown codecs": ('codecs="xyz1"', 'codecs="xyz2"'),
}
"""What a manifest may say of its codecs: attributes of the pictures and of the sound."""


@functools.cache
def _ytdlp() -> YoutubeDL:
    order = ["res:1080", "vcodec:h264", "acodec:aac", "ext:mp4:m4a"]
    return YoutubeDL({"quiet": True, "no_warnings": True, "format_sort": order})


def listed(text: str, **about: Any) -> dict[str, Any]:
    """What yt-dlp passes to a format function for a master playlist or a DASH manifest."""
    parser, url = InfoExtractor(_ytdlp()), "https://example.com/master"
    if text.startswith("#EXTM3U"):
        formats, _ = parser._parse_m3u8_formats_and_subtitles(text, url, "mp4")
    else:
        formats = parser._parse_mpd_formats(ElementTree.fromstring(text), None, url, url)
    return in_ytdlps_order(formats, **about)


def in_ytdlps_order(formats: list[Any], **about: Any) -> dict[str, Any]:
    """What yt-dlp passes to a format function, given what an extractor has found."""
    info: Any = {"formats": formats, **about}
    _ytdlp().sort_formats(info)
    return dict(info)
