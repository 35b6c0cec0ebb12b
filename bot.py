"""The bot's main process: wires everything, starts it, watches it, stops it.

Threads: the long poll, the dispatcher, maintenance, and this one, which waits for signals and
checks that the others are alive.
"""

import argparse
import contextlib
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import NoReturn

from maintenance import check
from maintenance.exit_codes import EXIT_CONFIG, EXIT_NOT_NOW, EXIT_OK, EXIT_STALLED

try:
    from maintenance import runs, thread_watch
    from maintenance.answers import in_use
    from maintenance.janitor import Janitor
    from maintenance.output import try_to_print
    from maintenance.packages import missing_packages
    from maintenance.plugins import missing_plugins
    from maintenance.reporting.reporter import Reporter, report_end
    from maintenance.sites_watch import SitesWatch
    from maintenance.thread_watch import ThreadWatch
    from maintenance.updates.situation import read_situation
    from worker import __version__, clocks, data_directory, logs
    from worker.dispatch.dispatcher import Dispatcher
    from worker.dispatch.poller import Poller
    from worker.dispatch.pool_specs import (
        downloads_spec,
        judge_limits,
        judge_rules,
        telegram_connection,
        telegram_spec,
    )
    from worker.downloads.judge.keeper import JudgeKeeper
    from worker.downloads.ytdlp.packages import copies, plugin_packages
    from worker.errors import PASSING_ERRNOS
    from worker.ledger import Ledger, LedgerBusy, LedgerError, check_access, check_file, ledger_path
    from worker.ledger.storage import lost_file
    from worker.ledger.upkeep.upkeep import Upkeep
    from worker.pool import Pool
    from worker.pool.watched_process import (
        PRELOADED,
        PRELOADING,
        do_without_resource_tracker,
    )
    from worker.processes import process_setup, process_table, signals
    from worker.processes.stop_signals import StopSignals
    from worker.settings import (
        Settings,
        SettingsError,
        SitesFile,
        read_settings,
    )
    from worker.telegram import command_menus
except ImportError as error:
    # A missing package is one of the things that `--check` looks for.
    if "--check" not in sys.argv[1:]:
        raise
    sys.exit(check.main_without_packages(error))

log = logging.getLogger("bot")

DOTENV = Path(".env")

LEDGER_PATIENCE_S = 45.0
"""How long a thread tries to open the ledger before it dies; it counts as stuck a little later."""

DISPATCHER_STOP_S = 12.0
"""How long the dispatcher may take after SHUTDOWN_GRACE; both together are below `stopwaitsecs`."""

JANITOR_PATIENCE_S = 2.0
"""How long a stop waits for a maintenance step to end and close the ledger."""

KEPT_VARIABLES = (
    *("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    copies.VARIABLE,
)
"""The environment variables that the processes below the bot get."""

PRELOAD = [PRELOADING, "worker.dispatch.preload_copy", "worker.dispatch.preload", PRELOADED]
"""What the fork server imports before it forks the first worker."""


def main(arguments: Sequence[str]) -> int:
    """Run the bot until it is told to stop. Returns the exit code."""
    process_setup.open_closed_stdio()
    parser = argparse.ArgumentParser(description="A bot that turns links into media.")
    parser.add_argument(
        "--check", action="store_true", help="test the set-up and say what is wrong"
    )
    parser.add_argument(
        "--version", action="store_true", help="show the bot's and yt-dlp's version"
    )
    options = parser.parse_args(arguments)
    settings, problems = read_settings(os.environ, DOTENV)
    copies.tell(settings.data_dir)
    if options.version:
        versions = f"fetchbot {__version__}\n{in_use(read_situation(settings.data_dir))}"
        return EXIT_OK if try_to_print(lambda: print(versions)) else EXIT_CONFIG
    if options.check:
        return check.main(settings, problems)
    try:
        if problems := problems or _missing(settings):
            raise SettingsError(problems)
        sites_watch = SitesWatch(SitesFile.beside(settings.data_dir, DOTENV))
    except SettingsError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        report_end(settings, "\n".join(error.problems))
        return EXIT_CONFIG
    sites = sites_watch.sites
    logs.configure((*settings.secrets, *sites.secrets), form=settings.log_format)
    for sentence in (*settings.warnings, *sites.warnings, *check.missing_programs()):
        log.warning("%s", sentence)
    return _run_locked(settings, sites_watch)


def _missing(settings: Settings) -> tuple[str, ...]:
    """What the bot cannot run without and this machine does not have, a sentence each."""
    if refusal := signals.refusal():
        return (refusal,)
    return missing_packages() or missing_plugins(settings.ytdlp_plugins)


def _run_locked(settings: Settings, sites_watch: SitesWatch) -> int:
    """Run the bot while it holds the lock of its directory. Returns the exit code."""
    data_dir = settings.data_dir
    try:
        data_directory.make_private(data_dir)
        data_directory.refuse_root(data_dir)
        lock = data_directory.lock(data_dir)
        data_directory.keep_lock(lock)
        data_directory.keep_private(data_dir)
        data_directory.use_for_temporary_files(data_dir)
        check_access(ledger_path(data_dir))
        check_file(ledger_path(data_dir))
        Ledger(ledger_path(data_dir)).close()
        # Before the start is counted: one that a signal ended after that would look like a crash.
        stop_signals = StopSignals()
        last_run_problem = _note_start(settings)
    except BlockingIOError:
        problem = f"Another bot uses DATA_DIR {data_dir}; each bot needs its own."
        return _give_up(settings, EXIT_NOT_NOW, problem)
    except LedgerBusy as error:
        problem = f"The ledger in {data_dir} cannot be used for now: {error}"
        return _give_up(settings, EXIT_NOT_NOW, problem)
    except (OSError, LedgerError) as error:
        is_passing = isinstance(error, OSError) and error.errno in PASSING_ERRNOS
        problem = f"DATA_DIR {data_dir} cannot be used: {error}"
        return _give_up(settings, EXIT_NOT_NOW if is_passing else EXIT_CONFIG, problem)
    with lock:
        try:
            bot = Bot(settings, sites_watch, last_run_problem, stop_signals)
        except OSError as error:
            short_of = "processes, memory or file descriptors"
            problem = f"The bot cannot start now, the machine is short of {short_of}: {error}"
            return _give_up(settings, EXIT_NOT_NOW, problem, stop_signals)
        return _end(data_dir, bot.run(), stop_signals)


def _give_up(
    settings: Settings, exitcode: int, problem: str, stop_signals: StopSignals | None = None
) -> int:
    """Say why the bot cannot run, and end this run. Returns the exit code."""
    log.error("%s", problem)
    report_end(settings, problem)
    if exitcode == EXIT_CONFIG:
        return exitcode
    return _end(settings.data_dir, exitcode, stop_signals)


def _note_start(settings: Settings) -> str | None:
    """Count this start. Returns what was wrong with the end of the last run, if anything."""
    data_dir, wall = settings.data_dir, clocks.wall_clock()
    try:
        with Upkeep(ledger_path(data_dir)) as ledger:
            last_end = runs.note_start(ledger, data_dir, wall)
            fingerprint = command_menus.fingerprint(settings.bot_id, settings.admins)
            ledger.want_menus(fingerprint, settings.admins, wall)
    except LedgerBusy as error:
        # The threads wait until it can be written.
        log.error("This start is not counted, the ledger cannot be written: %s", error)
        return None
    if last_end is None:
        return None
    log.info("How the last run ended: %s.", last_end)
    return None if last_end == runs.STOPPED else f"how the last run ended: {last_end}"


def _end(data_dir: Path, exitcode: int, stop_signals: StopSignals | None) -> int:
    """Note this run's end, wait if a supervisor would restart it at once, return the exit code.

    A stop, which may have been asked for already, need not wait for that.
    """
    pause_s = runs.note_end(data_dir, exitcode, clocks.wall_clock())
    if not pause_s:
        return exitcode
    for number in (signal.SIGTERM, signal.SIGINT):
        # Not by the default action: process 1 of a container ignores that (pid_namespaces(7)).
        signal.signal(number, lambda *_: os._exit(EXIT_OK))
    if stop_signals and stop_signals.count:
        return EXIT_OK
    log.warning("The bot ends with exit code %d in %.0f s.", exitcode, pause_s)
    time.sleep(pause_s)
    return exitcode


class Bot:
    """The threads of the main process, and what ends them."""

    def __init__(
        self,
        settings: Settings,
        sites_watch: SitesWatch,
        last_run_problem: str | None,
        stop_signals: StopSignals,
    ) -> None:
        """Wire everything; nothing is started before `run`.

        `last_run_problem` is what was wrong with the end of the last run, if anything.
        """
        self._settings = settings
        self._stop_signals = stop_signals
        self._tag = process_table.instance_tag(settings.data_dir)
        _hide_main_module()
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOAD)
        do_without_resource_tracker()
        rules, limits = judge_rules(settings), judge_limits(settings)
        judge = JudgeKeeper(context, rules, limits, settings.log_format)
        self._dispatcher = Dispatcher(
            settings,
            open_ledger=self._open_ledger,
            make_pool=lambda spec: Pool(spec, context),
            telegram=telegram_spec(settings),
            downloads=downloads_spec(settings, judge.address),
            judge=judge,
            sites=sites_watch.sites,
        )
        self._poller = Poller(
            telegram_connection(settings),
            self._open_ledger,
            self._dispatcher.wake,
            self._dispatcher.reachability,
        )
        self._watch = ThreadWatch()
        self._reporter = Reporter(settings, self._watch.find_stuck, last_run_problem)
        self._janitor = Janitor(
            settings,
            self._dispatcher,
            lambda: self._poller.polled_at,
            sites_watch,
            self._reporter.condition.note,
        )
        self._dispatcher_thread = threading.Thread(target=self._dispatcher.run, name="dispatcher")
        self._janitor_thread = threading.Thread(
            target=self._janitor.run, name="maintenance", daemon=True
        )
        # A stop does not wait for it, since a poll may block in the network for a while.
        poll_thread = threading.Thread(target=self._poller.run, name="poll", daemon=True)
        self._watch.add(
            self._dispatcher_thread,
            lambda: self._dispatcher.heartbeat,
            thread_watch.DISPATCHER_STALL_S,
        )
        self._watch.add(poll_thread)
        self._watch.add(
            self._janitor_thread, lambda: self._janitor.heartbeat, thread_watch.JANITOR_STALL_S
        )

    def run(self) -> int:
        """Start, wait for a reason to stop, stop. Returns the exit code."""
        try:
            return self._run()
        except Exception:
            problem = "The main thread has failed; the bot exits to be restarted."
            log.critical("%s", problem, exc_info=True)
            with contextlib.suppress(Exception):  # Nothing may keep the bot from ending.
                report_end(self._settings, problem)
            self._exit_at_once()

    def _run(self) -> int:
        self._set_up_process()
        self._watch.start()
        self._reporter.start()
        log.info("The bot has started (pid %d).", os.getpid())
        exitcode = self._await_end()
        self._reporter.stop()
        self._poller.stop()
        self._janitor.stop()
        if exitcode == EXIT_STALLED or not self._stop_dispatcher():
            self._exit_at_once()
        _kill_descendants()
        self._janitor_thread.join(JANITOR_PATIENCE_S)
        log.info("The bot has stopped.")
        return exitcode

    def _exit_at_once(self) -> NoReturn:
        """Exit without waiting for threads: one that is stuck may hold locks for ever.

        Nothing is lost, since the ledger knows what to repeat.
        """
        _kill_descendants()
        os._exit(_end(self._settings.data_dir, EXIT_STALLED, self._stop_signals))

    def _set_up_process(self) -> None:
        process_setup.clean_environment(KEPT_VARIABLES)
        os.environ[process_table.INSTANCE_VARIABLE] = self._tag
        plugin_packages.allow(self._settings.ytdlp_plugins)
        # The fork server silently skips a module to preload that it does not find.
        os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parent)
        process_setup.refuse_inspection()
        process_setup.become_subreaper()
        # We hold the lock, so processes with our tag are left over from a bot that was killed.
        try:
            if killed := signals.kill_tagged(self._tag):
                log.warning("Killed %d processes that were left over from the last run.", killed)
        except TimeoutError as error:
            log.error("A process of the last run hangs in the kernel: %s", error)

    def _open_ledger(self) -> Ledger:
        """Open the ledger for the calling thread; retry while it is locked or the disk is full."""
        deadline = time.monotonic() + LEDGER_PATIENCE_S
        while time.monotonic() < deadline:
            with contextlib.suppress(LedgerBusy):
                return Ledger(ledger_path(self._settings.data_dir))
            name = threading.current_thread().name
            log.error("Thread %s cannot open the ledger and tries again.", name)
            time.sleep(1.0)
        return Ledger(ledger_path(self._settings.data_dir))

    def _await_end(self) -> int:
        """Wait for a reason to stop. Returns the exit code."""
        while not self._stop_signals.count:
            self._stop_signals.wait(1.0)
            while self._stop_signals.unheeded:
                log.warning(
                    "%s changes nothing: sites.toml is read when it changes, all other settings "
                    "at a start, so restart the bot (supervisorctl restart fetchbot).",
                    self._stop_signals.unheeded.pop(0),
                )
            if self._poller.token_refused.is_set():
                problem = "Telegram refuses BOT_TOKEN (401); get a valid one from @BotFather."
                log.error("%s", problem)
                report_end(self._settings, problem)
                return EXIT_CONFIG
            if self._janitor.ledger_lost.is_set():
                self._leave_lost_ledger()
            now = clocks.monotonic()
            self._watch.beat(now)
            if stuck := self._watch.find_stuck(now):
                log.critical("%s; the bot exits to be restarted.", stuck)
                report_end(self._settings, stuck)
                return EXIT_STALLED
            self._reporter.beat(now)
        return EXIT_OK

    def _leave_lost_ledger(self) -> NoReturn:
        """Save the ledger if it was deleted, and end: nothing can be recorded before a restart."""
        path = ledger_path(self._settings.data_dir)
        problem = (
            f"Somebody has replaced or removed {path}, or its directory, while the bot ran; "
            "the bot exits to be restarted with what is there."
        )
        try:
            if saved := lost_file.save(path):
                problem = f"{problem} What it had recorded is in {saved}."
        except (LedgerBusy, OSError) as error:
            problem = f"{problem} What it had recorded could not be saved: {error}"
        log.critical("%s", problem)
        report_end(self._settings, problem)
        self._exit_at_once()

    def _stop_dispatcher(self) -> bool:
        """Let running jobs finish within the grace, or stop at once after a second signal.

        False when the dispatcher does not end.
        """
        grace_s = self._settings.shutdown_grace_s
        log.info("Stopping; running jobs have %.0f s to finish.", grace_s)
        self._dispatcher.stop(grace_s)
        deadline = time.monotonic() + grace_s + DISPATCHER_STOP_S
        while self._dispatcher_thread.is_alive() and time.monotonic() < deadline:
            self._stop_signals.wait(0.1)
            if self._stop_signals.count > 1:
                self._dispatcher.stop_now()
        return not self._dispatcher_thread.is_alive()


def _kill_descendants() -> None:
    """Kill all processes below the bot, including multiprocessing's own."""
    try:
        signals.kill_descendants()
    except OSError as error:  # One that hangs in the kernel is a TimeoutError.
        log.error("A process may be left behind: %s", error)


def _hide_main_module() -> None:
    """Keep multiprocessing from running this file again in every worker.

    No worker needs it: it would take 6 MB in each, and after an upgrade on disk they would mix new
    code with old.
    """
    sys.modules["__main__"].__spec__ = ModuleSpec("__main__", None)


if __name__ == "__main__":
    is_supervised = "SUPERVISOR_ENABLED" in os.environ
    exitcode = main(sys.argv[1:])
    if is_supervised:
        runs.outlast_start()
    sys.exit(exitcode)
