"""Findings on the machine that `--check` and `health` share."""

from maintenance.findings import Finding, ok, warning
from worker.downloads.confinement.network import Network


def confinement(name: str, landlock_abi: int, shortcoming: str) -> Finding:
    """Judge how well the kernel confines downloads. `shortcoming` says what it cannot, if any."""
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
