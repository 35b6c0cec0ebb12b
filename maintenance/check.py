"""`python bot.py --check`: looks at everything the bot needs and says what is wrong.

One line for each thing, in words that say what to do. Nothing is changed, except that a missing
data directory is made. `local_checks` does without the network; the rest asks Telegram once.
"""

import configparser
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from maintenance.findings import Check, State, failed, ok, print_checks, warning
from maintenance.programs import check_ffmpeg, check_js_runtime, check_ytdlp
from worker.downloads.confinement import isolation, landlock
from worker.errors import JobError, TelegramBusy, TelegramUnauthorized, TelegramUnreachable
from worker.settings import MEBIBYTE, VARIABLES, Settings, SettingsError

EXIT_OK = 0
EXIT_CONFIG = 78  # EX_CONFIG of sysexits.h; supervisor.conf lets a bot rest that ends so

_DISK_FAILED_BYTES = 100 * MEBIBYTE
_DISK_WARNING_BYTES = 1024 * MEBIBYTE
_DISK_WARNING_PERCENT = 10
# What the bot may take after the grace, for killing and putting back; its own limit for that is
# `STOP_RESERVE_S` in bot.py.
_AFTER_GRACE_S = 15.0
_SUPERVISOR_CONF = Path(__file__).parent.parent / "supervisor.conf"


def main(settings: Settings) -> int:
    """Checks everything, prints it, and answers with the exit code: 0, or 78 if any failed."""
    checks = run_checks(settings)
    print_checks(checks, settings.secrets)
    return exit_code(checks)


def refuse(error: SettingsError) -> int:
    """Prints what is wrong with settings that could not even be read; answers with 78."""
    print_checks(failed("settings", problem) for problem in error.problems)
    return EXIT_CONFIG


def missing_programs() -> list[str]:
    """What a start has to warn of: a sentence for ffmpeg and ffprobe each, if it is missing."""
    found = check_ffmpeg()
    return [f"{each.name} is {each.sentence}" for each in found if each.state is not State.OK]


def exit_code(checks: Sequence[Check]) -> int:
    """0, or 78 if any of them failed. Warnings are for reading."""
    return EXIT_CONFIG if any(check.state is State.FAILED for check in checks) else EXIT_OK


def run_checks(
    settings: Settings, ask_telegram: Callable[[Settings], str] | None = None
) -> list[Check]:
    """All checks. `ask_telegram` answers with the bot's own name, as `getMe` gives it."""
    return [*local_checks(settings), check_token(settings, ask_telegram or _ask_telegram)]


def local_checks(settings: Settings) -> list[Check]:
    """The checks that need no network; about a second in all."""
    return [
        *check_settings(settings),
        *check_proxy(settings.proxy),
        check_data_dir(settings.data_dir),
        check_disk(settings.data_dir),
        *check_cookies(settings.cookies_file),
        check_shutdown_grace(settings.shutdown_grace_s),
        check_landlock(),
        *check_ffmpeg(),
        check_ytdlp(),
        check_js_runtime(settings.download_memory_mb),
    ]


def check_settings(settings: Settings) -> list[Check]:
    """Which settings are not the defaults, and what the settings themselves warn of."""
    changed = [
        variable.name
        for variable in VARIABLES
        if not variable.is_default(getattr(settings, variable.field))
    ]
    return [
        ok("settings", f"valid; given: {', '.join(changed)}"),
        *(warning("settings", sentence) for sentence in settings.warnings),
    ]


def check_proxy(proxy: str | None) -> list[Check]:
    """The proxy's kind is one that all of the bot can use; silent without a proxy."""
    if proxy is None:
        return []
    parts = urlsplit(proxy)
    place = f"{parts.scheme}://{parts.hostname}:{parts.port}"
    if parts.scheme.startswith("socks") and find_spec("socks") is None:
        # yt-dlp has its own SOCKS client, requests borrows PySocks.
        return [failed("proxy", f"{place} needs one more package: pip install PySocks")]
    return [ok("proxy", place)]


def check_data_dir(path: Path) -> Check:
    """DATA_DIR is there (made if missing), ours alone, and really takes a file."""
    try:
        make_private_directory(path)
        mode = stat.S_IMODE(path.stat().st_mode)
        # Asking the mode is not enough: root may always, a read-only file system never.
        with tempfile.NamedTemporaryFile(dir=path, prefix=".check-") as probe:
            probe.write(b"ok")
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        return failed("DATA_DIR", f"{path} cannot be written: {error.strerror}")
    if mode & 0o077:
        return warning("DATA_DIR", f"{path} is open to others ({mode:04o}): chmod 700 {path}")
    return ok("DATA_DIR", str(path))


def make_private_directory(path: Path) -> None:
    """Makes `path` and what is missing above it, for this user alone. Raises OSError."""
    for directory in (*reversed(path.parents), path):
        if not directory.exists():
            directory.mkdir(0o700, exist_ok=True)
    if not path.is_dir():
        raise NotADirectoryError(20, "Not a directory", str(path))


def check_disk(path: Path) -> Check:
    """Room for downloads, measured where DATA_DIR is or would be."""
    while not path.exists() and path != path.parent:
        path = path.parent
    try:
        usage = shutil.disk_usage(path)
    except OSError as error:
        return failed("disk", f"the free room at {path} cannot be read: {error.strerror}")
    percent = 100 * usage.free / usage.total if usage.total else 0
    sentence = f"{usage.free / MEBIBYTE:.0f} MB free at {path}, {percent:.0f} % of the disk"
    if usage.free < _DISK_FAILED_BYTES:
        return failed("disk", f"{sentence}: make room")
    if usage.free < _DISK_WARNING_BYTES or percent < _DISK_WARNING_PERCENT:
        return warning("disk", f"{sentence}: make room soon")
    return ok("disk", sentence)


def check_cookies(path: Path | None) -> list[Check]:
    """COOKIES_FILE can be read and looks like cookies; silent without one. Shows none of it."""
    if path is None:
        return []
    try:
        with path.open("rb") as opened:
            start = opened.read(4096).lstrip()
            mode = os.fstat(opened.fileno()).st_mode
    except OSError as error:
        return [failed("COOKIES_FILE", f"{path} cannot be read: {error.strerror}")]
    if not start or start.startswith((b"[", b"{")):
        return [failed("COOKIES_FILE", f"{path} is not in Netscape format: export it anew")]
    if mode & stat.S_IROTH:
        return [warning("COOKIES_FILE", f"everyone may read {path}: chmod 600 {path}")]
    return [ok("COOKIES_FILE", str(path))]


def check_shutdown_grace(grace_s: float, conf: Path = _SUPERVISOR_CONF) -> Check:
    """SHUTDOWN_GRACE ends before supervisor kills, by the supervisor.conf beside the bot."""
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";",))
    try:
        parser.read(conf, "utf-8")
        patience_s = parser.getfloat("program:fetchbot", "stopwaitsecs")
    except (configparser.Error, OSError, ValueError):
        return ok("SHUTDOWN_GRACE", f"{grace_s:g} s (no stopwaitsecs in {conf} to compare with)")
    sentence = f"{grace_s:g} s, and supervisor kills after {patience_s:g} s"
    if grace_s + _AFTER_GRACE_S > patience_s:
        return warning("SHUTDOWN_GRACE", f"{sentence}: raise stopwaitsecs in {conf.name}")
    return ok("SHUTDOWN_GRACE", sentence)


def check_landlock() -> Check:
    """The kernel confines downloads, as far as the bot knows how to ask it to."""
    if shortcoming := isolation.shortcoming():
        return warning("Landlock", f"{shortcoming}: a newer kernel does more")
    return ok("Landlock", f"ABI {landlock.abi()}: a download is confined to its own directory")


def check_token(settings: Settings, ask_telegram: Callable[[Settings], str]) -> Check:
    """Telegram knows the token."""
    where = settings.telegram_api_url
    try:
        name = ask_telegram(settings)
    except TelegramUnauthorized:
        return failed("token", f"{where} does not accept it: ask @BotFather for a valid one")
    except TelegramBusy as busy:
        return warning("token", f"{where} asks to wait {busy.retry_after_s:g} s: check again then")
    except TelegramUnreachable as error:
        return failed("token", f"{where} does not answer, check network and PROXY: {error}")
    except JobError as error:
        return failed("token", f"{where} refuses, is it a Bot API server? {error}")
    return ok("token", f"@{name} at {where}")


def _ask_telegram(settings: Settings) -> str:
    # Imported here: it brings pyTelegramBotAPI, 30 MB that the other checks do without.
    from worker.telegram.client import Client, Connection

    connection = Connection(
        token=settings.bot_token,
        api_url=settings.telegram_api_url,
        local=settings.telegram_api_local,
        proxy=settings.proxy,
    )
    return str(Client(connection).get_me()["username"])
