"""The real bot as a real process, pointed at the stand-in."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from . import process_tree
from .api import BotApi
from .patience import PATIENCE_S
from .process_tree import Found

BOT = Path(__file__).resolve().parents[2] / "bot.py"
# What the bot inherits; settings of the machine's own bot must not get in.
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV")


class BotDied(Exception):
    """The bot ended by itself; has its exit code and the end of its log."""

    def __init__(self, exit_code: int, log: str) -> None:
        super().__init__(f"the bot ended with exit code {exit_code}; its log ends with:\n{log}")
        self.exit_code = exit_code


class BotProcess:
    """`bot.py` with settings for the sandbox; `env` adds to them or overrides them.

    It may be started again after its end, on the same data; its log goes on in the same file,
    by default beside `data_dir`. It runs in a directory that has no `.env`.
    """

    def __init__(
        self,
        api: BotApi,
        data_dir: Path,
        env: Mapping[str, str] | None = None,
        *,
        script: Path = BOT,
        log_path: Path | None = None,
    ) -> None:
        self.api = api
        self.data_dir = data_dir.absolute()
        self.cwd = self._directory_without_env_file()
        self.script = script
        self.python = sys.executable
        self.log_path = log_path or self.cwd / f"{self.data_dir.name}.log"
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        settings = {
            "BOT_TOKEN": api.token,
            "TELEGRAM_API_URL": api.url,
            "DATA_DIR": str(self.data_dir),
            "ALLOWED_NETWORKS": "127.0.0.0/8",
        }
        self.env = {**inherited, **settings, **(env or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._polls_before = 0
        self._seen: set[tuple[int, int]] = set()

    def start(self) -> BotProcess:
        """Start it; use `wait_until_polling` to know that it works."""
        if self.is_running:
            raise RuntimeError("the bot runs already")
        self._polls_before = self._polls()
        with self.log_path.open("ab") as log:
            # A session of its own: Ctrl-C at the sandbox reaches the bot through `stop` only.
            self._process = subprocess.Popen(
                [self.python, str(self.script)],
                cwd=self.cwd,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    @property
    def pid(self) -> int:
        """The main process's pid, also after its end."""
        return self._started().pid

    @property
    def is_running(self) -> bool:
        """Whether the main process is alive."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """The exit code, below 0 for a signal; None while it runs."""
        return self._started().poll()

    @property
    def log(self) -> str:
        """Its whole log, over all starts."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def log_end(self, lines: int = 20) -> str:
        """The last lines of its log."""
        return "\n".join(self.log.splitlines()[-lines:])

    def wait_until_polling(self, timeout_s: float = PATIENCE_S) -> None:
        """Wait for the first getUpdates since `start`; `BotDied` when it ends instead."""
        pid = self.pid

        def polls() -> bool:
            if self.exit_code is not None:
                raise BotDied(self.exit_code, self.log_end())
            return self._polls() > self._polls_before

        try:
            self.api.wait_for(polls, timeout_s)
        except TimeoutError:
            raise TimeoutError(f"bot {pid} does not poll; its log:\n{self.log_end()}") from None

    def kill(self) -> None:
        """SIGKILL to the main process alone, and wait for its end."""
        self.tree()
        self._started().kill()
        self._started().wait()

    def terminate(self) -> None:
        """SIGTERM to the main process."""
        self._started().send_signal(signal.SIGTERM)

    def wait(self, timeout_s: float = PATIENCE_S) -> int:
        """Wait for its end; returns the exit code. Raises TimeoutError with the end of its log."""
        try:
            return self._started().wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise TimeoutError(
                f"bot {self.pid} still runs after {timeout_s} s; its log:\n{self.log_end()}"
            ) from None

    def tree(self) -> list[int]:
        """The pids of all live processes of this bot, orphans included.

        Those are the main process, its descendants, what carries its instance tag, and what an
        earlier call has seen there and still lives.
        """
        return [process.pid for process in self._tree()]

    def wait_for_empty_tree(self, timeout_s: float = PATIENCE_S) -> None:
        """Wait until no process is left. Raises TimeoutError with the names of those that are."""
        deadline = time.monotonic() + timeout_s
        while left := self.tree():
            if time.monotonic() > deadline:
                names = [f"{pid} {_command(pid)}" for pid in left]
                raise TimeoutError("still alive: " + "; ".join(names))
            # There is no event to wait for: these are no children of this process.
            time.sleep(0.02)

    def stop(self, timeout_s: float = 15) -> None:
        """End it: SIGTERM, then SIGKILL, then SIGKILL to everything left over."""
        if self.is_running:
            self.tree()
            self.terminate()
            try:
                self.wait(timeout_s)
            except TimeoutError:
                self.kill()
        for _ in range(100):
            left = self._tree()
            if not left:
                return
            for process in left:
                process_tree.kill(process)
            time.sleep(0.02)

    def __enter__(self) -> BotProcess:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _polls(self) -> int:
        return sum(call.method == "getUpdates" for call in self.api.calls)

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the bot was not started")
        return self._process

    def _directory_without_env_file(self) -> Path:
        parent = self.data_dir.parent
        parent.mkdir(parents=True, exist_ok=True)
        if not (parent / ".env").exists():
            return parent
        self.data_dir.mkdir(exist_ok=True)
        return self.data_dir

    def _tree(self) -> list[Found]:
        if self._process is None:
            return []
        tag = _instance_tag(self.data_dir)
        everything = process_tree.find_all()
        # The pid counts as long as it is not reaped; afterwards it may be somebody else's.
        roots = {self._process.pid} if self.is_running else set()
        roots |= {p.pid for p in everything if (p.pid, p.started) in self._seen}
        roots |= {p.pid for p in everything if tag and process_tree.is_tagged(p.pid, tag)}
        known = process_tree.descendants(roots, everything)
        found = [p for p in everything if p.pid in known and p.is_alive]
        self._seen |= {(p.pid, p.started) for p in found}
        return found


def _instance_tag(data_dir: Path) -> str | None:
    # Imported late: the stand-in also serves where the product cannot be imported.
    try:
        from worker.processes.process_table import instance_tag
    except ImportError:
        return None
    return instance_tag(data_dir)


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except OSError:
        return ""
