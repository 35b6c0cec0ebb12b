"""Logging for all processes of the bot: in one form, on stderr, without secrets.

Removed are the secrets that `configure` is given, everything that looks like a bot token, logins
in URLs, and the query strings of URLs, which contain people's searches and the parameters of Bot
API calls. They are removed from the finished text, tracebacks included, because libraries put
whole request URLs into their exceptions.
"""

import contextlib
import io
import logging
import re
import sys
import threading
from collections.abc import Sequence
from types import TracebackType

from worker.log_formats import LogFormat, formatter
from worker.log_repeats import Repeats

_log = logging.getLogger(__name__)

REDACTED = "[redacted]"

TOKEN = re.compile(r"[0-9]{6,}:[A-Za-z0-9_-]{30,}")
"""A bot token as @BotFather gives it: the bot's user id, a colon, and a secret part."""

# In a URL the colon of a token may be percent-encoded, and the token follows `/bot` directly.
# The start of each pattern is narrow enough that no text takes more than linear time.
_TOKEN_ANYWHERE = re.compile(r"(?<![0-9])[0-9]{6,}(?::|%3A)[A-Za-z0-9_-]{30,}", re.IGNORECASE)
_LINK = re.compile(r"[a-z][a-z0-9+.-]{0,15}://\S+", re.IGNORECASE)
_LOGIN = re.compile(r"(://)[^\s/?#]*@")
# urllib3 reports only the path of a request: "... with url: /bot…/sendMessage?chat_id=…".
_BARE_PATH = re.compile(r"""(?<![^\s'"(=])(/[^\s?'"(=]*)\?\S*""")
_CLOSING = ")]}>'\",.;:"
# Control characters act on a terminal, and a title or a server's answer may contain some.
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}
del _CONTROL[ord("\t")], _CONTROL[ord("\n")]


def redact(text: str, secrets: Sequence[str] = ()) -> str:
    """Remove `secrets`, tokens, logins and query strings from `text`. Idempotent."""
    # The longest first: a token could no longer be found once its secret part is removed.
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, REDACTED)
    text = _TOKEN_ANYWHERE.sub(REDACTED, text)
    text = _LINK.sub(_plain_link, text)
    return _BARE_PATH.sub(r"\1?…", text)


def _plain_link(match: re.Match[str]) -> str:
    link = _LOGIN.sub(rf"\1{REDACTED}@", match[0])
    cut = re.search(r"[?#]", link)
    if cut is None:
        return link
    closing = link[len(link.rstrip(_CLOSING)) :]
    return link[: cut.start()] + "?…" + closing


def printable(text: str) -> str:
    """Escape all control characters except tabs and line feeds."""
    return text.translate(_CONTROL)


def redacting_formatter(
    secrets: Sequence[str], form: LogFormat = LogFormat.TEXT
) -> logging.Formatter:
    """What writes records in this form, without secrets and control characters."""
    known = tuple(secrets)
    return formatter(form, lambda text: printable(redact(text, known)))


class _StderrHandler(logging.StreamHandler):  # type: ignore[type-arg]  # not generic at run time
    """Writes to stderr; repetitions are written as a count.

    A record that cannot be formatted is dropped, and not shown in parts.
    """

    def __init__(self, form: LogFormat) -> None:
        super().__init__()
        self._form = form
        self._repeats = Repeats()

    def use_secrets(self, secrets: Sequence[str]) -> None:
        """Remove these secrets from now on."""
        self.setFormatter(redacting_formatter(secrets, self._form))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            for each in self._repeats.pass_on(record):
                super().emit(each)
        except Exception:  # noqa: BLE001 - a log line must not end its caller
            self.handleError(record)

    def write_counts(self) -> None:
        """Write the counts that are due."""
        with self.lock or contextlib.nullcontext():
            for each in self._repeats.take_due():
                super().emit(each)

    def close(self) -> None:
        """Write the counts that are not written yet."""
        for each in self._repeats.take_rest():
            super().emit(each)
        super().close()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # logging's name
        # The inherited method prints the record's arguments, which may be secrets.
        error = sys.exc_info()[0]
        name = error.__name__ if error is not None else "error"
        with contextlib.suppress(OSError, ValueError):  # stderr itself may be gone
            self.stream.write(f"{record.pathname}:{record.lineno}: dropped a log line: {name}\n")


class _ToRoot(logging.Filter):
    """Passes a library's records to the root logger instead of the library's own handlers."""

    def filter(self, record: logging.LogRecord) -> bool:
        logging.getLogger().handle(record)
        return False


def configure(
    secrets: Sequence[str] = (), level: int = logging.INFO, *, form: LogFormat = LogFormat.TEXT
) -> None:
    """Set up the logging of this process; a second call replaces the first.

    Each process calls it at its start. From then on, uncaught exceptions of the process, its
    threads and its finalizers are logged too.
    """
    _keep_nothing_unwritten()
    root = logging.getLogger()
    for handler in [known for known in root.handlers if isinstance(known, _StderrHandler)]:
        root.removeHandler(handler)
        handler.close()
    handler = _StderrHandler(form)
    handler.use_secrets(secrets)
    root.addHandler(handler)
    root.setLevel(level)

    # pyTelegramBotAPI adds a stderr handler of its own when it is imported, perhaps later.
    telebot = logging.getLogger("TeleBot")
    if not any(isinstance(known, _ToRoot) for known in telebot.filters):
        telebot.addFilter(_ToRoot())

    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread
    sys.unraisablehook = _log_unraisable


def _keep_nothing_unwritten() -> None:
    """Make stderr drop what cannot be written, to a pipe that nobody reads or to a full disk.

    Its buffer would offer that again at each flush, and fail again. multiprocessing begins the
    start of a process with a flush, and the interpreter ends with one: exit code 120.
    """
    stream = sys.stderr
    # Not what a test has put in its place.
    if type(stream) is io.TextIOWrapper and isinstance(stream.buffer, io.BufferedWriter):
        unbuffered = stream.buffer.raw
        sys.stderr = io.TextIOWrapper(
            unbuffered, stream.encoding, stream.errors, write_through=True
        )


def replace_secrets(secrets: Sequence[str]) -> None:
    """Remove these secrets from now on, in place of those that `configure` was given."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, _StderrHandler):
            handler.use_secrets(secrets)


def write_counts() -> None:
    """Write the counts that are due; otherwise the next line of the log would bring them."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, _StderrHandler):
            handler.write_counts()


def _log_uncaught(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    _log.critical("An uncaught exception ends this process.", exc_info=(kind, error, traceback))


def _log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_type is SystemExit:
        return
    name = args.thread.name if args.thread is not None else "(unknown)"
    error = args.exc_value if args.exc_value is not None else args.exc_type()
    _log.critical(
        "An uncaught exception ends thread %s.",
        name,
        exc_info=(args.exc_type, error, args.exc_traceback),
    )


def _log_unraisable(args: "sys.UnraisableHookArgs") -> None:
    error = args.exc_value if args.exc_value is not None else args.exc_type()
    _log.error(
        "An exception was ignored: %s",
        args.err_msg or "in a finalizer",
        exc_info=(args.exc_type, error, args.exc_traceback),
    )
