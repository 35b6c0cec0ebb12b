"""Live streams of the media site: HLS playlists that grow from when they are first asked for.

`/live/NAME.m3u8` is a stream of pictures and sound, `/live/NAME/master.m3u8` one with the sound in
a track of its own. In a query, `pace` is how many seconds of it come in one, and of `gaps` every
so many pieces are gone. A stream ends when it is told to, or when there is no more of it.
`/soon/NAME` says in how many minutes one starts, for an extractor of the tests' own: in as many as
`in` says in a query, or when it is told to.
"""

from __future__ import annotations

import json

from .site_connection import Route, SiteConnection

PIECE_S = 2
"""How long each piece is."""

LONGEST_S = 200
"""How much of it there is at most."""

_FIRST_NUMBER = 100  # as of a stream that others have seen begin
_TYPE = "application/vnd.apple.mpegurl"
_MASTER = """#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="sound",DEFAULT=YES,URI="audio.m3u8{query}"
#EXT-X-STREAM-INF:BANDWIDTH=90000,RESOLUTION=160x120,CODECS="avc1.42c00b,mp4a.40.2",AUDIO="sound"
video.m3u8{query}
"""


def _live(to: SiteConnection, path: str, query: dict[str, str]) -> None:
    stream, _, inner = path.removeprefix("/live/").removesuffix(".m3u8").partition("/")
    if inner == "master":
        asked = "&".join(f"{name}={value}" for name, value in query.items())
        text = _MASTER.format(query=f"?{asked}" if asked else "")
    elif inner:
        track = inner[0]  # v or a
        head = f'#EXT-X-MAP:URI="/broadcast-tracks/init_{track}.mp4"'
        text = _playlist(to, stream, query, f"/broadcast-tracks/{track}{{}}.m4s", head)
    else:
        text = _playlist(to, stream, query, "/broadcast/s{}.ts")
    to.send_bytes(text.encode(), _TYPE)


def _soon(to: SiteConnection, path: str, query: dict[str, str]) -> None:
    name, minutes = path.removeprefix("/soon/"), int(query.get("in", "600"))
    is_over = to.site.age_of_stream(f"soon {name}")[0] >= 60 * minutes
    left = 0 if is_over or to.site.has_started(name) else minutes
    to.send_bytes(json.dumps({"starts_in_minutes": left}).encode(), "application/json")


def _playlist(
    to: SiteConnection, stream: str, query: dict[str, str], piece: str, *head: str
) -> str:
    """All pieces of a stream until now, the first of which is there at once."""
    age_s, is_over = to.site.age_of_stream(stream)
    count = 1 + int(age_s * float(query.get("pace", "1")) / PIECE_S)
    gaps = int(query.get("gaps", "0"))
    lines = ["#EXTM3U", "#EXT-X-VERSION:8", f"#EXT-X-TARGETDURATION:{PIECE_S}"]
    lines += [f"#EXT-X-MEDIA-SEQUENCE:{_FIRST_NUMBER}", *head]
    for number in range(min(count, LONGEST_S // PIECE_S)):
        is_gone = gaps and not number % gaps
        lines += [f"#EXTINF:{PIECE_S}.0,", *(["#EXT-X-GAP"] if is_gone else [])]
        lines.append(piece.format(number))
    lines += ["#EXT-X-ENDLIST"] if is_over or count * PIECE_S > LONGEST_S else []
    return "\n".join([*lines, ""])


# A path, or a folder with its last slash.
ROUTES: dict[str, Route] = {"/live/": _live, "/soon/": _soon}
