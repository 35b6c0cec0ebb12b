"""Try a yt-dlp without the internet: import it, download with it, and solve a challenge.

    python -m maintenance.updates.canary MEMORY_MB

tries the yt-dlp that this process is told to use, and prints as JSON what does not work. It
downloads from a server on 127.0.0.1 as a downloads worker does: a warmed-up process forks each
download, which is confined, limited, and connects through a judge.
"""

import functools
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from maintenance.programs import solve_challenge
from worker.downloads import program_paths, workspace
from worker.downloads.confinement import network
from worker.downloads.judge import process as judge_process
from worker.downloads.judge.rules import Rules
from worker.downloads.judge.server import open_control
from worker.downloads.limits import DownloadLimits
from worker.downloads.ytdlp.packages import copies
from worker.errors import JobError
from worker.processes import process_setup
from worker.processes.process_setup import Limits
from worker.protocol import Download, MediaKind
from worker.settings import MEBIBYTE

IMPORT, PLUGIN, SCRIPT = "import", "plugin", "JavaScript"
SAMPLES = {"MP4": "sample.mp4", "HLS": "sample.m3u8", "DASH": "sample.mpd"}

LOOPBACK = "127.0.0.1"
_TIMEOUT_S = 60.0
_START_S = 60.0
_FFMPEG = ("ffmpeg", "-v", "error", "-nostdin", "-y")
_SCENE = ("-f", "lavfi", "-i", "testsrc=duration=2:size=128x72:rate=10")
_SOUND = ("-f", "lavfi", "-i", "sine=duration=2", "-c:a", "aac", "-shortest")


def run(memory_mib: int) -> dict[str, str]:
    """Try everything. Returns what does not work, with why."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="canary-")))
        # Before any process is started, since those are forks of a process of one thread.
        has_samples = not program_paths.missing_ffmpeg() and _make_samples(home)
        url = stack.enter_context(_served(home)) if has_samples else ""
        judge = stack.enter_context(_judge())
        troubles = stack.enter_context(_downloads(home, url, judge, memory_mib))
    return troubles | _solve(memory_mib)


def _make_samples(home: Path) -> bool:
    """Make a short film in each form. Returns whether this ffmpeg can."""
    film = home / SAMPLES["MP4"]
    for encoder in ("libx264", "mpeg4"):
        made = [*_FFMPEG, *_SCENE, *_SOUND, "-c:v", encoder, "-pix_fmt", "yuv420p", str(film)]
        if _run_program(made):
            break
    else:
        return False
    copied = [*_FFMPEG, "-i", str(film), "-c", "copy"]
    hls = [*copied, "-f", "hls", "-hls_time", "1", str(home / SAMPLES["HLS"])]
    dash = [*copied, "-f", "dash", "-seg_duration", "1", str(home / SAMPLES["DASH"])]
    return _run_program(hls) and _run_program(dash)


def _run_program(command: list[str]) -> bool:
    """Run a program. Returns whether it succeeded."""
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIMEOUT_S, check=False
    )
    return done.returncode == 0


@contextmanager
def _served(home: Path) -> Iterator[str]:
    """Serve the files in a directory, at the address given to the block."""
    addresses, theirs = multiprocessing.Pipe(duplex=False)
    with addresses, theirs:
        server = _start(_serve, theirs, home)
        try:
            yield addresses.recv()
        finally:
            server.kill()
            server.join()


class _Files(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Log nothing: nobody would read it."""


def _serve(addresses: Connection, home: Path) -> None:
    process_setup.die_with_parent(os.getppid())
    files = functools.partial(_Files, directory=os.fspath(home))
    with ThreadingHTTPServer((LOOPBACK, 0), files) as server:
        addresses.send(f"http://{LOOPBACK}:{server.server_port}")
        server.serve_forever()


@contextmanager
def _judge() -> Iterator[str]:
    """Run a judge that lets downloads reach this machine; the block gets its address."""
    control, address = open_control()
    life, theirs = multiprocessing.Pipe(duplex=False)
    rules = Rules(allowed_networks=(f"{LOOPBACK}/32",), idle_timeout_s=_TIMEOUT_S)
    with control, theirs:
        process = _start(judge_process.run, control, theirs, rules, Limits())
    try:
        life.poll(_START_S)
        yield address
    finally:
        process.kill()
        process.join()


@contextmanager
def _downloads(home: Path, url: str, judge: str, memory_mib: int) -> Iterator[dict[str, str]]:
    """Import yt-dlp and download the samples; the block gets what does not work, with why."""
    mine, theirs = multiprocessing.Pipe(duplex=False)
    limits = DownloadLimits(
        instance="canary",
        max_file_bytes=50 * MEBIBYTE,
        timeout_s=_TIMEOUT_S,
        idle_timeout_s=_TIMEOUT_S,
        memory_bytes=memory_mib * MEBIBYTE,
        allowed_networks=(f"{LOOPBACK}/32",),
        network=network.active(),
        judge=judge,
    )
    process = _start(_work, theirs, home / "downloads", url, limits)
    theirs.close()
    troubles = {IMPORT: "it ends the process"}
    try:
        while True:
            troubles |= mine.recv()
    except EOFError:
        process.join()
    yield {name: trouble for name, trouble in troubles.items() if trouble}


def _start(target: Callable[..., object], *arguments: object) -> BaseProcess:
    # No thread runs here, so a fork is safe.
    process = multiprocessing.get_context("fork").Process(target=target, args=arguments)
    process.start()
    return process


class _Nobody:
    """Stands in for a pool that listens to no report and stops no job."""

    def __init__(self) -> None:
        self._silent, self._kept = os.pipe()

    def report(self, _message: object) -> None:
        """Ignore the report."""

    def fileno(self) -> int:
        return self._silent

    def raise_if_stopped(self) -> None:
        """Go on: nobody stops this job."""


def _work(results: Connection, downloads: Path, url: str, limits: DownloadLimits) -> None:
    """Be a downloads worker: import as the fork server does, then download each sample."""
    process_setup.die_with_parent(os.getppid())
    # What a plugin prints is no part of the answer.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        import worker.dispatch.worker_setups
        import worker.telegram.job  # noqa: F401
        from worker.downloads.job import make_handler
        from worker.downloads.ytdlp.packages import plugins

        handler = make_handler(limits)
    except BaseException as error:  # noqa: BLE001 - a damaged package may raise anything
        results.send({IMPORT: f"{type(error).__name__}: {error}"})
        return
    results.send({IMPORT: ""})
    try:
        plugins.require()
    except ImportError as error:
        # It may fail with the yt-dlp in use as well, so the samples are tried nevertheless.
        results.send({PLUGIN: str(error)})
    for number, (name, file) in enumerate(SAMPLES.items() if url else (), start=1):
        results.send({name: "it ends the process"})
        directory = downloads / str(number)
        workspace.create(directory)
        task = Download(number, f"{url}/{file}", os.fspath(directory))
        try:
            media = handler(_Nobody(), task)
            kinds = [each.facts.kind for each in media.files]
            trouble = "" if kinds == [MediaKind.VIDEO] else f"brings {kinds}"
        except JobError as error:
            trouble = str(error)
        results.send({name: trouble})


def _solve(memory_mib: int) -> dict[str, str]:
    trouble = solve_challenge(memory_mib).trouble
    return {SCRIPT: trouble} if trouble else {}


def main() -> None:
    """Try the yt-dlp in use, and print what does not work."""
    process_setup.become_subreaper()
    copies.use()
    sys.stdout.write(json.dumps(run(int(sys.argv[1]))))


if __name__ == "__main__":
    main()
