"""The watch on yt-dlp's files, with trials in real processes and clocks that the test moves."""

import contextlib
import errno
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.damaged_ytdlp import DAMAGES, DEADLY, damage_ytdlp
from worker.clocks import Monotonic
from worker.dispatch import ytdlp_upgrade
from worker.dispatch.ytdlp_upgrade import CHECK_EVERY_S, IMPORT_TIMEOUT_S, RESTART, UpgradeWatch
from worker.downloads.ytdlp.packages import plugin_packages

ENDLESS = "while True: pass"


class Watch:
    """A watch, and the packages that it looks at."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.watch = UpgradeWatch()
        self._now = 0.0

    def look(self, *, is_broken: bool, times: int = 4) -> bool:
        """Look a few times, and let each trial end. Whether a yt-dlp can take over."""
        takes_over = False
        for _ in range(times):
            self._now += CHECK_EVERY_S
            takes_over |= self.watch.step(Monotonic(self._now), is_broken=is_broken)
            if trial := self.watch._trial:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    trial.wait(1.0 if self._is_endless() else 20.0)
                if trial.poll() is None:
                    self._now += IMPORT_TIMEOUT_S
                    self.watch.step(Monotonic(self._now), is_broken=is_broken)
                    trial.wait()
        return takes_over

    def _is_endless(self) -> bool:
        return ENDLESS in (self.directory / "yt_dlp" / "YoutubeDL.py").read_text()


MakeWatch = Callable[[], Watch]


@pytest.fixture
def make_watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeWatch]:
    """Makes a watch for the yt-dlp in a directory; its trial imports that and nothing else."""

    def version_file() -> Path | None:
        file = tmp_path / "yt_dlp" / "version.py"
        return file if file.exists() else None

    monkeypatch.setattr(ytdlp_upgrade, "version_file", version_file)
    monkeypatch.setattr(ytdlp_upgrade, "TRIAL", "import yt_dlp")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    made: list[Watch] = []

    def make() -> Watch:
        made.append(Watch(tmp_path))
        return made[-1]

    yield make
    for watch in made:
        watch.watch.close()


class Plugins:
    """The plugins that a trial finds, with those that cannot be loaded."""

    def __init__(self, directory: Path) -> None:
        self._told = directory / "told"
        self._version = directory / "yt_dlp" / "version.py"
        self.have_faults()

    def have_faults(self, **faults: str) -> None:
        self._told.write_text(f"A plugin says hello.\n{json.dumps(faults)}\n")

    def upgrade(self, version: str) -> None:
        self._version.write_text(f'__version__ = "{version}"\n')


@pytest.fixture
def plugins(tmp_path: Path, make_watch: MakeWatch, monkeypatch: pytest.MonkeyPatch) -> Plugins:
    """Those of the yt-dlp that `make_watch` has watched, of which there is one."""
    del make_watch  # It comes first.
    damage_ytdlp(tmp_path, "")
    told = os.fspath(tmp_path / "told")
    trial = f"import yt_dlp, pathlib; print(pathlib.Path({told!r}).read_text())"
    monkeypatch.setattr(ytdlp_upgrade, "TRIAL", trial)
    monkeypatch.setenv(plugin_packages.VARIABLE, "one,two")
    return Plugins(tmp_path)


def test_a_plugin_that_is_broken_anyway_holds_no_upgrade_back(
    make_watch: MakeWatch, plugins: Plugins
) -> None:
    plugins.have_faults(one="out of date")
    watch = make_watch()
    assert not watch.look(is_broken=False)
    plugins.upgrade("2099.2.2")
    assert watch.look(is_broken=False)
    assert watch.watch.in_use == "2099.2.2"
    plugins.have_faults(one="out of date", two="too new")
    plugins.upgrade("2099.3.3")
    assert not watch.look(is_broken=False)
    said = "2099.3.3 on disk cannot be used: its plugin two cannot be loaded with it: too new"
    assert said in (watch.watch.trouble or "")
    plugins.have_faults()
    plugins.upgrade("2099.4.4")
    assert watch.look(is_broken=False)
    plugins.have_faults(one="out of date")
    plugins.upgrade("2099.5.5")
    assert not watch.look(is_broken=False), "it was repaired meanwhile"


def test_what_cannot_be_used_is_replaced_whatever_its_plugins(
    make_watch: MakeWatch, plugins: Plugins
) -> None:
    watch = make_watch()
    plugins.have_faults(one="out of date")
    plugins.upgrade("2099.2.2")
    assert watch.look(is_broken=True)


def test_nobody_is_asked_for_plugins_where_there_are_none(
    make_watch: MakeWatch, plugins: Plugins, monkeypatch: pytest.MonkeyPatch
) -> None:
    del plugins
    monkeypatch.delenv(plugin_packages.VARIABLE)
    watch = make_watch()
    watch.watch.step(Monotonic(CHECK_EVERY_S))
    assert watch.watch.pids == []


@pytest.mark.parametrize("damage", [*DAMAGES, *DEADLY])
def test_repair_of_one_file_is_noticed(damage: str, make_watch: MakeWatch, tmp_path: Path) -> None:
    damage_ytdlp(tmp_path, damage)
    watch = make_watch()
    assert not watch.look(is_broken=True)
    assert "yt-dlp 2099.1.1 on disk cannot be used: " in (watch.watch.trouble or "")
    assert not watch.look(is_broken=True), "what was tried in vain is not tried again"
    (tmp_path / "yt_dlp" / "YoutubeDL.py").write_text("# repaired\n")
    assert watch.look(is_broken=True)
    assert watch.watch.trouble is None
    assert watch.watch.in_use == "2099.1.1"
    assert not watch.look(is_broken=False)


def test_first_yt_dlp_is_noticed(make_watch: MakeWatch, tmp_path: Path) -> None:
    watch = make_watch()
    assert not watch.look(is_broken=True)
    assert watch.watch.in_use is None
    damage_ytdlp(tmp_path, "")
    assert watch.look(is_broken=True)
    assert watch.watch.in_use == "2099.1.1"


def test_yt_dlp_that_is_removed_and_put_back_takes_over(
    make_watch: MakeWatch, tmp_path: Path
) -> None:
    damage_ytdlp(tmp_path, "")
    watch = make_watch()
    shutil.rmtree(tmp_path / "yt_dlp")
    assert not watch.look(is_broken=True)
    damage_ytdlp(tmp_path, "")
    assert watch.look(is_broken=True)


def test_broken_for_another_reason_is_tried_once(make_watch: MakeWatch, tmp_path: Path) -> None:
    damage_ytdlp(tmp_path, "")
    watch = make_watch()
    assert watch.look(is_broken=True), "it works, and a new fork server may be all that is needed"
    assert not watch.look(is_broken=True, times=8)


def test_trial_that_cannot_be_started_is_made_later(
    make_watch: MakeWatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage_ytdlp(tmp_path, "")
    watch = make_watch()
    with monkeypatch.context() as full:
        full.setattr(subprocess, "Popen", refuse)
        assert not watch.look(is_broken=True)
    assert watch.look(is_broken=True)


def refuse(*_args: object, **_options: object) -> None:
    raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))


@pytest.mark.parametrize(
    "changed", ["bot.py", "maintenance/alerts.py", "worker/protocol/media.py", "maintenance/new.py"]
)
def test_any_change_of_the_bots_code_asks_for_a_restart(
    changed: str, make_watch: MakeWatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in ("bot.py", "maintenance/alerts.py", "worker/protocol/media.py"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("")
    code = tuple(tmp_path / part for part in ("bot.py", "maintenance", "worker"))
    monkeypatch.setattr(ytdlp_upgrade, "CODE", code)
    watch = make_watch()
    watch.look(is_broken=False)
    assert watch.watch.trouble is None
    (tmp_path / changed).write_text("# new")
    watch.look(is_broken=False)
    assert watch.watch.trouble == RESTART


def test_code_that_is_watched_is_all_of_it() -> None:
    files = {Path(file).name for file, _ in ytdlp_upgrade._code_on_disk()}
    assert {"bot.py", "janitor.py", "pool.py", "english.py"} <= files
