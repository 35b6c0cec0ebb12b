"""`python bot.py --check`: look at everything that the bot needs, and say what is wrong.

Each line says what to do about one thing. They come in the order in which things are set up:
kernel, programs, packages, settings, directories, and the token last. It works without any package.
Nothing is changed, except that a missing data directory is made, for the owner of its parent. Only
the checks of the token and of what plugins reach use the network.
"""

import configparser
import itertools
import os
import shlex
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from maintenance import disk, limits, machine, runs
from maintenance.exit_codes import EXIT_CONFIG, EXIT_INTERRUPTED, EXIT_OK
from maintenance.findings import Finding, Level, critical, ok, warning, worst
from maintenance.output import escape_unprintable, hang, redacted_line, try_to_print
from maintenance.packages import (
    broken_packages,
    check_certificates,
    check_packages,
    pip_install,
)
from maintenance.plugins import check_endpoints, check_plugins
from maintenance.programs import check_ffmpeg, check_javascript, check_ytdlp
from maintenance.service_files import STOP_RESERVE_S
from worker import ROOT, data_directory
from worker.clocks import wall_clock
from worker.cookie_file import open_to_read, usable
from worker.dispatch.disk_space import free_files
from worker.downloads.confinement import network
from worker.downloads.ytdlp.packages import copies
from worker.errors import JobError, TelegramBusy, TelegramUnauthorized, TelegramUnreachable
from worker.file_owner import account_name
from worker.ledger import LedgerBusy, LedgerError, check_access, check_file, ledger_path
from worker.logs import redact
from worker.processes import signals
from worker.settings import (
    MEBIBYTE,
    VARIABLES,
    Settings,
    SettingsError,
    Site,
    SitesFile,
    read_settings,
)
from worker.settings.sites_file import NAME

# More characters than any file with cookies has.
_MOST_COOKIES = 16 * MEBIBYTE

# What the bot writes there. The ledger has a check of its own, and what else there is may be the
# operator's, such as a backup or `sites.toml`.
_WRITTEN_IN_DATA_DIR = (
    *(data_directory.LOCK_NAME, data_directory.TEMPORARY_NAME, runs.ENDS),
    *("cookies", "downloads", "downloads/*", copies.DIRECTORY),
)


@dataclass(frozen=True)
class StopLimit:
    """Which key of which file says how long a supervisor waits before it kills the bot."""

    file: Path
    section: str
    key: str


_STOP_LIMITS = (
    StopLimit(Path("/etc/supervisor/conf.d/fetchbot.conf"), "program:fetchbot", "stopwaitsecs"),
    StopLimit(Path("/etc/systemd/system/fetchbot.service"), "Service", "TimeoutStopSec"),
    # Nothing is installed yet, or under another name.
    StopLimit(ROOT / "supervisor.conf", "program:fetchbot", "stopwaitsecs"),
)


def main(settings: Settings, problems: Sequence[str] = ()) -> int:
    """Check everything and print it. Returns the exit code: 0, or 78 if anything is critical.

    `problems` are those of settings that could not be read.
    """
    try:
        findings = run_checks(settings, problems)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    if not try_to_print(lambda: print_findings(findings, settings.secrets)):
        return EXIT_CONFIG
    return exit_code(findings)


def main_without_packages(error: ImportError) -> int:
    """Check what is possible where the bot cannot be imported, because of `error`.

    Raises `error` if no package is to blame.
    """
    if not broken_packages():
        raise error
    return main(*read_settings(os.environ, Path(".env")))


def print_findings(findings: Iterable[Finding], secrets: Sequence[str] = ()) -> None:
    """Print a line for each finding, without `secrets` or anything else that logs leave out."""
    escape_unprintable()
    for finding in findings:
        text = redacted_line(redact(finding.text, secrets))
        print(hang(f"{finding.level.word:<8} {finding.name:<14} ", text))


def missing_programs() -> list[str]:
    """What is wrong with ffmpeg and ffprobe, if anything, to be logged at a start."""
    found = check_ffmpeg()
    return [] if found.level is Level.OK else [found.text]


def exit_code(findings: Iterable[Finding]) -> int:
    """78 if any of the findings is critical, else 0: a bot may start with warnings."""
    return EXIT_CONFIG if worst(findings) is Level.CRITICAL else EXIT_OK


def run_checks(
    settings: Settings,
    problems: Sequence[str] = (),
    ask_telegram: Callable[[Settings], str] | None = None,
) -> list[Finding]:
    """Run all checks. `ask_telegram` returns the bot's own name, as `getMe` has it."""
    findings = local_checks(settings, problems)
    if problems or broken_packages():
        return findings  # There is no valid token to ask with.
    endpoints = check_endpoints(settings.ytdlp_plugin_endpoints)
    return [*findings, *endpoints, check_token(settings, ask_telegram or _ask_telegram)]


def local_checks(settings: Settings, problems: Sequence[str] = ()) -> list[Finding]:
    """Run the checks that need no network; they take about a second."""
    return [
        *check_user(),
        *check_kernel(),
        check_ffmpeg(),
        check_packages(),
        check_ytdlp(),
        check_certificates(),
        check_javascript(settings.download_memory_mib),
        *check_settings(settings, problems),
        *check_plugins(settings.ytdlp_plugins),
        *check_sites(SitesFile.beside(settings.data_dir, Path(".env"))),
        *check_admins(settings.admins),
        *check_memory(settings, machine.memory_bytes(machine.physical_memory_bytes())),
        *check_proxies(settings),
        check_data_dir(settings.data_dir),
        *check_ledger(ledger_path(settings.data_dir)),
        check_disk(settings),
        *check_cookies(settings.cookies_file),
        check_shutdown_grace(settings.shutdown_grace_s),
        *check_landlock(),
        check_network(),
    ]


def check_settings(settings: Settings, problems: Sequence[str] = ()) -> list[Finding]:
    """Name what is wrong, or else what differs from the defaults, and add what is doubtful."""
    warnings = [warning("settings", sentence) for sentence in settings.warnings]
    if problems:
        return [*(critical("settings", problem) for problem in problems), *warnings]
    changed = [
        variable.name
        for variable in VARIABLES
        if not variable.is_default(getattr(settings, variable.field))
    ]
    return [ok("settings", f"valid; given: {', '.join(changed)}"), *warnings]


def check_user() -> list[Finding]:
    """Warn of root, whose files the bot's own user cannot change."""
    if os.geteuid():
        return []
    lines = "maintenance/README.md#on-a-server"
    text = f"this is root: the bot has a user of its own (runuser -u fetchbot -- …, see {lines})"
    return [warning("user", text)]


def check_kernel() -> list[Finding]:
    """Check that the bot can end processes; no finding if it can."""
    refusal = signals.refusal()
    return [critical("kernel", refusal)] if refusal else []


def check_admins(admins: Collection[int]) -> list[Finding]:
    """Warn of a bot that has nobody to alert."""
    if admins:
        return []
    return [warning("ADMINS", "empty, so nobody gets alerts: set it to your numeric user id")]


def check_memory(settings: Settings, machine_bytes: int) -> list[Finding]:
    """Warn if all limits together exceed the memory of the machine or the container."""
    max_mib = (
        settings.download_workers * settings.download_memory_mib
        + settings.telegram_workers * settings.telegram_memory_mib
        + limits.MAIN_MEMORY_MIB
    )
    if max_mib * MEBIBYTE <= machine_bytes:
        return []
    text = (
        f"the limits allow {max_mib} MB, and the bot can have {machine_bytes // MEBIBYTE} MB: "
        "lower DOWNLOAD_WORKERS or DOWNLOAD_MEMORY_MB"
    )
    return [warning("memory", text)]


def check_ledger(path: Path) -> list[Finding]:
    """Check that the ledger can be opened and is whole; no finding where there is none yet."""
    if not path.exists():
        return []
    try:
        check_access(path)
        check_file(path)
    except LedgerBusy as error:
        return [warning("ledger", f"{path} cannot be checked now: {error}")]
    except LedgerError as error:
        return [critical("ledger", str(error))]
    return [ok("ledger", str(path))]


def check_proxies(settings: Settings) -> list[Finding]:
    """Name the proxies, and check that they can be used; no finding if there are none."""
    to_telegram, to_sites = settings.proxy_to_telegram, settings.proxy_to_sites
    if not find_spec("socks") and not broken_packages():
        # Downloads need no package: the judge has a SOCKS client of its own.
        for proxy, purpose, finding in (
            (to_telegram, "Telegram", critical),
            (settings.proxy if settings.health_url else None, "HEALTH_URL", critical),
            (to_sites, "updates of yt-dlp", warning),
        ):
            if urlsplit(proxy or "").scheme.startswith("socks"):
                install = f"{pip_install()} PySocks"
                text = f"{_place(proxy)} needs one more package for {purpose}: {install}"
                return [finding("proxy", text)]
    if to_telegram == to_sites:
        return [ok("proxy", _place(to_telegram))] if to_telegram else []
    text = f"to Telegram {_place(to_telegram)}, for downloads {_place(to_sites)}"
    return [ok("proxy", text)]


def _place(proxy: str | None) -> str:
    """A proxy without its login."""
    parts = urlsplit(proxy or "")
    return f"{parts.scheme}://{parts.hostname}:{parts.port}" if proxy else "none"


def check_data_dir(path: Path) -> Finding:
    """Check that DATA_DIR exists (it is made if missing), is private, and can be written."""
    try:
        data_directory.make_private(path)
        mode = stat.S_IMODE(path.stat().st_mode)
        # The mode is not enough: root may always write, and nobody on a read-only file system.
        with tempfile.NamedTemporaryFile(dir=path, prefix=".check-") as probe:
            probe.write(b"ok")
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        return critical("DATA_DIR", f"{path} cannot be written: {error.strerror}")
    try:
        data_directory.refuse_root(path)
    except PermissionError as error:
        return critical("DATA_DIR", f"{path}: {error}")
    if closed := _closed_below(path):
        names, user = ", ".join(closed), os.geteuid()
        text = f"{names} in it cannot be written, somebody else has run the bot"
        chown = f"chown -R {account_name(user) or user} {shlex.quote(str(path))}"
        return critical("DATA_DIR", f"{text}: {chown}")
    if mode & 0o077:
        close = f"chmod 700 {shlex.quote(str(path))}"
        return warning("DATA_DIR", f"{path} is open to others ({mode:04o}): {close}")
    return ok("DATA_DIR", str(path))


def _closed_below(data_dir: Path) -> list[str]:
    """The first three of what the bot writes there and this user may not change."""
    entries = (entry for pattern in _WRITTEN_IN_DATA_DIR for entry in data_dir.glob(pattern))
    closed = (os.fspath(entry.relative_to(data_dir)) for entry in entries if _is_closed(entry))
    return list(itertools.islice(closed, 3))


def _is_closed(path: Path) -> bool:
    """Whether it is somebody else's, and this user may not change it."""
    try:
        is_own = path.lstat().st_uid == os.geteuid()
    except FileNotFoundError:
        return False  # A download may have ended just now.
    return not is_own and not os.access(path, os.R_OK | os.W_OK)


def check_disk(settings: Settings) -> Finding:
    """Check the free space where DATA_DIR is or would be."""
    path = settings.data_dir
    while not path.exists() and path != path.parent:
        path = path.parent
    try:
        usage, files = shutil.disk_usage(path), free_files(path)
    except OSError as error:
        return critical("disk", f"the free space at {path} cannot be read: {error.strerror}")
    return disk.assess(usage.free, usage.total, files, settings.answer_bytes, running=0)


def check_sites(file: SitesFile) -> list[Finding]:
    """Name the sites that have settings, or what is wrong with these.

    No finding if there are none.
    """
    try:
        sites = file.load()
    except SettingsError as error:
        return [critical(NAME, each.removeprefix(f"{NAME} ")) for each in error.problems]
    if not sites.named:
        return []
    named = ", ".join(f"{name} (off)" if sites[name].off else name for name in sorted(sites.named))
    return [
        ok(NAME, f"valid; names {named}"),
        *(warning(NAME, each.removeprefix(f"{NAME} ")) for each in sites.warnings),
        *(finding for site in sites.named.values() for finding in _check_site(site)),
    ]


def _check_site(site: Site) -> Iterator[Finding]:
    # Only downloads use a site's proxy, and these need no package for it.
    for finding in check_cookies(site.cookies, site.name):
        if finding.level is not Level.OK:
            yield replace(finding, name=NAME, text=f"{site.name}: {finding.text}")


def check_cookies(path: Path | None, site: str | None = None) -> list[Finding]:
    """Check that a file can be read and has cookies, those of `site` if that is named.

    No finding without a file.
    """
    if path is None:
        return []
    try:
        with open(open_to_read(path), encoding="utf-8-sig", errors="replace") as opened:
            content = opened.read(_MOST_COOKIES)
            mode = os.fstat(opened.fileno()).st_mode
    except OSError as error:
        return [critical("COOKIES_FILE", f"{path} cannot be read: {error.strerror}")]
    found, over = usable(content, wall_clock())
    is_empty = all(line.startswith("#") for line in content.splitlines() if line.strip())
    if not content.strip() or not (found or over or is_empty):
        return [critical("COOKIES_FILE", f"{path} is not in Netscape format: export it again")]
    if site in over:
        text = f"the cookies in {path} have expired: export them again"
        return [warning("COOKIES_FILE", text)]
    if site and site not in found:
        text = f"{path} has no cookies of this site: export them again"
        return [warning("COOKIES_FILE", text)]
    if mode & stat.S_IROTH:
        close = f"chmod 600 {shlex.quote(str(path))}"
        return [warning("COOKIES_FILE", f"everyone may read {path}: {close}")]
    return [ok("COOKIES_FILE", str(path))]


def check_shutdown_grace(grace_s: float, places: Sequence[StopLimit] = _STOP_LIMITS) -> Finding:
    """Check that SHUTDOWN_GRACE ends before the bot is killed.

    The first of `places` that exists says when that is.
    """
    limit = next((each for each in places if os.path.exists(each.file)), places[-1])
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";",), strict=False)
    try:
        parser.read(limit.file, "utf-8")
        patience_s = parser.getfloat(limit.section, limit.key)
    except (configparser.Error, OSError, ValueError):
        text = f"{grace_s:g} s (no {limit.key} in {limit.file} to compare with)"
        return ok("SHUTDOWN_GRACE", text)
    sentence = f"{grace_s:g} s, and by {limit.file} the bot is killed after {patience_s:g} s"
    if grace_s + STOP_RESERVE_S > patience_s:
        return warning("SHUTDOWN_GRACE", f"{sentence}: raise {limit.key} there")
    return ok("SHUTDOWN_GRACE", sentence)


def check_landlock() -> list[Finding]:
    """Check how well the kernel confines downloads.

    No finding where packages are missing that this needs.
    """
    try:
        from worker.downloads.confinement import isolation, landlock
    except ImportError:
        return []
    return [machine.confinement("landlock", landlock.abi(), isolation.shortcoming())]


def check_network() -> Finding:
    """Find out what keeps the native code of downloads from the network."""
    try:
        return machine.network("network", network.active())
    except OSError as error:
        return critical("network", f"what keeps downloads from it cannot be tested: {error}")


def check_token(settings: Settings, ask_telegram: Callable[[Settings], str]) -> Finding:
    """Ask Telegram for the bot's name, which it tells only to a valid token."""
    where = settings.telegram_api_url
    try:
        name = ask_telegram(settings)
    except TelegramUnauthorized:
        return critical("token", f"{where} does not accept it: ask @BotFather for a valid one")
    except TelegramBusy as busy:
        return warning("token", f"{where} asks to wait {busy.retry_after_s:g} s: check again then")
    except TelegramUnreachable as error:
        return critical("token", f"{where} does not answer, check network and proxy: {error}")
    except JobError as error:
        return critical("token", f"{where} refuses, is it a Bot API server? {error}")
    return ok("token", f"@{name} at {where}")


def _ask_telegram(settings: Settings) -> str:
    # Imported here: no other check needs pyTelegramBotAPI.
    from worker.dispatch.pool_specs import telegram_connection
    from worker.telegram.long_poll import LongPoll

    return str(LongPoll(telegram_connection(settings)).get_me()["username"])
