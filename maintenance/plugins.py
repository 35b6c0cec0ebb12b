"""The plugins of yt-dlp that the operator allows: whether they are there and can be loaded."""

import json
import socket
import sys
from collections.abc import Iterable, Sequence

from maintenance.findings import Finding, critical, ok, warning
from maintenance.programs import output_of
from worker.downloads.ytdlp.packages import plugin_packages

_NAME = plugin_packages.VARIABLE
_LOADER = """
import runpy
from worker.downloads.ytdlp.packages import copies
copies.use()
runpy.run_module("worker.downloads.ytdlp.packages.plugins", run_name="__main__")
"""
_PATIENCE_S = 3.0


def missing_plugins(packages: Iterable[str]) -> tuple[str, ...]:
    """A sentence for each package that has no plugin here, with what to do."""
    found = ((package, plugin_packages.trouble(package)) for package in packages)
    return tuple(f"{_NAME}: {package} {trouble}" for package, trouble in found if trouble)


def check_plugins(packages: Sequence[str]) -> list[Finding]:
    """Look for the packages, and load their plugins in a separate process.

    No finding without packages.
    """
    missing = missing_plugins(packages)
    if missing or not packages:
        return [critical(_NAME, sentence.removeprefix(f"{_NAME}: ")) for sentence in missing]
    try:
        faults = json.loads(output_of(sys.executable, "-c", _LOADER, *packages))
    except ValueError:
        faults = {"a plugin": "it ends the process that loads it"}
    if faults:
        advice = "update its package, or take it out of the setting"
        return [
            critical(_NAME, f"{module} cannot be loaded, {advice}: {fault}")
            for module, fault in faults.items()
        ]
    return [ok(_NAME, f"loaded: {', '.join(packages)}")]


def check_endpoints(endpoints: Iterable[tuple[str, int]]) -> list[Finding]:
    """Connect to what plugins may reach; a finding for each endpoint."""
    return [_check_endpoint(host, port) for host, port in endpoints]


def _check_endpoint(host: str, port: int) -> Finding:
    name, place = "YTDLP_PLUGIN_ENDPOINTS", f"{host} port {port}"
    try:
        socket.create_connection((host, port), _PATIENCE_S).close()
    except OSError as error:
        return warning(name, f"{place} does not answer, is it running? {error.strerror or error}")
    return ok(name, f"{place} answers")
