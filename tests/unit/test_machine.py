"""How much memory the bot may have, by the machine and by its control groups."""

from pathlib import Path

import pytest

from maintenance import machine

GIB = 1024**3


@pytest.mark.parametrize(
    ("said", "limits", "least"),
    [
        ("0::/\n", {}, 4 * GIB),
        ("0::/a/b\n", {"a/b/memory.max": "max", "a/memory.max": "max"}, 4 * GIB),
        ("0::/a/b\n", {"a/b/memory.max": f"{2 * GIB}", "a/memory.max": f"{GIB}"}, GIB),
        # A container sees its own group as the root.
        ("0::/\n", {"memory.max": f"{GIB}"}, GIB),
        ("4:memory:/a\n0::/\n", {"memory/a/memory.limit_in_bytes": f"{GIB}"}, GIB),
        ("4:memory:/a\n", {"memory/a/memory.limit_in_bytes": f"{2**63 - 4096}"}, 4 * GIB),
        ("4:cpu,memory:/docker/1\n", {"memory/memory.limit_in_bytes": f"{GIB}"}, GIB),
        ("4:memory:/docker/1/a/b\n", {"memory/a/memory.limit_in_bytes": f"{GIB}"}, GIB),
        # A group outside of the namespace (cgroup_namespaces(7)).
        ("0::/../other\n", {"memory.max": f"{GIB}"}, GIB),
        ("nonsense\n0::\n", {}, 4 * GIB),
        (None, {"memory.max": "1"}, 4 * GIB),
    ],
)
def test_least_limit_is_what_counts(
    said: str | None, limits: dict[str, str], least: int, tmp_path: Path
) -> None:
    groups = tmp_path / "cgroup"
    if said is not None:
        groups.write_text(said)
    for name, text in limits.items():
        path = tmp_path / "fs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    assert machine.memory_bytes(4 * GIB, groups, tmp_path / "fs") == least
