"""An index of wheels that a test makes: the installed yt-dlp under other versions, and changed."""

import sysconfig
import zipfile
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

OFFLINE = {"PIP_CONFIG_FILE": "/dev/null", "PIP_NO_INDEX": "1"}
"""Variables of a pip that knows no other index."""


def pip_variables(index: Path) -> dict[str, str]:
    """Variables of a pip that finds the wheels of a directory, and nothing else."""
    return {**OFFLINE, "PIP_FIND_LINKS": str(index)}


def make_ytdlp(
    index: Path,
    version: str,
    changes: Mapping[str, str] | None = None,
    *,
    requires: tuple[str, ...] = (),
    python: str | None = None,
    is_whole: bool = True,
) -> Path:
    """Make a wheel of the installed yt-dlp, called by another version.

    `changes` are appended to files by their paths in the package. `requires` are more packages
    that it needs, and `python` is for which Python it is. If it is not whole, it has hardly a file.
    """
    index.mkdir(exist_ok=True)
    installed = metadata.distribution("yt-dlp")
    package = Path(sysconfig.get_path("purelib")) / "yt_dlp"
    files = package.rglob("*.py") if is_whole else (package / "version.py",)
    contents = {f"yt_dlp/{file.relative_to(package)}": file.read_text("utf-8") for file in files}
    contents.setdefault("yt_dlp/__init__.py", "")
    lines = contents["yt_dlp/version.py"].splitlines(keepends=True)
    contents["yt_dlp/version.py"] = "".join(
        f"__version__ = {version!r}\n" if line.startswith("__version__") else line for line in lines
    )
    for name, more in (changes or {}).items():
        contents[f"yt_dlp/{name}"] += more
    head = [f"Name: yt-dlp\nVersion: {version}\n"]
    head += [f"Requires-Python: {python}\n"] if python else []
    kept = ("Provides-Extra:", "Requires-Dist:")
    text = installed.read_text("METADATA") or ""
    head += [f"{line}\n" for line in text.splitlines() if line.startswith(kept)]
    head += [f"Requires-Dist: {need}\n" for need in requires]
    return _write(index, "yt_dlp", version, contents, "".join(head))


def make_package(index: Path, name: str, version: str, text: str = "") -> Path:
    """Make a wheel of a package with one module."""
    index.mkdir(exist_ok=True)
    head = f"Name: {name}\nVersion: {version}\n"
    return _write(index, name, version, {f"{name}.py": text}, head)


def _write(index: Path, name: str, version: str, contents: Mapping[str, str], head: str) -> Path:
    info = f"{name}-{version}.dist-info"
    wheel = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    described = {f"{info}/METADATA": f"Metadata-Version: 2.1\n{head}", f"{info}/WHEEL": wheel}
    every = {**contents, **described}
    record = "".join(f"{path},,\n" for path in (*every, f"{info}/RECORD"))
    path = index / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, content in {**every, f"{info}/RECORD": record}.items():
            archive.writestr(file, content)
    return path
