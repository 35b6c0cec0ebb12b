"""A yt-dlp whose import fails, to be put first on the path."""

from pathlib import Path

DAMAGES = [
    "class YoutubeDL:\n    def broken(",
    "raise EOFError('marshal data too short')",
    "raise ImportError('half a package')",
    "raise MemoryError",
    "raise SystemExit(1)",
    "raise KeyboardInterrupt",
    "import no_such_module",
    "while True: pass",
]
"""What may stand in one of its files, from a truncated one to an import without end."""

DEADLY = [
    "import os; os._exit(3)",
    "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
    "import ctypes; ctypes.string_at(0)",
]
"""What ends the process that imports it, and cannot be caught."""


def damage_ytdlp(directory: Path, damage: str) -> Path:
    """Make a package `yt_dlp` in a directory, with this damage. Returns the damaged file."""
    package = directory / "yt_dlp"
    package.mkdir(exist_ok=True)
    (package / "version.py").write_text("__version__ = '2099.1.1'\n")
    (package / "utils.py").write_text("")
    (package / "__init__.py").write_text("from . import utils, YoutubeDL\n")
    damaged = package / "YoutubeDL.py"
    damaged.write_text(damage)
    return damaged
