"""Files for systemd and supervisor: what they say, and paths that they cannot hold."""

import shlex
from pathlib import Path

import pytest

from maintenance import service_files
from maintenance.exit_codes import EXIT_CONFIG
from maintenance.service_files import Installation

ROOT = Path(__file__).parents[2]
SHIPPED = (ROOT / "supervisor.conf").read_text("utf-8").splitlines(keepends=True)


def installation(directory: str = "/srv/bot", grace_s: float = 30.0) -> Installation:
    at = Path(directory)
    return Installation(
        at, at / ".venv/bin/python", "media", at / "data", grace_s, (Path("/srv/jars"),)
    )


def lines(text: str) -> dict[str, str]:
    """What a file sets, without its comments."""
    return dict(
        line.split("=", 1) for line in text.splitlines() if "=" in line and line[0] not in "#;"
    )


def test_systemd_runs_it_where_it_is() -> None:
    found = lines(service_files.systemd(installation(grace_s=90), "media-bot"))
    assert found["ExecStart"] == "/srv/bot/.venv/bin/python bot.py"
    assert found["WorkingDirectory"] == "/srv/bot"
    assert found["User"] == "media"
    assert found["ReadWritePaths"] == "/srv/bot/data /srv/jars"
    assert found["TimeoutStopSec"] == "105"
    assert found["RequiresMountsFor"] == "/srv/bot/data", "a disk may be mounted late"
    assert found["RestartPreventExitStatus"] == str(EXIT_CONFIG)
    assert found["KillMode"] == "mixed"
    assert found["OOMPolicy"] == "continue", "else one download that is too large stops the bot"


def test_supervisor_runs_it_where_it_is() -> None:
    found = lines(service_files.supervisor(installation(grace_s=90), "media-bot", SHIPPED))
    assert found["command"] == "/srv/bot/.venv/bin/python bot.py"
    assert found["directory"] == "/srv/bot"
    assert found["user"] == "media"
    assert found["stopwaitsecs"] == "105"
    assert found["stdout_logfile"] == "/var/log/supervisor/media-bot.log"


def test_nothing_of_the_shipped_place_is_left() -> None:
    text = service_files.supervisor(installation(), "media-bot", SHIPPED)
    assert "fetchbot" not in text
    assert "/opt" not in text
    assert "listen --program media-bot\n" in text


def test_spaces_and_percent_signs_in_paths() -> None:
    odd = installation("/srv/my bot 100%")
    unit = lines(service_files.systemd(odd, "bot"))
    assert unit["WorkingDirectory"] == "/srv/my bot 100%%"
    assert unit["ExecStart"] == '"/srv/my bot 100%%/.venv/bin/python" bot.py'
    conf = lines(service_files.supervisor(odd, "bot", SHIPPED))
    assert conf["command"] == "'/srv/my bot 100%%/.venv/bin/python' bot.py"
    # supervisor takes a command apart as a shell does.
    quotes = lines(service_files.supervisor(installation('/srv/"a" o\'brien'), "bot", SHIPPED))
    assert shlex.split(quotes["command"])[0] == '/srv/"a" o\'brien/.venv/bin/python'


@pytest.mark.parametrize("directory", ["/srv/a\nUser=root", "/srv/a\x1b"])
def test_paths_that_would_say_something_else_are_refused(directory: str) -> None:
    with pytest.raises(ValueError, match="cannot stand in"):
        service_files.systemd(installation(directory), "bot")
    with pytest.raises(ValueError, match="cannot stand in"):
        service_files.supervisor(installation(directory), "bot", SHIPPED)


def test_each_kind_of_file_refuses_what_ends_its_values() -> None:
    for directory in ('/srv/"a"', "/srv/o'brien"):
        with pytest.raises(ValueError, match="systemd"):
            service_files.systemd(installation(directory), "bot")
    with pytest.raises(ValueError, match="supervisor"):
        service_files.supervisor(installation("/srv/a ;b"), "bot", SHIPPED)
