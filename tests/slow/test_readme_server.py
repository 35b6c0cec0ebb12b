"""What maintenance/README.md tells root to type on a server, for a user that has no name here."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.api import BotApi

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "maintenance" / "README.md").read_text("utf-8")
_SECTION = PAGE.split("## On a server")[1].split("\n## ")[0]
INSTALL, UPDATE = re.findall(r"```sh\n(.*?)```", _SECTION, re.DOTALL)
PYTHON = "/usr/bin/python3"
"""Another user may not be able to run the Python of this test run."""

USER = 23456
AS_USER = f"setpriv --reuid={USER} --regid={USER} --clear-groups --bounding-set=-all --"
FILES = ("bot.py", "worker", "maintenance", "requirements.txt", "supervisor.conf", ".env.example")

OF_THE_TRIAL = (".venv/bin/pip", ".env", "data/ledger.sqlite3")
"""What is in the directory of somebody who has tried the bot before, as README.md says."""


class Server:
    """A directory for the bot, and a shell in which root types lines of the page."""

    def __init__(self, directory: Path, api: BotApi) -> None:
        self.home = directory / "fetchbot"
        self.home.mkdir()
        os.chown(self.home, USER, USER)
        self._api = api
        self._at = directory / "clone"

    def type(self, line: str) -> subprocess.CompletedProcess[str]:
        """Type one line: with this machine's Python, and without a package registry."""
        home = self.home
        for shown, here in (
            ("runuser -u fetchbot --", AS_USER),
            ("chown -R fetchbot:fetchbot", f"chown -R {USER}:{USER}"),
            ("/opt/fetchbot", str(home)),
            ("python3 -m venv .venv", f"{PYTHON} -m venv --without-pip .venv"),
            (".venv/bin/pip install -r requirements.txt", f"sh -c {shlex.quote(_SHARE)}"),
            ("editor .env", f"sed -i {shlex.quote(self._settings())} .env"),
        ):
            line = line.replace(shown, here)
        if line.startswith("cd "):
            self._at = Path(line.removeprefix("cd "))
        return subprocess.run(
            ["sh", "-c", line],
            cwd=self._at,
            env={"PATH": os.environ["PATH"], "HOME": "/root"},
            capture_output=True,
            text=True,
            check=False,
        )

    def _settings(self) -> str:
        api = f"TELEGRAM_API_URL={self._api.url}\\nADMINS=7"
        return f"s|^BOT_TOKEN=.*|BOT_TOKEN={self._api.token}\\n{api}|"

    def owned_by_root(self) -> list[Path]:
        return [path for path in self.home.rglob("*") if path.lstat().st_uid != USER]


_SHARE = f"echo {sysconfig.get_paths()['purelib']} > $(echo .venv/lib/python*/site-packages)/s.pth"


@pytest.fixture
def server() -> Iterator[Server]:
    if os.geteuid():
        pytest.skip("only root can type as another user")
    if _version_of(PYTHON) != _version_of(sys.executable):
        pytest.skip(f"{PYTHON} cannot use the packages of this Python")
    # pytest's own directories are closed to other users.
    with tempfile.TemporaryDirectory(prefix="server-") as directory:
        Path(directory).chmod(0o755)
        _clone(Path(directory, "clone"))
        with BotApi() as api:
            yield Server(Path(directory), api)


def _version_of(python: str) -> str:
    program = "import sys; print(*sys.version_info[:2])"
    if not Path(python).exists():
        return ""
    return subprocess.run([python, "-c", program], capture_output=True, text=True).stdout


def _clone(clone: Path) -> None:
    clone.mkdir()
    for name in FILES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, clone / name)
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "x"]):
        who = ["-c", "user.name=x", "-c", "user.email=x@x.example"]
        subprocess.run(["git", *who, *arguments], cwd=clone, check=True)
    for name in OF_THE_TRIAL:
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_text("of the trial")


def install(server: Server) -> dict[str, subprocess.CompletedProcess[str]]:
    """Type all that is for the bot's directory; the rest is Debian's and supervisor's."""
    lines = INSTALL.splitlines()
    return {line: server.type(line) for line in lines if not line.startswith(_OF_DEBIAN)}


_OF_DEBIAN = ("apt ", "adduser ", "supervisorctl ", "cp supervisor.conf ")


def test_page_installs_a_bot_that_is_its_users(server: Server) -> None:
    typed = install(server)
    assert len(typed) == 8
    for line, done in typed.items():
        print(line, done.stdout, done.stderr, sep="\n")
        assert done.returncode == 0, line
    assert server.owned_by_root() == []
    assert (server.home / "data").stat().st_mode & 0o777 == 0o700
    assert (server.home / ".env").stat().st_mode & 0o777 == 0o600
    for name in OF_THE_TRIAL:
        path = server.home / name
        assert not path.exists() or path.read_text("utf-8") != "of the trial"


def test_check_by_root_warns_and_makes_nothing_of_its_own(server: Server) -> None:
    install(server)
    shutil.rmtree(server.home / "data")
    done = server.type(".venv/bin/python bot.py --check")
    assert done.returncode == 0, done.stdout
    assert re.search("^warning +user +this is root", done.stdout, re.MULTILINE)
    assert (server.home / "data").stat().st_uid == USER
    assert server.owned_by_root() == []


def test_settings_that_are_roots_are_said_to_be(server: Server) -> None:
    install(server)
    os.chown(server.home / ".env", 0, 0)
    for arguments in ("", " --check"):
        done = server.type(f"runuser -u fetchbot -- .venv/bin/python bot.py{arguments}")
        said = done.stdout + done.stderr
        assert done.returncode == 78
        assert ".env cannot be read, since it is not this user's" in said
        assert "BOT_TOKEN is not set" not in said


def test_page_brings_a_new_version(server: Server) -> None:
    install(server)
    (pull,) = [line for line in UPDATE.splitlines() if "git pull" in line]
    as_user, _, command = pull.rpartition("git pull")
    assert "dubious ownership" in server.type(f"git pull{command}").stderr
    done = server.type(f"{as_user}git status")
    assert done.returncode == 0, done.stderr
