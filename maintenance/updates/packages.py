"""What pip does for an update: find the packages that a version of yt-dlp needs, install them.

pip is the environment's own, with its own configuration and its own variables, so an index, a
proxy or certificates are set as for any pip. What this yt-dlp needs and the environment has
already is not installed again: deno and curl_cffi alone would be 140 MB.

Only wheels are installed: nothing of a package runs before it is tried.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from pathlib import Path

from maintenance.updates.children import DiskRoom, Done, run_module
from worker import ROOT

RESOLVE_S = 180.0
INSTALL_S = 900.0

MAX_BYTES = 1024 * 1024 * 1024
"""The most disk space that an update may take, including what pip unpacks meanwhile."""

NAME = "yt-dlp"

# The bot's own packages stay as they are: what is installed has to work with them.
_FIXED = ("pyTelegramBotAPI", "psutil")
_QUIET = ("--quiet", "--no-input", "--disable-pip-version-check", "--no-color")
_PATIENCE = ("--retries", "1", "--timeout", "20")
# Also where pip only plans: to learn what a source package needs, pip would run its code.
_WHEELS = ("--only-binary", ":all:")
_PASSED = ("PATH", "HOME", "LANG", "LC_ALL", "SSL_CERT_FILE", "SSL_CERT_DIR", "XDG_CONFIG_HOME")
_UNREACHABLE = re.compile(
    r"Retrying \(|requirement yt-dlp\S* \(from versions: none|Max retries exceeded"
    r"|Failed to establish|Connection refused|Name or service not known|name resolution"
    r"|Read timed out|Network is unreachable|ConnectTimeout"
)


_ALL_VERSIONS = re.compile(r" \(from versions: [^)]*\)")
_REASON_CHARS = 400


class ReleaseChannel(StrEnum):
    """Which releases of yt-dlp are considered."""

    STABLE = "stable"
    NIGHTLY = "nightly"


class Offline(Exception):
    """No index can be reached."""


class UpdateRefused(Exception):
    """pip, or a check before it, refuses to install what was asked for. The text says why."""


@dataclass(frozen=True)
class Plan:
    """A version of yt-dlp, and the packages to install for it.

    There are none if it is the environment's own yt-dlp.
    """

    version: str
    packages: tuple[str, ...]


def environment(variables: Mapping[str, str], proxy: str | None = None) -> dict[str, str]:
    """The environment for pip: its own variables, those for certificates, and the proxy.

    The proxy is not passed as an argument, since every user of the machine can read arguments.
    """
    passed = {name: variables[name] for name in _PASSED if name in variables}
    passed |= {name: value for name, value in variables.items() if name.startswith("PIP_")}
    if proxy and "PIP_PROXY" not in passed:
        passed["PIP_PROXY"] = proxy
    return passed


def plan(
    channel: ReleaseChannel, version: str | None, variables: Mapping[str, str], directory: Path
) -> Plan:
    """Ask the index what to install. Raises Offline, UpdateRefused, ProgramStopped or OSError."""
    report = directory / "report.json"
    arguments = ["--dry-run", "--report", os.fspath(report), "--upgrade"]
    arguments += ["--upgrade-strategy", "only-if-needed"]
    done = _pip([*arguments, _requirement(channel, version), *_fixed()], variables, directory)
    _require_success(done)
    found = json.loads(report.read_text("utf-8"))
    chosen = {each["metadata"]["name"]: each["metadata"]["version"] for each in found["install"]}
    wanted = {_canonical(name): (name, number) for name, number in chosen.items()}
    if NAME not in wanted:
        if _UNREACHABLE.search(done.errors):
            raise Offline  # pip has planned with what is installed.
        return Plan(metadata.version(NAME), ())
    return Plan(wanted[NAME][1], tuple(f"{name}=={number}" for name, number in wanted.values()))


def install(
    packages: Sequence[str], target: Path, variables: Mapping[str, str], directory: Path
) -> None:
    """Install exactly these packages into the directory `target`. Raises as `plan` does."""
    arguments = ["--target", os.fspath(target), "--no-deps", "--compile"]
    _require_success(_pip([*arguments, *packages], variables, directory, INSTALL_S))


def _pip(
    arguments: Sequence[str],
    variables: Mapping[str, str],
    directory: Path,
    limit_s: float = RESOLVE_S,
) -> Done:
    # No wheel is kept in pip's cache, and what pip unpacks is removed with the directory.
    given = {**variables, "TMPDIR": os.fspath(directory), "PIP_NO_CACHE_DIR": "1"}
    command = ["install", *_QUIET, *_PATIENCE, *_WHEELS, *arguments]
    return run_module("pip", command, given, limit_s, DiskRoom(directory.parent, MAX_BYTES))


def _require_success(done: Done) -> None:
    if done.code == 0:
        return
    if _UNREACHABLE.search(done.errors):
        raise Offline
    raise UpdateRefused(reason_of(done))


def reason_of(done: Done) -> str:
    """Why pip has failed: the first line of its output that says so."""
    lines = [line.strip() for line in done.errors.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    # Without the list of all versions, which is long.
    reason = _ALL_VERSIONS.sub("", (errors or lines or [f"pip ended with {done.code}"])[0])
    if reason.startswith("Traceback "):  # There may be no pip.
        reason = lines[-1]
    # pip's error names only versions for this Python; an earlier line names those it has ignored.
    for line in errors:
        if line.startswith("Ignored the following versions that require a different python"):
            reason = f"{errors[-1]}; some versions need another Python than this one"
    return reason[:_REASON_CHARS].rstrip(".")


def _requirement(channel: ReleaseChannel, version: str | None) -> str:
    """yt-dlp with its extras, as requirements.txt has it, or exactly one version of it."""
    for line in (ROOT / "requirements.txt").read_text("utf-8").splitlines():
        if line.startswith(f"{NAME}["):
            name, _, oldest = line.partition(">=")
            if version:
                return f"{line},=={version}"
            # A lower bound that is a pre-release lets pip install pre-releases of this package.
            return line if channel is ReleaseChannel.STABLE else f"{name}>={oldest}.dev0"
    raise UpdateRefused(f"requirements.txt does not name {NAME}")


def _fixed() -> list[str]:
    return [f"{name}=={metadata.version(name)}" for name in _FIXED]


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
