"""What the machine gives the bot: findings that `--check` and `health` share, and its memory.

Memory is asked of the kernel: `--check` works without psutil, which knows no control groups anyway.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from maintenance.findings import Finding, ok, warning
from worker.downloads.confinement.network import Network


def confinement(name: str, landlock_abi: int, shortcoming: str) -> Finding:
    """Judge how well the kernel confines downloads. `shortcoming` is what it cannot do, or ""."""
    if shortcoming:
        return warning(name, f"{shortcoming}: a newer kernel does more")
    return ok(name, f"ABI {landlock_abi}: a download is confined to its own directory")


_KEPT_BY = {
    Network.NAMESPACE: "each download has a network of its own, with one way out",
    Network.LANDLOCK: "Landlock leaves a download's native code one port, that of the way out",
}


def network(name: str, active: Network) -> Finding:
    """Say what keeps the native code of downloads from the network."""
    if words := _KEPT_BY.get(active):
        return ok(name, f"{active}: {words}")
    return warning(
        name,
        "none: nothing keeps the native code of downloads from the network, so sites that want a"
        " browser's handshake do not work: allow the bot user namespaces, or use Linux from 6.7 on"
        " with Landlock",
    )


def physical_memory_bytes() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def memory_bytes(
    physical: int,
    groups: Path = Path("/proc/self/cgroup"),
    mounted: Path = Path("/sys/fs/cgroup"),
) -> int:
    """How much memory this process may have: its control groups may allow less than there is.

    `groups` names them (cgroups(7)), and their files are below `mounted`.
    """
    return min([physical, *_group_limits(groups, mounted)])


def _group_limits(groups: Path, mounted: Path) -> Iterator[int]:
    lines = []
    with contextlib.suppress(OSError):
        lines = groups.read_text("utf-8", errors="replace").splitlines()
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if number == "0" and not controllers:
            top, name = mounted, "memory.max"
        elif "memory" in controllers.split(","):
            top, name = mounted / "memory", "memory.limit_in_bytes"
        else:
            continue
        parts = [part for part in group.split("/") if part]
        # A limit holds for all groups below, so each above counts. In a container the path may
        # begin above what is mounted, so its first names may have to be left out.
        for begin in range(len(parts) + 1):
            for end in range(begin, len(parts) + 1):
                with contextlib.suppress(OSError, ValueError):
                    yield int(top.joinpath(*parts[begin:end], name).read_text("ascii"))
