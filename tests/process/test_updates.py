"""Updates of yt-dlp: real pip and an index of wheels; what is killed leaves the old or the new."""

import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import worker
from maintenance.updates import children, packages, updater
from maintenance.updates.packages import Plan
from maintenance.updates.situation import read_situation
from maintenance.updates.updater import Outcome, Updater, UpdateResult
from tests.support.operator_kit import ROOT, maintenance
from tests.support.wheels import OFFLINE, make_package, make_ytdlp, pip_variables
from worker.downloads.ytdlp.packages import copies
from worker.downloads.ytdlp.packages.installed import installed_version

NEW, NEWER = "2099.1.1", "2099.2.2"


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir(mode=0o700)
    return tmp_path / "data"


@pytest.fixture
def index(tmp_path: Path) -> Path:
    return tmp_path / "index"


class Index:
    """What pip finds, in the place of a real one; what it installs has hardly a file."""

    def __init__(self) -> None:
        self.versions = [installed_version() or ""]

    def plan(self, _channel: object, version: str | None, *_: object) -> Plan:
        newest = version or self.versions[-1]
        is_own = newest == self.versions[0]
        return Plan(newest, () if is_own else (f"yt-dlp=={newest}",))

    def install(self, needed: tuple[str, ...], target: Path, *_: object) -> None:
        (target / "yt_dlp").mkdir()
        version = needed[0].partition("==")[2]
        (target / "yt_dlp/version.py").write_text(f"__version__ = {version!r}\n")


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> Index:
    """An index without a pip, and a canary that finds nothing."""
    index = Index()
    monkeypatch.setattr(packages, "plan", index.plan)
    monkeypatch.setattr(packages, "install", index.install)
    monkeypatch.setattr(Updater, "_troubles", lambda *_: {})
    return index


@pytest.fixture
def update(data_dir: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Updates with a real pip, and believes everything to work without trying it."""
    monkeypatch.setattr(Updater, "_troubles", lambda *_: {})
    variables = {"PATH": os.environ["PATH"], **pip_variables(index)}
    return Updater(data_dir, 512, variables).update


@pytest.fixture
def make(data_dir: Path, pip: Index) -> Callable[[], Updater]:
    """Makes an updater without a real pip."""
    assert pip.versions
    return lambda: Updater(data_dir, 512, {})


def files(data_dir: Path) -> list[str]:
    """What is there beside the choice and the lock."""
    names = os.listdir(copies.directory_of(data_dir))
    return sorted(set(names) - {copies.CHOICE, "lock"})


def test_a_new_one_takes_over_and_the_one_before_is_kept(
    make: Callable[[], Updater], data_dir: Path, pip: Index
) -> None:
    own = installed_version()
    pip.versions.append(NEW)
    assert make().check().result is UpdateResult.NEW
    done = make().update()
    assert (done.result, done.in_use, done.version) == (UpdateResult.UPDATED, NEW, NEW)
    assert files(data_dir) == [f"{NEW}-1"]
    place = copies.directory_of(data_dir) / f"{NEW}-1"
    assert {path.stat().st_mode & 0o077 for path in (place.parent, place)} == {0}
    assert make().update().result is UpdateResult.CURRENT
    pip.versions.append(NEWER)
    assert make().update().in_use == NEWER
    assert files(data_dir) == [f"{NEW}-1", f"{NEWER}-1"]
    assert make().roll_back().in_use == NEW
    assert files(data_dir) == [f"{NEW}-1"]
    assert make().roll_back().result is UpdateResult.NOTHING
    again = make().update()
    assert again.result is UpdateResult.CURRENT, (
        "what was left by hand does not come back by itself"
    )
    assert f"{NEWER} was taken back" in again.text
    assert make().update(version=NEWER).in_use == NEWER, "it does when it is named"
    assert make().update(version=own).in_use == own, "the environment's own"
    assert not read_situation(data_dir).is_copy


def test_what_else_it_needs_comes_with_it(
    update: Callable[..., Outcome], data_dir: Path, index: Path
) -> None:
    make_package(index, "needed_by_ytdlp", "1.0")
    make_ytdlp(index, NEW, requires=("needed-by-ytdlp>=1",), is_whole=False)
    assert update().in_use == NEW
    place = copies.directory_of(data_dir) / f"{NEW}-1"
    assert (place / "needed_by_ytdlp.py").is_file()
    assert not (place / "requests").exists(), "the environment has it"


def test_what_is_no_wheel_is_not_run(
    update: Callable[..., Outcome], index: Path, tmp_path: Path
) -> None:
    make_ytdlp(index, NEW, is_whole=False)
    source = tmp_path / f"yt_dlp-{NEWER}"
    source.mkdir()
    (source / "PKG-INFO").write_text(f"Metadata-Version: 2.1\nName: yt-dlp\nVersion: {NEWER}\n")
    (source / "setup.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    shutil.make_archive(str(index / source.name), "gztar", tmp_path, source.name)
    assert update().in_use == NEW
    assert not (tmp_path / "ran").exists()


def test_a_release_before_its_time_comes_by_its_channel_alone(
    update: Callable[..., Outcome], index: Path
) -> None:
    make_ytdlp(index, f"{NEW}.230000.dev0", is_whole=False)
    assert update().result is UpdateResult.CURRENT
    assert update(packages.ReleaseChannel.NIGHTLY).result is UpdateResult.UPDATED


REFUSED = [
    ({"python": ">=3.99"}, NEW, "requires a different Python"),
    ({"requires": ("no-such-package>1",)}, NEW, "no-such-package"),
    ({"requires": ("pyTelegramBotAPI<2",)}, NEW, "conflict"),
    ({}, NEWER, f"Could not find a version that satisfies the requirement yt-dlp.*{NEWER}"),
]


@pytest.mark.parametrize(("wheel", "wanted", "words"), REFUSED)
def test_what_pip_refuses_changes_nothing(
    wheel: dict[str, Any], wanted: str, words: str, update: Callable[..., Outcome], index: Path
) -> None:
    make_ytdlp(index, NEW, is_whole=False, **wheel)
    done = update(version=wanted)
    assert (done.result, done.in_use) == (UpdateResult.REFUSED, installed_version())
    assert re.search(words, done.text), done.text


def test_what_pip_says_is_told_without_all_versions_that_there_are() -> None:
    errors = (
        "WARNING: something else\n"
        "ERROR: Ignored the following versions that require a different python version: 1; 2\n"
        "ERROR: Could not find a version that satisfies it (from versions: 1, 2, 3, 4)\n"
        "ERROR: No matching distribution found for yt-dlp==4"
    )
    done = children.Done(1, "", errors)
    reason = "No matching distribution found for yt-dlp==4; some versions need another Python"
    assert packages.reason_of(done) == f"{reason} than this one"
    alone = children.Done(1, "", errors.splitlines()[2])
    assert packages.reason_of(alone) == "Could not find a version that satisfies it"
    crashed = children.Done(1, "", "Traceback (most recent call last):\nImportError: No module\n")
    assert packages.reason_of(crashed) == "ImportError: No module"


def test_without_an_index_it_says_so_and_that_is_fine(data_dir: Path) -> None:
    nowhere = {**OFFLINE, "PIP_NO_INDEX": "0", "PIP_INDEX_URL": "http://127.0.0.1:9/simple"}
    said = maintenance(data_dir, "update", "--json", **nowhere)
    assert (said.code, said.json["result"]) == (0, "offline")
    assert said.json["source"] == "pip"


def test_what_does_not_work_is_not_chosen_unless_the_old_one_does_no_better(
    data_dir: Path, pip: Index, make: Callable[[], Updater], monkeypatch: pytest.MonkeyPatch
) -> None:
    pip.versions.append(NEW)
    broken = {"new": {"HLS": "stalled", "JavaScript": "no runtime"}, "old": {"JavaScript": "none"}}

    def troubles(_self: Updater, installed: copies.Installed) -> dict[str, str]:
        return broken["new" if installed.copy else "old"]

    monkeypatch.setattr(Updater, "_troubles", troubles)
    done = make().update()
    assert (done.result, done.in_use) == (UpdateResult.REFUSED, installed_version())
    assert "(HLS: stalled)" in done.text
    assert files(data_dir) == []
    del broken["new"]["HLS"]
    assert make().update().result is UpdateResult.UPDATED


def test_one_update_at_a_time(make: Callable[[], Updater], data_dir: Path) -> None:
    first = make()
    with first._locked():
        assert make().check().result is UpdateResult.BUSY
        assert make().roll_back().result is UpdateResult.BUSY
        assert maintenance(data_dir, "update", "--rollback").code == 2


def test_a_copy_in_use_is_not_removed(
    make: Callable[[], Updater], data_dir: Path, pip: Index
) -> None:
    pip.versions.append(NEW)
    make().update()
    worker = f"""
import sys
from pathlib import Path
from worker.downloads.ytdlp.packages import copies
copies.tell(Path({str(data_dir)!r}))
copies.use()
print("up", flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", worker],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as user:
        assert user.stdout is not None
        assert user.stdout.readline() == "up\n"
        make().roll_back()
        assert files(data_dir) == [f"{NEW}-1"], "it may still import from it"
        user.communicate("")
    make().sweep()
    assert files(data_dir) == []


def test_a_full_disk_is_told_before_anything_is_installed(
    make: Callable[[], Updater], data_dir: Path, pip: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip.versions.append(NEW)
    usage = shutil.disk_usage(data_dir)._replace(free=updater.NEEDED_BYTES - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    done = make().update()
    assert done.result is UpdateResult.REFUSED
    assert "MB have to be free" in done.text
    assert files(data_dir) == []


def test_a_place_that_cannot_be_written_is_told(data_dir: Path) -> None:
    copies.directory_of(data_dir).write_text("somebody's file")
    said = maintenance(data_dir, "update", "--check", **OFFLINE)
    assert said.code == 2
    assert "exists" in said.errors or "Not a directory" in said.errors


def test_a_choice_that_cannot_be_believed_is_told_and_replaced(
    make: Callable[[], Updater], data_dir: Path, pip: Index
) -> None:
    pip.versions.append(NEW)
    make().update()
    file = copies.directory_of(data_dir) / copies.CHOICE
    file.write_text('{"chosen": 1}')
    situation = read_situation(data_dir)
    assert situation.version == installed_version()
    assert "is not as an update leaves it" in (situation.trouble or "")
    assert make().roll_back().result is UpdateResult.NOTHING
    assert make().update().in_use == NEW


def test_the_outcome_is_said_as_json(data_dir: Path, index: Path) -> None:
    make_ytdlp(index, installed_version() or "", is_whole=False)
    said = maintenance(data_dir, "update", "--check", "--json", **pip_variables(index))
    assert said.code == 0
    assert said.json["result"] == "current"
    assert set(said.json) == {
        *(field.name for field in dataclasses.fields(updater.Outcome)),
        *("source", "before", "left"),
    }
    assert json.loads(said.text) == said.json
    assert worker.ROOT == ROOT


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_root_becomes_the_bots_user(data_dir: Path) -> None:
    os.chown(data_dir, 23456, 23457)
    code = """
import os, sys
from pathlib import Path
from maintenance.commands import update
update._become_owner(Path(sys.argv[1]))
print(os.getresuid(), os.getresgid(), os.getgroups(), os.environ.get("HOME"))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(data_dir)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": "/root"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "(23456, 23456, 23456) (23457, 23457, 23457) [23457] None\n"


# ---------------------------------------------------------------------------------- kills

KILLED = """
import os, signal, sys
from pathlib import Path
from maintenance.updates import packages, updater
from worker.downloads.ytdlp.packages import copies

def install(_packages, place, *_):
    (place / "yt_dlp").mkdir()
    (place / "yt_dlp/version.py").write_text(f"__version__ = {sys.argv[2]!r}\\n")

packages.plan = lambda *_: packages.Plan(sys.argv[2], (f"yt-dlp=={sys.argv[2]}",))
packages.install = install
updater.Updater._troubles = lambda *_: {}
os.sync = lambda: None

def run(left, place):
    def count(event, args):
        nonlocal left
        if event in {"open", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "shutil.rmtree"}:
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(count)
    work = updater.Updater(place, 512, {})
    work.roll_back() if sys.argv[1] == "roll_back" else work.update()
    os._exit(0)

for step, place in enumerate(sorted(Path(sys.argv[3]).iterdir()), start=1):
    pid = os.fork()
    if not pid:
        run(step, place)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
STEPS = 70


@pytest.mark.parametrize("work", ["update", "roll_back"])
def test_at_whatever_step_it_is_killed(
    work: str, tmp_path: Path, data_dir: Path, pip: Index, make: Callable[[], Updater]
) -> None:
    pip.versions.append(NEW)
    make().update()
    own, new = installed_version(), NEWER if work == "update" else NEW
    old = NEW if work == "update" else own
    for step in range(STEPS):
        shutil.copytree(data_dir, tmp_path / "places" / f"{step:02}")
    command = [sys.executable, "-c", KILLED, work, NEWER, str(tmp_path / "places")]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, timeout=50, check=True)
    ends = [int(line) for line in done.stdout.split()]
    kills = ends.index(0)
    assert kills > 8, "it was killed on the way"
    assert ends == [-signal.SIGKILL] * kills + [0] * (STEPS - kills), "up to its end"
    came_to = []
    for place in sorted((tmp_path / "places").iterdir())[: kills + 1]:
        came_to.append(read_situation(place).version)
        Updater(place, 512, {}).sweep()
        situation = read_situation(place)
        assert situation.version == came_to[-1]
        chosen = [each for each in (situation.installed, situation.before) if each and each.copy]
        assert files(place) == sorted(str(each.copy) for each in chosen), "nothing is left behind"
    expected = {old, NEWER} if work == "update" else {new, own}
    assert set(came_to) == expected
    assert came_to == sorted(came_to, key=lambda version: version == came_to[-1])
