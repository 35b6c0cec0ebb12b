"""What an update is tried with, as the process that tries it is told."""

import os
from argparse import Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from maintenance.commands import update
from maintenance.updates import updater
from maintenance.updates.children import Done
from maintenance.updates.packages import ReleaseChannel
from maintenance.updates.updater import Outcome, Updater, UpdateResult
from worker.downloads.ytdlp.packages import copies, plugin_packages
from worker.downloads.ytdlp.packages.copies import Installed
from worker.settings import Settings

NEW = "2099.1.1"


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """The plugins that each trial was told to load; none is started."""
    told: list[str | None] = []

    def run_module(_module: str, _given: object, variables: Mapping[str, str], *_: object) -> Done:
        told.append(variables.get(plugin_packages.VARIABLE))
        return Done(0, "{}", "")

    monkeypatch.setattr(updater, "run_module", lambda *given, with_code: run_module(*given))
    monkeypatch.setenv(plugin_packages.VARIABLE, "")
    return told


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


def test_an_update_is_tried_with_the_plugins_of_this_bot(
    tmp_path: Path, told: list[str | None]
) -> None:
    plugin_packages.allow(("plugin-one", "plugin-two"))
    copies.directory_of(tmp_path).mkdir(mode=0o700)
    assert Updater(tmp_path, 512, {})._troubles(Installed(NEW)) == {}
    assert told == ["plugin-one,plugin-two"]


@pytest.mark.usefixtures("umask")
def test_the_command_tries_with_the_plugins_of_the_settings(
    tmp_path: Path, told: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def only_try(self: Updater, *_: object) -> Outcome:
        copies.directory_of(tmp_path).mkdir(mode=0o700)
        self._troubles(Installed(NEW))
        return Outcome(UpdateResult.CURRENT, NEW, NEW, f"{NEW} is the newest.")

    monkeypatch.setattr(Updater, "update", only_try)
    settings = Settings(bot_token="", data_dir=tmp_path, ytdlp_plugins=("plugin-one",))
    chosen = Namespace(
        check=False, rollback=False, version=None, channel=ReleaseChannel.STABLE, json=True
    )
    update.run(settings, chosen)
    assert told == ["plugin-one"]
