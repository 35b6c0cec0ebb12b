"""Have ffmpeg fetch what only it can: through the judge, where it reaches nothing else.

What it is to fetch is told by its standard input, so ps shows no URL. It writes to a pipe, so that
it ends when nobody reads on: a download cannot signal other processes.
"""

import codecs
import contextlib
import os
import re
import selectors
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import IO

from worker.downloads.confinement.egress_guard import THROUGH_THE_JUDGE
from worker.downloads.media.program_run import ProgramLimits, check_end

_FORMATS = "concat,hls,mpegts,mov,aac,mp3,ac3,eac3,webvtt"
_CHUNK_BYTES = 256 * 1024
_SAID_BYTES = 16 * 1024
# By then ffmpeg has noticed that it has no reader, unless it waits for the site.
_END_S = 1.0
# ffmpeg skips a piece that it cannot fetch, or cannot fetch whole, and ends as if all were well.
_LACKS = re.compile(r"Failed to (?:open|reload|download)|Unable to (?:open|read) key|HTTP error")
# An error on a kept connection that the site has closed does not count: ffmpeg asks again. The
# judge answers 502 and 504, as other proxies do, for a site that it does not reach.
_UNREACHED = re.compile(
    r"HTTP error 50[24]|Stream ends prematurely"
    r"|IO error: (?!End of file).*\n(?!.*keepalive request failed).*\n"
)
# ffmpeg passes these on to whatever the first address leads to. Other headers would need lines of
# their own, of which there can be one.
_HEADERS = {"user-agent": "user_agent", "referer": "referer"}
_UNQUOTABLE = re.compile(r"[\x00-\x1f\x7f]")


class Container(StrEnum):
    """What the streams are put into; either can be written to a pipe."""

    MPEG_TS = "mpegts"
    MP4 = "mp4"


class Completeness(StrEnum):
    """Whether all of a stream has come."""

    WHOLE = "all of it has come"
    LACKS_PIECES = "some of its pieces are missing"
    UNREACHED = "a connection failed, or ended too early"


_CONTAINER_OPTIONS = {
    Container.MPEG_TS: (),
    Container.MP4: ("-movflags", "+frag_keyframe+delay_moov+default_base_moof"),
}


@dataclass(frozen=True)
class RemoteStream:
    """What to fetch: an HLS playlist, and how the site wants to be asked for it.

    `ca_file` has the certificates that are believed. ffmpeg checks those of the address itself;
    before version 9 not those of what a playlist leads to, so no cookies are sent.
    """

    url: str
    ca_file: str
    idle_timeout_s: float
    headers: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    """More for the reader of playlists, such as `live_start_index`; unknown ones are ignored."""


def fetch(
    source: RemoteStream,
    container: Container,
    take: Callable[[bytes], None],
    limits: ProgramLimits,
    length_s: float | None = None,
) -> Completeness:
    """Fetch a stream, and give `take` what is to be written. Returns whether all of it has come.

    Fetches at most `length_s`, if that is given. An error that `take` raises ends it. Raises
    ProgramFailed, and ValueError for an address that cannot be told. The audit hook refuses it
    (PermissionError) where native code would find more of the network than the judge.
    """
    process = subprocess.Popen(
        command(container, length_s),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=limits.impose,
    )
    complaints = FfmpegComplaints()
    try:
        _tell(process, script(source))
        _relay(process, take, complaints.add)
        complaints.close()
    finally:
        _end(process)
    check_end(process.returncode, complaints.end)
    return complaints.completeness


def command(container: Container, length_s: float | None = None) -> list[str]:
    """The command, which says nothing of what is fetched."""
    return [
        *("ffmpeg", "-hide_banner", "-nostdin", "-v", "warning", "-threads", "1"),
        *THROUGH_THE_JUDGE,
        *("-format_whitelist", _FORMATS, "-f", "concat", "-safe", "0", "-auto_convert", "0"),
        *("-i", "-", "-map", "0:V:0?", "-map", "0:a:0?", "-dn", "-sn", "-c", "copy"),
        *(("-t", f"{length_s:.3f}") if length_s is not None else ()),
        *(*_CONTAINER_OPTIONS[container], "-f", container, "-"),
    ]


def script(source: RemoteStream) -> str:
    """What ffmpeg reads: one address and how to ask for it (ffmpeg-formats, concat)."""
    options = {
        # Sites call their pieces as they like, and no name leads to a file here.
        "extension_picky": "0",
        "allowed_extensions": "ALL",
        "allowed_segment_extensions": "ALL",
        "tls_verify": "1",
        "ca_file": source.ca_file,
        "rw_timeout": str(int(source.idle_timeout_s * 1_000_000)),
        **source.options,
    }
    for name, value in source.headers.items():
        if option := _HEADERS.get(name.lower()):
            options[option] = value
    lines = [f"option {name} {_quoted(value)}" for name, value in options.items()]
    return "\n".join(["ffconcat version 1.0", f"file {_quoted(source.url)}", *lines, ""])


def _quoted(text: str) -> str:
    if _UNQUOTABLE.search(text):
        raise ValueError("a control character in what ffmpeg is to fetch")
    return "'" + text.replace("'", r"'\''") + "'"


def _tell(process: subprocess.Popen[bytes], text: str) -> None:
    assert process.stdin is not None  # noqa: S101 - a pipe
    try:
        process.stdin.write(text.encode())
        process.stdin.close()
    except BrokenPipeError:
        pass  # it has ended, and says why


class FfmpegComplaints:
    """What ffmpeg says, which may be much."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.end = ""
        self.completeness = Completeness.WHOLE

    def add(self, data: bytes) -> None:
        """Take more of it, and keep the end."""
        said = self.end + self._decoder.decode(data)
        self._judge(said)
        self.end = said[-_SAID_BYTES:]

    def close(self) -> None:
        """Note that no line follows the last one."""
        self._judge(self.end + "\n\n")

    def _judge(self, said: str) -> None:
        if _UNREACHED.search(said):
            self.completeness = Completeness.UNREACHED
        elif self.completeness is Completeness.WHOLE and _LACKS.search(said):
            self.completeness = Completeness.LACKS_PIECES


def _relay(
    process: subprocess.Popen[bytes],
    take: Callable[[bytes], None],
    complain: Callable[[bytes], None],
) -> None:
    """Pass on what it writes, and what it says, until it ends."""
    assert process.stdout is not None and process.stderr is not None  # noqa: S101, PT018 - pipes
    with selectors.DefaultSelector() as selector:
        for pipe in (process.stdout, process.stderr):
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select():
                data = os.read(key.fd, _CHUNK_BYTES)
                if not data:
                    selector.unregister(key.fileobj)
                else:
                    (take if key.fileobj is process.stdout else complain)(data)


def _end(process: subprocess.Popen[bytes]) -> None:
    pipes: tuple[IO[bytes] | None, ...] = (process.stdin, process.stdout, process.stderr)
    for pipe in pipes:
        if pipe:
            pipe.close()
    with contextlib.suppress(subprocess.TimeoutExpired):  # it dies with this process at the latest
        process.wait(_END_S)
