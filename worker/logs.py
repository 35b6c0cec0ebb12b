"""Logging for every process of the bot: one line format, on stderr, with every secret taken out.

What is taken out: the secrets that are named, anything that looks like a bot token, logins in
addresses, and the query strings of links (people's words travel there, and so do the Bot API's
parameters). It is taken out of the finished text, tracebacks included, because the libraries
below put whole request addresses into their exceptions.
"""

import contextlib
import logging
import re
import sys
import threading
from collections.abc import Sequence
from types import TracebackType

_log = logging.getLogger(__name__)

REDACTED = "[redacted]"

#: A bot token as @BotFather gives it: the bot's user id and a secret part.
TOKEN = re.compile(r"[0-9]{6,}:[A-Za-z0-9_-]{30,}")

_FORMAT = "%(asctime)s %(levelname)s %(processName)s %(message)s"

# A token may stand in an address in its percent-encoded form, and right behind `/bot`. (Where a
# match may start is narrow in these patterns, so that no text takes more than linear time.)
_TOKEN_ANYWHERE = re.compile(r"(?<![0-9])[0-9]{6,}(?::|%3A)[A-Za-z0-9_-]{30,}", re.IGNORECASE)
_LINK = re.compile(r"[a-z][a-z0-9+.-]{0,15}://\S+", re.IGNORECASE)
_LOGIN = re.compile(r"(://)[^\s/?#]*@")
# urllib3 reports a request by its path alone: "... with url: /bot…/sendMessage?chat_id=…".
_BARE_PATH = re.compile(r"""(?<![^\s'"(=])(/[^\s?'"(=]*)\?\S*""")
_CLOSING = ")]}>'\",.;:"
# A terminal acts on these, and a title or a server's answer may hold them.
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}
del _CONTROL[ord("\t")], _CONTROL[ord("\n")]


def redact(text: str, secrets: Sequence[str] = ()) -> str:
    """`text` without `secrets`, tokens, logins and query strings. Safe to repeat."""
    # The longest first: a token would not be found any more after its secret part is gone.
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
    """`text` with every control character but tab and line end in words."""
    return text.translate(_CONTROL)


class RedactingFormatter(logging.Formatter):
    """Formats a record, then takes the secrets out of all of it."""

    def __init__(self, secrets: Sequence[str]) -> None:
        super().__init__(_FORMAT)
        self._secrets = tuple(secrets)

    def format(self, record: logging.LogRecord) -> str:
        """The whole text of a record, its traceback included."""
        return printable(redact(super().format(record), self._secrets))


class _StderrHandler(logging.StreamHandler):  # type: ignore[type-arg]  # not generic at run time
    """The one handler. A line that cannot be written costs that line and shows none of it."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # logging's name
        # logging's own version prints the record's arguments, and they may be secrets.
        error = sys.exc_info()[0]
        name = error.__name__ if error is not None else "error"
        with contextlib.suppress(OSError, ValueError):  # stderr itself may be gone
            self.stream.write(f"{record.pathname}:{record.lineno}: log line lost, {name}\n")


class _ToRoot(logging.Filter):
    """Hands a library's records to the root's handler, past handlers of the library's own."""

    def filter(self, record: logging.LogRecord) -> bool:
        logging.getLogger().handle(record)
        return False


def configure(secrets: Sequence[str] = (), level: int = logging.INFO) -> None:
    """Sets up this process's logging; the last call counts.

    Every process calls it first thing, children too (the arguments are plain text). From then on
    uncaught exceptions of the process, its threads and its finalizers are log lines as well.
    """
    root = logging.getLogger()
    for handler in [known for known in root.handlers if isinstance(known, _StderrHandler)]:
        root.removeHandler(handler)
    handler = _StderrHandler()
    handler.setFormatter(RedactingFormatter(secrets))
    root.addHandler(handler)
    root.setLevel(level)

    # pyTelegramBotAPI brings a stderr handler of its own when it is imported, which may be later.
    telebot = logging.getLogger("TeleBot")
    if not any(isinstance(known, _ToRoot) for known in telebot.filters):
        telebot.addFilter(_ToRoot())

    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread
    sys.unraisablehook = _log_unraisable


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
