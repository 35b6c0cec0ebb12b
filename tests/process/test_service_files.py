"""`python -m maintenance unit`: systemd and supervisor read what it prints as it is meant."""

import getpass
import shutil
import subprocess
from pathlib import Path

import pytest
from supervisor.options import ServerOptions

from tests.support.operator_kit import ROOT, maintenance

ME = getpass.getuser()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    answer = maintenance(tmp_path, "unit", "systemd", "--name", "mine", "--user", "daemon")
    assert (answer.code, answer.errors) == (0, "")
    unit = tmp_path / "mine.service"
    unit.write_text(answer.text)
    done = subprocess.run(
        ["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_supervisor_reads_it(tmp_path: Path) -> None:
    answer = maintenance(tmp_path, "unit", "supervisor", "--name", "mine", "--user", ME)
    text = answer.text.replace("/var/log/supervisor", str(tmp_path))
    (tmp_path / "mine.conf").write_text(text)
    (tmp_path / "supervisord.conf").write_text(
        f"[supervisord]\nlogfile={tmp_path}/log\n[include]\nfiles={tmp_path}/mine.conf\n"
    )
    options = ServerOptions()
    options.realize(["-c", str(tmp_path / "supervisord.conf")])
    (group,) = options.process_group_configs
    (config,) = group.process_configs
    assert config.name == "mine"
    assert config.directory == str(ROOT)
    assert config.stopwaitsecs == 45


def test_what_systemd_needs_at_its_start_is_said(tmp_path: Path) -> None:
    missing = tmp_path / "none"
    answer = maintenance(missing, "unit", "systemd", "--user", "daemon")
    assert answer.code == 0
    assert "bot.py --check makes DATA_DIR" in answer.errors
    assert f"ReadWritePaths={missing}\n" in answer.text


def test_it_runs_as_who_owns_the_bot(tmp_path: Path) -> None:
    answer = maintenance(tmp_path, "unit", "systemd")
    assert f"\nUser={ME}\n" in answer.text
    assert ("would run as root" in answer.errors) == (ME == "root")


@pytest.mark.parametrize(
    "arguments",
    [("unit",), ("unit", "upstart"), ("unit", "systemd", "--name", "a b")]
    + [("unit", "systemd", "--user", user) for user in ("me\nExecStartPre=x", "a b", "-x", "")],
)
def test_what_it_does_not_know_is_refused(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    answer = maintenance(tmp_path, *arguments)
    assert (answer.code, answer.text) == (2, "")
