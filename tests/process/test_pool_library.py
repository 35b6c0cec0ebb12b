"""The pool used by another program: a copy of what it names runs the example of its docstring."""

import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

from worker import pool

ROOT = Path(__file__).parents[2]


def test_copied_pool_runs_its_own_example(tmp_path: Path) -> None:
    for name in ("pool", "processes"):
        shutil.copytree(ROOT / "worker" / name, tmp_path / "worker" / name)
    shutil.copy(ROOT / "worker" / "clocks.py", tmp_path / "worker")
    _, _, example = (pool.__doc__ or "").partition("::\n")
    script = tmp_path / "example.py"
    script.write_text(textwrap.dedent(example), "utf-8")
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert sorted(done.stdout.split()) == ["144", "169", "196"], done.stderr
