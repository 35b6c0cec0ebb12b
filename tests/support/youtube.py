"""A stand-in for YouTube on loopback, whose `n` and signatures have to be solved.

It is a proxy that answers for every host itself, by TLS with a certificate that `trust` makes a
downloads worker believe. Pages, player and challenges are of our own making, and as small as the
real extractor allows.
"""

from __future__ import annotations

import json
import re
import ssl
import subprocess
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from tests.sandbox.clips import SAMPLE
from worker.downloads.ytdlp import javascript

VIDEO_ID = "abcdefghijk"
LINK = f"https://www.youtube.com/watch?v={VIDEO_ID}"

_N, _SIGNATURE = "n-as-scrambled", "signature-as-scrambled"
_HOSTS = "DNS:*.youtube.com,DNS:*.googlevideo.com,DNS:*.ytimg.com"
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


class Youtube:
    """Serves one video. `requests` are the addresses asked for.

    Set `player` to serve another script, `status` for another playability, and `wait_s` to have
    the player show something else first.
    """

    def __init__(self, directory: Path) -> None:
        self.requests: list[str] = []
        self.player_id = "0a1b2c3d"
        self.player = _PLAYER
        self.status: Mapping[str, Any] = {"status": "OK"}
        self.wait_s = 0
        self.certificate = directory / "certificate.pem"
        _make_certificate(self.certificate, directory / "key.pem")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, directory / "key.pem")
        youtube = self

        class _Handler(_Visitor):
            site = youtube
            tls = context

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.proxy = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def player_path(self) -> str:
        """Where the player is."""
        return f"/s/player/{self.player_id}/player_ias.vflset/en_US/base.js"

    def hits(self, part: str) -> int:
        """How many of the requests had this in their address."""
        return sum(part in request for request in self.requests)

    def player_response(self) -> dict[str, Any]:
        """What the player's API says of the video, the same to every client."""
        query = urlencode({"n": _N, "itag": "18", "mime": "video/mp4"})
        address = f"https://rr1---sn-standin.googlevideo.com/videoplayback?{query}"
        media = {
            "itag": 18,
            "mimeType": 'video/mp4; codecs="avc1.42001E, mp4a.40.2"',
            "width": 320,
            "height": 240,
            "quality": "small",
            "contentLength": str(SAMPLE.stat().st_size),
            "approxDurationMs": "3000",
            "signatureCipher": f"s={quote(_SIGNATURE)}&sp=sig&url={quote(address, safe='')}",
        }
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
            "playabilityStatus": dict(self.status),
            "videoDetails": {
                "videoId": VIDEO_ID,
                "title": "A stand-in",
                "lengthSeconds": "3",
                "isLiveContent": False,
            },
            "streamingData": {"formats": [media]} if self.status["status"] == "OK" else {},
            "adPlacements": [advertisement] if self.wait_s else [],
        }

    def answer(self, host: str, address: str) -> tuple[int, str, bytes]:
        """Status, type and body for a request."""
        path = urlsplit(address).path
        if path == "/watch":
            player = json.dumps({"PLAYER_JS_URL": self.player_path, "STS": 20000})
            response = json.dumps(self.player_response())
            initial = json.dumps({"contents": {"twoColumnWatchNextResults": {}}})
            page = (
                f"<!doctype html><title>A stand-in</title><script>ytcfg.set({player});</script>"
                f"<script>var ytInitialPlayerResponse = {response};</script>"
                f"<script>var ytInitialData = {initial};</script>"
            )
            return 200, "text/html", page.encode()
        if path == self.player_path:
            return 200, "text/javascript", self.player.encode()
        if path.startswith("/youtubei/v1/player"):
            return 200, "application/json", json.dumps(self.player_response()).encode()
        if path == "/videoplayback":
            query = parse_qs(urlsplit(address).query)
            solved = [_solved_n(_N), _solved_signature(_SIGNATURE)]
            if [query.get("n", [""])[0], query.get("sig", [""])[0]] != solved:
                return 403, "text/plain", b""
            return 200, "video/mp4", SAMPLE.read_bytes()
        return 404, "text/plain", b""


class _Visitor(BaseHTTPRequestHandler):
    """One connection: a tunnel is asked for, and ends in TLS right here."""

    protocol_version = "HTTP/1.1"
    site: Youtube
    tls: ssl.SSLContext

    def log_message(self, *args: object) -> None:
        """Say nothing: the requests are recorded."""

    def do_CONNECT(self) -> None:
        """Open the tunnel."""
        self.send_response(200)
        self.end_headers()
        try:
            self.connection = self.tls.wrap_socket(self.connection, server_side=True)
        except OSError:
            self.close_connection = True
            return
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)
        self.close_connection = False

    def do_GET(self) -> None:
        """Answer from inside the tunnel."""
        host = str(self.headers["Host"])
        self.site.requests.append(f"{host}{self.path}")
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        status, kind, body = self.site.answer(host, self.path)
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers["Range"] or "")
        headers = {"Content-Type": kind}
        if asked and status == 200:
            end = min(int(asked[2] or len(body)), len(body) - 1)
            headers["Content-Range"] = f"bytes {asked[1]}-{end}/{len(body)}"
            status, body = 206, body[int(asked[1]) : end + 1]
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_POST = do_HEAD = do_GET  # noqa: N815 - http.server's names


def _make_certificate(certificate: Path, key: Path) -> None:
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"]
    command += ["-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=stand-in"]
    command += ["-addext", f"subjectAltName={_HOSTS}", "-keyout", str(key), "-out"]
    subprocess.run([*command, str(certificate)], check=True, capture_output=True, timeout=30)


def trust(certificate: Path) -> None:
    """Have yt-dlp believe this certificate and no other; for the start of a downloads worker."""
    import certifi

    certifi.where = lambda: str(certificate)


def trust_without_runtime(certificate: Path) -> None:
    """The same on a machine without a JavaScript runtime."""
    trust(certificate)
    javascript.find = javascript.Search  # type: ignore[assignment]
