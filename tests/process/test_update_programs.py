"""What an update starts: programs within limits, and a canary that tries the new yt-dlp."""

import os
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest

from maintenance.updates.children import DiskRoom, ProgramStopped, run_module
from maintenance.updates.updater import Updater
from tests.support.operator_kit import ROOT
from tests.support.plugin_package import install
from tests.support.process_kit import ends, wait_until
from tests.support.wheels import pip_variables
from worker.downloads.ytdlp.packages import copies, plugin_packages
from worker.downloads.ytdlp.packages.installed import installed_version
from worker.processes import process_table

NEW = "2099.1.1"


@pytest.mark.parametrize(
    ("code", "limit_s", "room_bytes", "why"),
    [
        ("time.sleep(60)", 1.0, 1 << 30, "not done after 1 s"),
        (
            "open('big', 'wb').write(bytes(1 << 22)); import time; time.sleep(60)",
            50.0,
            1 << 20,
            "MB",
        ),
    ],
)
def test_a_program_over_its_limit_ends_with_all_that_it_has_started(
    code: str, limit_s: float, room_bytes: int, why: str, tmp_path: Path
) -> None:
    (tmp_path / "greedy.py").write_text(
        "import subprocess, sys, time\n"
        "child = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        f"open('pid', 'w').write(str(child.pid))\n{code}\n"
    )
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)}
    with pytest.raises(ProgramStopped, match=why):
        run_module("greedy", [], environment, limit_s, DiskRoom(tmp_path, room_bytes))
    with pytest.raises(ProcessLookupError):
        _wait_for_end(int((tmp_path / "pid").read_text()))


def _wait_for_end(pid: int) -> None:
    """Raise ProcessLookupError once it has ended; somebody reaps it."""
    for _ in range(100):
        os.kill(pid, 0)
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            raise ProcessLookupError
        time.sleep(0.05)


def test_a_program_ends_with_a_killed_update(tmp_path: Path) -> None:
    (tmp_path / "endless.py").write_text(
        "import os, time\nopen('pid.new', 'w').write(str(os.getpid()))\n"
        "os.rename('pid.new', 'pid')\ntime.sleep(600)\n"
    )
    code = """
import sys
from pathlib import Path
from maintenance.updates.children import DiskRoom, run_module
here = sys.argv[1]
run_module("endless", [], {"PYTHONPATH": here}, 600.0, DiskRoom(Path(here), 1 << 30))
"""
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT) as update:
        for _ in range(400):
            if (tmp_path / "pid").exists():
                break
            time.sleep(0.05)
        update.kill()
    with pytest.raises(ProcessLookupError):
        _wait_for_end(int((tmp_path / "pid").read_text()))


# --------------------------------------------------------------------------------- canary


@pytest.mark.usefixtures("needs_ffmpeg")
def test_nothing_outlives_a_canary_that_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "maintenance.updates.canary", "512"]
    env = {**os.environ, "TMPDIR": str(tmp_path)}  # Where an update has it leave its samples.
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL) as canary:
        # The server, the judge and the downloads worker, once the samples are made.
        below = wait_until(
            lambda: len(found := process_table.descendants(canary.pid)) >= 3 and found
        )
        canary.kill()
    for process in below:
        assert ends(process.identity), process.name


@pytest.mark.timeout(240)
@pytest.mark.usefixtures("needs_ffmpeg", "needs_deno")
def test_the_canary_finds_nothing_wrong_and_then_what_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = {"PATH": os.environ["PATH"], **pip_variables(tmp_path / "index")}
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    work = Updater(data_dir, 512, variables)
    own = copies.Installed(installed_version() or "")
    with work._locked():
        assert work._troubles(own) == {}
    place = copies.directory_of(data_dir) / f"{NEW}-1"
    package = Path(sysconfig.get_path("purelib")) / "yt_dlp"
    shutil.copytree(package, place / "yt_dlp", ignore=shutil.ignore_patterns("__pycache__"))
    (place / "yt_dlp/downloader/hls.py").write_text("raise ImportError('half a file')\n")
    with work._locked():
        troubles = work._troubles(copies.Installed(NEW, place.name))
    assert "half a file" in troubles["import"]
    (place / "yt_dlp/downloader/hls.py").write_text(
        (package / "downloader/hls.py").read_text()
        + "\nHlsFD.real_download = lambda self, *_: self.report_error('nothing comes')\n"
    )
    # A plugin lies where the canary finds it: in the copy that it tries.
    plugin = "print('hello')\nfrom yt_dlp import no_such_name\n"
    install(place, "plugin-one", {"extractor/one.py": plugin})
    monkeypatch.setenv(plugin_packages.VARIABLE, "plugin-one")
    with work._locked():
        troubles = work._troubles(copies.Installed(NEW, place.name))
    assert set(troubles) == {"HLS", "plugin"}, troubles
    assert "no_such_name" in troubles["plugin"]
