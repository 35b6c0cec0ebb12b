"""A real systemd as process 1 of namespaces of its own, with the bot installed in /opt/fetchbot.

It has no unit but the bot's and the targets that this needs, a /run, /tmp and /opt of its own, and
a control group below that of the tests. Network and users are the machine's.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from tests.support.operator_kit import ROOT
from worker.processes import process_setup

SYSTEMD = Path("/lib/systemd/systemd")
PROGRAMS = ("unshare", "nsenter", "setpriv", "systemctl", "mount")

USER = "daemon"
"""As whom the bot runs: somebody whom every system has."""

HOME = "/opt/fetchbot"
PYTHON = f"{HOME}/.venv/bin/python"

_FILES = ("bot.py", "worker", "maintenance", "requirements.txt", "supervisor.conf", ".env.example")
_TARGETS = ("sysinit", "basic", "shutdown", "network-online", "multi-user")
_TARGET = "[Unit]\nDescription={0}\nDefaultDependencies=no\n"

_NAMESPACES = "--pid --mount --cgroup --ipc --uts --fork --kill-child --mount-proc"
_INSIDE = """
set -e
mount --make-rprivate /
mkdir -p "$OPT/fetchbot/.venv"
mount --bind "$PREFIX" "$OPT/fetchbot/.venv"
mkdir "$OPT/base"
mount --bind "$BASE" "$OPT/base"
case "$BASE" in "$HOME"/*)  # where nobody else may look for a Python
    mount -t tmpfs -o mode=755 none "$HOME"
    mkdir -p "$BASE"
    mount --bind "$OPT/base" "$BASE"
esac
mount --rbind "$OPT" /opt
umount -R /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup
for each in /run /tmp /var/tmp; do mount -t tmpfs none $each; done
chmod 1777 /tmp /var/tmp
cd /
exec env -i PATH="$PATH" container=lxc SYSTEMD_UNIT_PATH=/opt/units \
    SYSTEMD_GENERATOR_PATH=/none SYSTEMD_LOG_TARGET=console "$0" --unit=multi-user.target
"""

_JOIN = 'echo 0 > "$CGROUP/cgroup.procs"; exec "$@"'
_AT_HOME = f'cd {HOME} && exec "$@"'


def why_not() -> str | None:
    """Why systemd cannot be tried here; None if it may be."""
    if os.geteuid():
        return "needs root"
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    if missing or not SYSTEMD.exists():
        return f"{', '.join([*missing, SYSTEMD.name][:1])} is not installed (apt install systemd)"
    if sys.prefix == sys.base_prefix:
        return "needs a virtual environment"
    try:
        _own_cgroup()
    except LookupError:
        return "has no cgroup2"
    return None


def _own_cgroup() -> Path:
    """The directory of this process's control group. Raises LookupError."""
    mounts = Path("/proc/self/mounts").read_text()
    within = re.search(r"(?m)^0::/(.*)$", Path("/proc/self/cgroup").read_text())
    at = re.search(r"(?m)^\S+ (\S+) cgroup2 ", mounts)
    if not (within and at):
        raise LookupError("no cgroup2")
    return Path(at[1], within[1])


class Systemd:
    """Runs from `with` to its end, and with it everything that it has started."""

    def __init__(self, directory: Path) -> None:
        """`directory` has to be one that every user may enter."""
        self.opt = directory
        self.home = directory / "fetchbot"
        self._units = directory / "units"
        self._cgroup = _own_cgroup() / f"fetchbot-test-{os.getpid()}"
        self._outside: subprocess.Popen[bytes] | None = None
        self._console = directory / "console"

    def __enter__(self) -> Self:
        self._install()
        self._cgroup.mkdir()
        namespaces = ["unshare", *_NAMESPACES.split()]
        with self._console.open("wb") as console:
            self._outside = subprocess.Popen(
                ["sh", "-c", _JOIN, "sh", *namespaces, "sh", "-c", _INSIDE, str(SYSTEMD)],
                env={
                    "PATH": os.environ["PATH"],
                    "HOME": str(Path.home()),
                    "CGROUP": str(self._cgroup),
                    "PREFIX": sys.prefix,
                    "BASE": sys.base_prefix,
                    "OPT": str(self.opt),
                },
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                preexec_fn=_die_with(os.getpid()),
            )
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None
    ) -> None:
        assert self._outside is not None
        self._outside.kill()  # by unshare --kill-child all the others, too
        self._outside.wait()
        deadline = time.monotonic() + 20
        for path in [*sorted(self._cgroup.glob("**/"), reverse=True)]:
            while path.exists():
                try:
                    path.rmdir()
                except OSError:
                    assert time.monotonic() < deadline, f"{path} is not empty"
                    time.sleep(0.05)

    def _install(self) -> None:
        self.home.mkdir()
        for name in _FILES:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, self.home / name)
        shutil.chown(self.home, USER, USER)
        self._units.mkdir()
        for name in _TARGETS:
            (self._units / f"{name}.target").write_text(_TARGET.format(name))

    @property
    def pid(self) -> int:
        """Process 1, as the tests see it."""
        assert self._outside is not None
        (child,) = psutil.Process(self._outside.pid).children()
        return child.pid

    @property
    def is_up(self) -> bool:
        """Whether it answers."""
        assert self._outside is not None
        if self._outside.poll() is not None:
            return False
        return bool(psutil.Process(self._outside.pid).children()) and (
            self.control("is-system-running")[1].strip() in ("running", "degraded")
        )

    @property
    def console(self) -> str:
        """What it has said."""
        return self._console.read_text(errors="replace")

    def inside(self, *command: str, user: str | None = None) -> tuple[int, str]:
        """The exit code of a command where systemd is, and all that it prints."""
        prefix = ["nsenter", f"--target={self.pid}", "--pid", "--mount", "--cgroup"]
        prefix += ["env", "-i", f"PATH={os.environ['PATH']}", "sh", "-c", _AT_HOME, "sh"]
        if user:
            prefix += ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
            prefix += ["--bounding-set=-all", "--"]
        done = subprocess.run(
            [*prefix, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=100,
            check=False,
        )
        return done.returncode, done.stdout

    def control(self, *arguments: str) -> tuple[int, str]:
        """What systemctl does and says."""
        return self.inside("systemctl", "--no-pager", *arguments)

    def add(self, unit: str, text: str, **changes: str) -> None:
        """Add a unit, with changes to what it says of the service."""
        (self._units / unit).write_text(text)
        own = self._units / f"{unit}.d"
        own.mkdir(exist_ok=True)
        lines = [f"{name}={value}" for name, value in changes.items()]
        (own / "test.conf").write_text("\n".join(["[Service]", *lines, ""]))
        code, said = self.control("daemon-reload")
        assert code == 0, said

    def show(self, unit: str, *names: str) -> dict[str, str]:
        """Properties of a unit."""
        said = self.control("show", unit, f"--property={','.join(names)}")[1]
        return dict(line.split("=", 1) for line in said.splitlines())

    def processes(self, unit: str) -> list[int]:
        """The processes of a unit, as the tests see them."""
        members = self._cgroup / "system.slice" / unit
        listed = [path.read_text() for path in members.glob("**/cgroup.procs")]
        return [int(pid) for pid in "".join(listed).split()]


def _die_with(parent_pid: int) -> Callable[[], None]:
    def die() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        process_setup.die_with_parent(parent_pid)

    return die
