"""The small parts of a download: messages, the workspace, words, the outline of an MP4."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

# ---------------------------------------------------------------------------------- workspace


def test_removal_copes_with_what_cannot_be_entered() -> None:
    # As root nothing is forbidden, so then somebody else has to try.
    script = (
        "import os, sys, pathlib; from worker.downloads import workspace\n"
        "os.getuid() or os.setuid(65534)\n"
        "workspace.remove(pathlib.Path(sys.argv[1]))"
    )
    with tempfile.TemporaryDirectory() as home:
        directory = Path(home, "1-1")
        deep = directory / "a" / "b"
        deep.mkdir(parents=True)
        (deep / "file").touch()
        deep.chmod(0)
        deep.parent.chmod(0o500)
        if not os.getuid():
            for path in (Path(home), directory, deep.parent, deep):
                os.chown(path, 65534, 65534)
        subprocess.run([sys.executable, "-c", script, directory], check=True)
        assert not directory.exists()


# --------------------------------------------------------------------------------------- warm


def run_python(script: str) -> Any:
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_warming_up_leaves_a_process_that_may_be_forked() -> None:
    found = run_python(
        "import json, os, threading\n"
        "before = len(os.listdir('/proc/self/fd'))\n"
        "from worker.downloads.ytdlp import warm\n"
        "extractors = warm.warm_up()\n"
        "from worker.processes import process_table\n"
        "print(json.dumps({'threads': len(os.listdir('/proc/self/task')),"
        " 'descriptors': len(os.listdir('/proc/self/fd')) - before,"
        " 'children': len(process_table.descendants(os.getpid())),"
        " 'many': len(extractors) > 1000, 'last': list(extractors)[-1]}))"
    )
    expected = {"threads": 1, "descriptors": 0, "children": 0, "many": True, "last": "Generic"}
    assert found == expected


@pytest.mark.usefixtures("needs_ffmpeg")
def test_an_ffmpeg_that_is_killed_at_its_answer_is_asked_again(tmp_path: Path) -> None:
    for name in ("ffmpeg", "ffprobe"):
        program = tmp_path / name
        program.write_text("#!/bin/sh\nkill -KILL $$\n")
        program.chmod(0o700)
    found = run_python(
        "import json, os\n"
        "from worker.downloads.ytdlp import warm\n"
        "path = os.environ['PATH']\n"
        f"os.environ['PATH'] = {str(tmp_path)!r} + ':' + path\n"
        "warm._look_at_ffmpeg()\n"
        "os.environ['PATH'] = path\n"
        "print(json.dumps(sorted(warm.FFmpegPostProcessor.get_versions())))"
    )
    assert found == ["ffmpeg", "ffprobe"]
