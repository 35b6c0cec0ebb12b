"""A stand-in for YouTube on loopback, whose `n` and signatures have to be solved.

Pages, player and challenges are of our own making, and as small as the real extractor allows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from . import youtube_languages
from .clips import SAMPLE
from .tls_proxy import Response, TlsProxy
from .youtube_languages import Caption

LINK = "https://www.youtube.com/watch?v=abcdefghijk"
"""Any other id of eleven characters leads to a video as well."""

ACCOUNT_ID = "for-account"
ACCOUNT_LINK = f"https://www.youtube.com/watch?v={ACCOUNT_ID}"
"""A video that only an account may see; `Youtube.cookies` are those of one."""

_FOUND = tuple(
    (f"found-{number:05}", f"{name} bread", f"{number}:0{number}", f"Baker {number}")
    for number, name in enumerate(
        ("White", "Brown", "Rye", "Flat", "Sweet", "Stale"),
        1,
    )
)
"""What a search finds: an id, a title, a length and who made it, of each video."""

_SPONSORBLOCK = "sponsor.ajay.app"
_LENGTH_S = 3
_N, _SIGNATURE = "n-as-scrambled", "signature-as-scrambled"
_HOSTS = ("*.youtube.com", "*.googlevideo.com", "*.ytimg.com", _SPONSORBLOCK)
_COOKIES = {"LOGIN_INFO": "an-account", "SAPISID": "a-session"}
# In headers, the client of a headset: the one that has addresses that are not scrambled.
_PLAIN_CLIENT = "101"
_BOT = {"status": "LOGIN_REQUIRED", "reason": "Sign in to confirm you’re not a bot"}
_PLAYER = """
var _yt_player = {};
(function (g) {
  var window = this;
  g.sts = {signatureTimestamp: 20000};
  g.Url = function () { this.q = {}; };
  g.Url.prototype.set = function (k, v) { this.q[k] = v; };
  g.Url.prototype.get = function (k) { return this.q[k]; };
  g.Url.prototype.Zz = function () {
    var n = this.q.n;
    if (n) this.q.n = n.slice(3) + n.slice(0, 3);
  };
  g.mk = function (u, k, s) {
    var a = new g.Url();
    a.set("alr", "yes");
    if (s) { s = decodeURIComponent(s).split(""); s.reverse(); s.splice(0, 2);
      a.set(k, encodeURIComponent(s.join(""))); }
    return a;
  };
})(_yt_player);
"""


def _solved_n(scrambled: str) -> str:
    return scrambled[3:] + scrambled[:3]


def _solved_signature(scrambled: str) -> str:
    return scrambled[::-1][2:]


@dataclass(frozen=True)
class Stream:
    """A file that the video is to be had in, by YouTube's number for its format."""

    itag: int
    path: Path
    mime: str
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def described(self) -> dict[str, Any]:
        """What the player's API says of it, without its address."""
        size = str(self.path.stat().st_size)
        return {"itag": self.itag, "mimeType": self.mime, "contentLength": size, **self.more}


_SAMPLE = Stream(
    18,
    SAMPLE,
    'video/mp4; codecs="avc1.42001E, mp4a.40.2"',
    {"width": 320, "height": 240, "quality": "small", "approxDurationMs": "3000"},
)


class Youtube(TlsProxy):
    """Serves one video, and what SponsorBlock knows of it.

    Set `player` to serve another script, `status` for another playability, `refusal` for that of
    the account's video without its session, `streams` for other files, `found` for what a search
    finds (`searches` are the words so far), `sponsors` for the seconds from and to which there are
    any, `captions` and into what they are `translated`, and
    `wait_s` to have the player show something else first. `on_request` is called with each address,
    on the thread that serves it.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, _HOSTS)
        self.on_request: Callable[[str], None] = lambda address: None
        self.player_id = "0a1b2c3d"
        self.player = _PLAYER
        self.status: Mapping[str, Any] = {"status": "OK"}
        self.refusal: Mapping[str, Any] = _BOT
        self.streams: Sequence[Stream] = [_SAMPLE]
        self.captions: Sequence[Caption] = ()
        self.translated: Sequence[str] = ()
        self.wait_s = 0
        self.found: Sequence[tuple[str, str, str, str]] = _FOUND
        self.searches: list[str] = []
        self.sponsors: Sequence[tuple[float, float]] = ()
        self.cookies = directory / "cookies.txt"
        self.cookies.write_text("# Netscape HTTP Cookie File\n" + "".join(_jar(_COOKIES)))

    @property
    def player_path(self) -> str:
        """Where the player is."""
        return f"/s/player/{self.player_id}/player_ias.vflset/en_US/base.js"

    def hits(self, part: str) -> int:
        """How many of the requests had this in their address."""
        return sum(part in request for request in self.requests)

    def answer(self, address: str, headers: Message, body: bytes) -> Response:
        """Answer as YouTube does."""
        self.on_request(address)
        status, kind, content = self._content(f"//{address}", headers, body)
        return status, {"Content-Type": kind, **_ended_session(headers)}, content

    def _content(self, address: str, headers: Message, body: bytes) -> tuple[int, str, bytes]:
        path, query = urlsplit(address).path, parse_qs(urlsplit(address).query)
        if urlsplit(address).hostname == _SPONSORBLOCK:
            return 200, "application/json", json.dumps(self._known_sponsors()).encode()
        if path == "/watch":
            return 200, "text/html", self._page(query["v"][0], headers).encode()
        if path.startswith("/embed/"):
            return 200, "text/html", self._settings("WEB_EMBEDDED_PLAYER").encode()
        if path == self.player_path:
            return 200, "text/javascript", self.player.encode()
        if path.startswith("/youtubei/v1/player"):
            response = self._player_response(json.loads(body)["videoId"], headers)
            return 200, "application/json", json.dumps(response).encode()
        if path == "/":
            return 200, "text/html", self._settings("WEB").encode()
        if path.startswith("/youtubei/v1/search"):
            self.searches.append(json.loads(body).get("query", ""))
            return 200, "application/json", json.dumps(self._found()).encode()
        if path == "/api/timedtext":
            return 200, "text/vtt", youtube_languages.timed_text(query).encode()
        if path == "/videoplayback":
            if "n" in query and [query["n"], query.get("sig")] != [
                [_solved_n(_N)],
                [_solved_signature(_SIGNATURE)],
            ]:
                return 403, "text/plain", b""
            (stream,) = [s for s in self.streams if [s.path.name] == query["file"]]
            return 200, stream.mime.partition(";")[0], stream.path.read_bytes()
        return 404, "text/plain", b""

    def _known_sponsors(self) -> list[dict[str, Any]]:
        """What SponsorBlock answers to whoever asks with the beginning of a hash."""
        about = {"category": "sponsor", "actionType": "skip", "videoDuration": _LENGTH_S}
        segments = [{"segment": span, "description": "", **about} for span in self.sponsors]
        return [{"videoID": LINK.rpartition("=")[2], "segments": segments}]

    def _found(self) -> dict[str, Any]:
        """What the search's API answers, whatever somebody has searched for."""
        videos = [
            {
                "videoRenderer": {
                    "videoId": video_id,
                    "title": {"runs": [{"text": title}]},
                    "lengthText": {"simpleText": length},
                    "ownerText": {"runs": [{"text": owner}]},
                }
            }
            for video_id, title, length, owner in self.found
        ]
        section = {"itemSectionRenderer": {"contents": videos}}
        columns = {"primaryContents": {"sectionListRenderer": {"contents": [section]}}}
        return {"contents": {"twoColumnSearchResultsRenderer": columns}}

    def _settings(self, client: str) -> str:
        context = {"client": {"clientName": client, "clientVersion": "1.0"}}
        player = {"PLAYER_JS_URL": self.player_path, "STS": 20000, "INNERTUBE_CONTEXT": context}
        player["VISITOR_DATA"] = "a-visitor"
        return f"<script>ytcfg.set({json.dumps(player)});</script>"

    def _page(self, video_id: str, headers: Message) -> str:
        response = json.dumps(self._player_response(video_id, headers))
        initial = json.dumps({"contents": {"twoColumnWatchNextResults": {}}})
        return (
            f"<!doctype html><title>A stand-in</title>{self._settings('WEB')}"
            f"<script>var ytInitialPlayerResponse = {response};</script>"
            f"<script>var ytInitialData = {initial};</script>"
        )

    def _player_response(self, video_id: str, headers: Message) -> dict[str, Any]:
        """What the player's API says of a video to whoever asks with these headers."""
        is_plain = headers.get("X-Youtube-Client-Name") == _PLAIN_CLIENT
        status = self.status
        if video_id == ACCOUNT_ID and not _has_session(headers):
            status = self.refusal
        media = [self._offer(stream, is_plain=is_plain) for stream in self.streams]
        advertisement = {
            "adPlacementRenderer": {
                "config": {"adPlacementConfig": {"kind": "AD_PLACEMENT_KIND_START"}},
                "renderer": {
                    "instreamVideoAdRenderer": {
                        "playerVars": f"length_seconds={self.wait_s}",
                    }
                },
            }
        }
        return {
            "playabilityStatus": dict(status),
            "videoDetails": {
                "videoId": video_id,
                "title": "A stand-in",
                "lengthSeconds": str(_LENGTH_S),
                "isLiveContent": False,
            },
            "streamingData": {"formats": media} if status["status"] == "OK" else {},
            "captions": youtube_languages.described(self.captions, self.translated),
            "adPlacements": [advertisement] if self.wait_s else [],
        }

    def _offer(self, stream: Stream, *, is_plain: bool) -> dict[str, Any]:
        query = {"file": stream.path.name} if is_plain else {"file": stream.path.name, "n": _N}
        address = f"https://rr1---sn-standin.googlevideo.com/videoplayback?{urlencode(query)}"
        cipher = f"s={quote(_SIGNATURE)}&sp=sig&url={quote(address, safe='')}"
        where = {"url": address} if is_plain else {"signatureCipher": cipher}
        return {**stream.described, **where}


def _has_session(headers: Message) -> bool:
    sent = headers.get("Cookie", "")
    return all(f"{name}={value}" in sent for name, value in _COOKIES.items())


def _ended_session(headers: Message) -> Mapping[str, str]:
    """What goes back to whoever sends cookies that are no longer those of the session."""
    if "LOGIN_INFO=" not in headers.get("Cookie", "") or _has_session(headers):
        return {}
    return {"Set-Cookie": "LOGIN_INFO=; Domain=.youtube.com; Path=/; Max-Age=0; Secure"}


def _jar(cookies: Mapping[str, str]) -> list[str]:
    fields = ((".youtube.com", "TRUE", "/", "TRUE", "0", *cookie) for cookie in cookies.items())
    return ["\t".join(cookie) + "\n" for cookie in fields]
