"""Find the one JavaScript runtime that yt-dlp is to use, and how.

YouTube's player has puzzles that only its own script solves. yt-dlp's default takes deno alone and
lets it compile, for which it needs 800 MB. Without compiling, 261 MB are enough, and hostile
JavaScript has less to attack. Any other runtime would refuse that option, so yt-dlp is told of
exactly one.
"""

import functools
import os
import re
import subprocess
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from worker.downloads import program_paths
from worker.downloads.ytdlp.packages import copies
from worker.downloads.ytdlp.packages.installed import numbers

_TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Runtime:
    """A runtime by yt-dlp's name for it, with its absolute path."""

    name: str
    path: str
    version: str

    @property
    def options(self) -> dict[str, Any]:
        """The options of yt-dlp by which it uses this runtime alone."""
        arguments = {"youtube-ejs": {"jitless": ["true"]}} if self.name == "deno" else {}
        return {"js_runtimes": {self.name: {"path": self.path}}, "extractor_args": arguments}

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables that its process needs.

        node 24 has to be kept from compiling as well. node 22 need not, and warns about the
        option, which yt-dlp takes for a failure.
        """
        is_new_node = self.name == "node" and numbers(self.version) >= _LAST_LEAN_NODE
        return {"NODE_OPTIONS": "--jitless"} if is_new_node else {}


@dataclass(frozen=True)
class _Kind:
    """What yt-dlp takes (`utils/_jsruntime.py`): its command, oldest version and answer."""

    name: str
    command: str
    oldest: tuple[int, ...]
    answer: str
    argument: str = "--version"


_LAST_LEAN_NODE = (23,)
# The best first. Never bun: it wants more memory than a download may map.
_KINDS = (
    _Kind("deno", program_paths.DENO, (2, 3), r"deno (\S+)"),
    _Kind("node", program_paths.NODE, (22,), r"v(\S+)"),
    # It knows no option for its version, and fails after it has shown its help.
    _Kind("quickjs", program_paths.QUICKJS, (2023, 12, 9), r"QuickJS version (\S+)", "--help"),
    _Kind("quickjs", program_paths.QUICKJS, (0,), r"QuickJS-ng version (\S+)", "--help"),
)


@dataclass(frozen=True)
class Search:
    """What was found: the runtime to be used, and those that are too old for yt-dlp."""

    runtime: Runtime | None = None
    too_old: tuple[Runtime, ...] = field(default=())

    @property
    def options(self) -> dict[str, Any]:
        """The options of yt-dlp; without a runtime it does not look for another."""
        return self.runtime.options if self.runtime else {"js_runtimes": {}}


class _NoAnswer(Exception):
    """A program could not be asked: the machine was out of something, or it was killed."""


def find() -> Search:
    """Look for runtimes where yt-dlp does: beside Python's own commands, then in PATH.

    One that an update has brought comes first. A process and its forks look once, and again only
    if there was none that could be asked.
    """
    try:
        return _find()
    except _NoAnswer:
        return Search()


@functools.cache
def _find() -> Search:
    too_old: list[Runtime] = []
    is_silent = False
    for kind in _KINDS:
        try:
            runtime = _ask(kind)
        except _NoAnswer:
            is_silent = True
            continue
        if runtime and numbers(runtime.version) >= kind.oldest:
            return Search(runtime, tuple(too_old))
        if runtime:
            too_old.append(runtime)
    if is_silent:
        raise _NoAnswer  # An exception is not kept.
    return Search(None, tuple(too_old))


def installed() -> str | None:
    """The command of the first runtime that is there, whatever its version; starts nothing."""
    return next((kind.command for kind in _KINDS if _path(kind.command)), None)


def _path(command: str) -> str | None:
    return program_paths.find(command, copies.programs(), sysconfig.get_path("scripts"))


def _ask(kind: _Kind) -> Runtime | None:
    """Ask a program for its version; None if it is not there, or another. Raises _NoAnswer."""
    path = _path(kind.command)
    if path is None:
        return None
    try:
        answer = subprocess.run(
            [path, kind.argument],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _NoAnswer from error
    if answer.returncode < 0:
        raise _NoAnswer
    match = re.match(kind.answer, answer.stdout.decode(errors="replace"))
    return Runtime(kind.name, os.path.abspath(path), match[1]) if match else None
