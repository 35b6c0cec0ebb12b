"""Cookie files in the format of Netscape."""

from pathlib import Path


def jar(path: Path, *domains: str, value: str = "value") -> Path:
    lines = [f"{domain}\tTRUE\t/\tFALSE\t0\tname\t{value}\n" for domain in domains]
    path.write_text("# Netscape HTTP Cookie File\n# a note\n\n" + "".join(lines))
    return path
