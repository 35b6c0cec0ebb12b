"""The bot's main process: start, poll, watch, stop.

Threads: the long poll, the dispatcher, maintenance, and this one, which waits for signals and
for a thread that died or stands still. An update is on disk before it is confirmed: only the
next poll confirms it, and that is sent after the ledger has it.
"""

import argparse
import contextlib
import logging
import multiprocessing
import os
import select
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path

from maintenance import check
from maintenance.check import EXIT_CONFIG
from maintenance.janitor import Janitor
from worker import __version__, data_directory, logs
from worker.dispatch.dispatcher import Dispatcher
from worker.dispatch.poller import Poller
from worker.dispatch.pool_specs import downloads_spec, telegram_connection, telegram_spec
from worker.downloads import workspace
from worker.ledger import Ledger, LedgerBusy, LedgerError, ledger_path
from worker.pool import Pool
from worker.processes import process_setup, process_table, signals
from worker.settings import Settings, SettingsError, load_settings

log = logging.getLogger("bot")

EXIT_STALLED = 70  # EX_SOFTWARE: a thread died or stands still; to be restarted
EXIT_IN_USE = 75  # EX_TEMPFAIL: another bot works here, perhaps not for much longer

LEDGER_TRIES = 30
"""How often a thread tries to open the ledger, a second apart, before it dies."""

STALL_S = 60.0
"""A dispatcher that has not come round for this long does not come round any more."""

JANITOR_STALL_S = 180.0
"""The same for maintenance, which may have to wait for processes that will not die."""

STOP_RESERVE_S = 12.0
"""What the dispatcher needs at most after the grace; with it still below `stopwaitsecs`."""

KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")

PRELOAD = ["worker.dispatch.preload"]


def main(arguments: Sequence[str]) -> int:
    """Run the bot until it is told to stop. Returns the exit code."""
    open_closed_stdio()
    parser = argparse.ArgumentParser(description="A bot that turns links into media.")
    parser.add_argument(
        "--check", action="store_true", help="test the set-up and say what is wrong"
    )
    parser.add_argument("--version", action="version", version=f"fetchbot {__version__}")
    options = parser.parse_args(arguments)
    try:
        settings = load_settings(os.environ, Path(".env"))
    except SettingsError as error:
        if options.check:
            return check.refuse(error)
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return EXIT_CONFIG
    if options.check:
        return check.main(settings)
    logs.configure(settings.secrets)
    for sentence in (*settings.warnings, *check.missing_programs()):
        log.warning("%s", sentence)
    try:
        data_directory.make_private(settings.data_dir)
        lock = data_directory.lock(settings.data_dir)
        data_directory.keep_private(settings.data_dir)
        own_temporary_files(settings.data_dir.resolve() / "tmp")
        ledger = Ledger(ledger_path(settings.data_dir))
        ledger.check()
        ledger.close()
    except BlockingIOError:
        log.error("Another bot works in %s; one directory is for one bot.", settings.data_dir)
        return EXIT_IN_USE
    except LedgerBusy as error:
        log.error("The ledger in %s cannot be used now: %s", settings.data_dir, error)
        return EXIT_IN_USE
    except (OSError, LedgerError) as error:
        log.error("DATA_DIR %s cannot be used: %s", settings.data_dir, error)
        return EXIT_CONFIG
    with lock:
        return Bot(settings).run()


def own_temporary_files(directory: Path) -> None:
    """From now on temporary files are made in `directory`, which is emptied first.

    What a killed bot leaves among the machine's own, multiprocessing's socket above all, nobody
    would remove. Raises OSError.
    """
    workspace.create(directory)
    os.environ["TMPDIR"] = str(directory)  # for the processes below
    # A socket's path has 107 bytes at most (unix(7)), and the directory's own may be longer.
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY)
    tempfile.tempdir = f"/proc/self/fd/{descriptor}"


class Bot:
    """The threads of the main process, and what ends them."""

    def __init__(self, settings: Settings) -> None:
        """Wire everything; nothing is started before `run`."""
        self._settings = settings
        self._tag = process_table.instance_tag(settings.data_dir)
        _keep_out_of_workers()
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOAD)
        self._dispatcher = Dispatcher(
            settings,
            open_ledger=self._open_ledger,
            make_pool=lambda spec: Pool(spec, context),
            telegram=telegram_spec(settings),
            downloads=downloads_spec(settings),
        )
        self._poller = Poller(
            telegram_connection(settings), self._open_ledger, self._dispatcher.wake
        )
        self._janitor = Janitor(settings, self._dispatcher, lambda: self._poller.polled_at)
        self._threads = [
            threading.Thread(target=self._dispatcher.run, name="dispatcher"),
            # The poll may hang in the network for a while, so nothing waits for this thread.
            threading.Thread(target=self._poller.run, name="poll", daemon=True),
            threading.Thread(target=self._janitor.run, name="maintenance", daemon=True),
        ]
        self._signals = 0

    def _open_ledger(self) -> Ledger:
        """A connection for the thread that asks, which waits a while for a full disk to pass."""
        for _ in range(LEDGER_TRIES):
            with contextlib.suppress(LedgerBusy):
                return Ledger(ledger_path(self._settings.data_dir))
            log.error(
                "The ledger cannot be opened, thread %s waits.", threading.current_thread().name
            )
            time.sleep(1.0)
        return Ledger(ledger_path(self._settings.data_dir))

    def run(self) -> int:
        """Start, wait for an end, stop. Returns the exit code."""
        wakeup = self._watch_signals()
        clean_environment(self._tag)
        process_setup.refuse_inspection()
        process_setup.become_subreaper()
        # The lock is ours, so whatever carries the tag is left over from a bot that was killed.
        try:
            if killed := signals.kill_tagged(self._tag):
                log.warning("%d processes of the last run were still there and are gone.", killed)
        except TimeoutError as error:
            log.error("Something of the last run hangs in the kernel: %s", error)
        for thread in self._threads:
            thread.start()
        log.info("The bot has started (pid %d).", os.getpid())
        exitcode = self._watch(wakeup)
        self._poller.stop()
        self._janitor.stop()
        if exitcode == EXIT_STALLED or not self._stop_dispatcher(wakeup):
            # Locks may be held for ever: no clean end is possible, and none is needed, for
            # the ledger knows what to repeat.
            kill_all_below()
            os._exit(EXIT_STALLED)
        kill_all_below()
        log.info("The bot has stopped.")
        return exitcode

    def _watch(self, wakeup: int) -> int:
        """Wait until something ends the bot: 0 for a signal, else what went wrong."""
        while not self._signals:
            _wait(wakeup, 1.0)
            if self._poller.token_refused.is_set() or self._dispatcher.token_refused.is_set():
                log.error("Telegram refuses BOT_TOKEN (401); get a valid one from @BotFather.")
                return EXIT_CONFIG
            if dead := [thread.name for thread in self._threads if not thread.is_alive()]:
                log.critical("Thread %s has died; the bot ends to be restarted.", dead[0])
                return EXIT_STALLED
            if time.monotonic() - self._dispatcher.heartbeat > STALL_S:
                log.critical("The dispatcher stands still; the bot ends to be restarted.")
                return EXIT_STALLED
            if time.monotonic() - self._janitor.heartbeat > JANITOR_STALL_S:
                log.critical("Maintenance stands still; the bot ends to be restarted.")
                return EXIT_STALLED
        return 0

    def _stop_dispatcher(self, wakeup: int) -> bool:
        """Let the jobs in hand finish for the grace; a second signal ends it at once.

        False when the dispatcher is stuck and does not end.
        """
        dispatcher = self._threads[0]
        grace_s = self._settings.shutdown_grace_s
        log.info("Stopping; jobs in hand get %.0f s.", grace_s)
        self._dispatcher.stop(grace_s)
        deadline = time.monotonic() + grace_s + STOP_RESERVE_S
        while dispatcher.is_alive() and time.monotonic() < deadline:
            _wait(wakeup, 0.1)
            if self._signals > 1:
                self._dispatcher.stop_now()
        return not dispatcher.is_alive()

    def _watch_signals(self) -> int:
        """Count SIGTERM and SIGINT. Returns a descriptor that is readable after each."""
        readable, writable = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writable)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._count_signal)
        return readable

    def _count_signal(self, _number: int, _frame: object) -> None:
        self._signals += 1


def open_closed_stdio() -> None:
    """Give a bot that was started with closed standard streams the null device for them.

    Otherwise the next file opened would get the number of one, and be written to as a log.
    """
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # It gets the lowest free number: this one.
        if getattr(sys, name) is None:
            stream = open(descriptor, "r" if descriptor == 0 else "w", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)


def kill_all_below() -> None:
    """End every process below the bot, multiprocessing's own included."""
    try:
        signals.kill_descendants()
    except TimeoutError as error:
        log.error("Something hangs in the kernel and is left behind: %s", error)


def _wait(descriptor: int, timeout_s: float) -> None:
    if select.select([descriptor], [], [], timeout_s)[0]:
        os.read(descriptor, 64)


def _keep_out_of_workers() -> None:
    """Multiprocessing runs the main file again in every worker, unless it is called so.

    Ours has nothing for them: it would cost 6 MB each, and an upgrade on disk would mix new code
    with old.
    """
    sys.modules["__main__"].__spec__ = ModuleSpec("__main__", None)


def clean_environment(tag: str) -> None:
    """Leave to the processes below only what they need, and the tag that shows whose they are."""
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    os.environ.clear()
    os.environ.update(kept, **{process_table.INSTANCE_VARIABLE: tag})
    process_setup.wipe_first_environment()
    # The fork server looks for what it preloads, and says nothing when it does not find it.
    os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parent)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
