"""supervisor.conf: supervisor itself reads it, and it fits the bot's own rules."""

import getpass
from pathlib import Path

import pytest
from supervisor.options import ServerOptions

from maintenance import runs
from maintenance.exit_codes import EXIT_CONFIG
from worker.settings import Settings

CONF = Path(__file__).parents[2] / "supervisor.conf"


@pytest.fixture
def program(tmp_path: Path) -> object:
    """The program as supervisord understands it, with this user and log directory put in."""
    text = CONF.read_text("utf-8")
    for shipped, here in (
        ("user=fetchbot", f"user={getpass.getuser()}"),
        ("/var/log/supervisor", str(tmp_path)),
    ):
        assert shipped in text
        text = text.replace(shipped, here)
    (tmp_path / "fetchbot.conf").write_text(text)
    (tmp_path / "supervisord.conf").write_text(
        f"[supervisord]\nlogfile={tmp_path}/log\n[include]\nfiles={tmp_path}/fetchbot.conf\n"
    )
    options = ServerOptions()
    options.realize(["-c", str(tmp_path / "supervisord.conf")])
    (group,) = options.process_group_configs
    (config,) = group.process_configs
    return config


def test_supervisor_reads_it_as_meant(program: object) -> None:
    settings = vars(program)
    assert settings["name"] == "fetchbot"
    assert settings["exitcodes"] == [0, EXIT_CONFIG]
    assert settings["startsecs"] == runs.STARTSECS
    assert settings["startretries"] >= 1000, "it would give up"
    assert settings["umask"] == 0o077
    assert (settings["stopasgroup"], settings["killasgroup"]) == (False, True)


def test_supervisor_waits_longer_than_the_bot_takes_to_stop(program: object) -> None:
    assert vars(program)["stopwaitsecs"] > Settings.shutdown_grace_s + 5
