"""Load the yt-dlp plugins that the operator allows, and no others.

yt-dlp itself would load whatever lies in a plugin folder anywhere on the path, or in a home.
Private names of yt-dlp may change: then no plugin can be loaded.
"""

import functools
import importlib
import json
import logging
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from yt_dlp import plugins as ytdlp_plugins
from yt_dlp.globals import all_plugins_loaded, plugin_dirs, plugin_specs

from worker.downloads.ytdlp.packages import plugin_packages

log = logging.getLogger(__name__)

_faults: dict[str, str] = {}
# The public names of a plugin's module.
_CLASSES = "get_regular_classes"
# Asks the providers for a token.
_DIRECTOR = "yt_dlp.extractor.youtube.pot._director"


class _Folder(Loader):
    """Loads a folder that has no code of its own."""

    def create_module(self, spec: ModuleSpec) -> None:
        """Leave it to Python."""

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing."""


class _AllowedModules:
    """Finds these modules, the folders that they are in, and nothing else."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = files

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        """Answer `importlib`, which asks for a module."""
        is_folder = any(name.startswith(f"{fullname}.") for name in self._files)
        if file := self._files.get(fullname):
            # Without places to search, what else is in its folder is not found.
            places: list[str] | None = [] if is_folder or file.name == "__init__.py" else None
            return spec_from_file_location(fullname, file, submodule_search_locations=places)
        if not is_folder:
            return None
        spec = ModuleSpec(fullname, _Folder(), is_package=True)
        spec.submodule_search_locations = []
        return spec


def refuse() -> None:
    """Keep yt-dlp from loading plugins by itself, from the path or a home directory."""
    plugin_dirs.value = []
    all_plugins_loaded.value = True


def load(packages: Iterable[str]) -> dict[str, str]:
    """Load the plugins of these packages, once in a process.

    Returns the packages and modules that cannot be loaded, with why; the others are there.
    """
    files: dict[str, Path] = {}
    faults: dict[str, str] = {}
    for package in packages:
        files |= plugin_packages.modules_of(package)
        if trouble := plugin_packages.trouble(package):
            faults[package] = trouble
    if not files:
        return faults
    sys.meta_path.insert(0, _AllowedModules(files))
    steps: dict[str, Callable[[], None]] = {name: functools.partial(_load, name) for name in files}
    for name, step in {**steps, _DIRECTOR: _hide_way_out}.items():
        try:
            step()
        except Exception as error:  # noqa: BLE001 - a stranger's module may raise anything
            faults[name] = f"{type(error).__name__}: {error}"
    return faults


def load_allowed() -> None:
    """Load what this process is allowed, and log what cannot be."""
    _faults.update(load(plugin_packages.allowed()))
    for name, fault in _faults.items():
        log.error("yt-dlp's plugin %s cannot be loaded: %s", name, fault)


def tell_faults() -> None:
    """Write in a last line, as JSON, what of the allowed could not be loaded, with why."""
    sys.stdout.write(f"\n{json.dumps(_faults)}\n")


def require() -> None:
    """Raise ImportError if a plugin could not be loaded."""
    for name, fault in _faults.items():
        raise ImportError(f"its plugin {name} cannot be loaded with it: {fault}")


def _load(name: str) -> None:
    _, kind, *rest = name.split(".")
    module = importlib.import_module(name)
    if len(rest) != 1 or rest[0].startswith("_"):
        return  # A part of another module, as yt-dlp has it.
    # The classes for links and for finished files. A provider for YouTube registers itself.
    spec = plugin_specs.value[kind]
    found = dict(getattr(ytdlp_plugins, _CLASSES)(module, name, spec.suffix))
    spec.plugin_destination.value = {**spec.plugin_destination.value, **found}
    spec.destination.value = {**found, **spec.destination.value}


def _hide_way_out() -> None:
    """Hide the download's proxy from providers of PO tokens, which would try to use it.

    It is the judge, which listens for the download alone.
    """
    director = importlib.import_module(_DIRECTOR).PoTokenRequestDirector
    real = director.get_po_token

    def get_po_token(self: Any, request: Any) -> Any:
        request.request_proxy = None
        return real(self, request)

    director.get_po_token = get_po_token


if __name__ == "__main__":
    refuse()
    sys.stdout.write(json.dumps(load(sys.argv[1:])))
