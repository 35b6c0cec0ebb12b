"""Findings on the machine that `--check` and `health` share."""

from maintenance.findings import Finding, ok, warning


def confinement(name: str, landlock_abi: int, shortcoming: str) -> Finding:
    """Judge how well the kernel confines downloads. `shortcoming` says what it cannot, if any."""
    if shortcoming:
        return warning(name, f"{shortcoming}: a newer kernel does more")
    return ok(name, f"ABI {landlock_abi}: a download is confined to its own directory")
