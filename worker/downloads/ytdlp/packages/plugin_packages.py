"""Which modules the yt-dlp plugins of installed packages have. Imports no yt-dlp.

Several packages share the folder `yt_dlp_plugins`, so what belongs to one is looked up in the list
of its files that the installer has left (PyPA, "Recording installed projects").
"""

import os
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path, PurePosixPath

VARIABLE = "YTDLP_PLUGINS"
"""The environment variable that names the packages to the fork server, separated by commas."""

FOLDER = "yt_dlp_plugins"

KINDS = ("extractor", "postprocessor")
"""The folders in `yt_dlp_plugins` that yt-dlp looks into."""


def allow(packages: Iterable[str]) -> None:
    """Have the processes below this one load the plugins of these packages."""
    os.environ[VARIABLE] = ",".join(packages)


def allowed() -> tuple[str, ...]:
    """The packages whose plugins this process is to load."""
    return tuple(filter(None, os.environ.get(VARIABLE, "").split(",")))


def modules_of(package: str) -> Mapping[str, Path]:
    """The modules of a package's plugins, with their files; empty without any, or no package."""
    try:
        files = metadata.distribution(package).files or ()
    except metadata.PackageNotFoundError:
        return {}
    found = {_name(file): Path(os.fspath(file.locate())) for file in files if _is_plugin(file)}
    return {name: path for name, path in sorted(found.items()) if path.is_file()}


def trouble(package: str) -> str | None:
    """Why a package has no plugin to be loaded, and what to do; None if it has one."""
    if modules_of(package):
        return None
    try:
        metadata.distribution(package)
    except metadata.PackageNotFoundError:
        return "is not installed here: pip install it, or take it out of the setting"
    return "has no plugin for yt-dlp: take it out of the setting"


def _is_plugin(file: PurePosixPath) -> bool:
    is_there = len(file.parts) > 2 and file.parts[0] == FOLDER and file.parts[1] in KINDS
    return is_there and file.suffix == ".py"


def _name(file: PurePosixPath) -> str:
    parts = file.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
