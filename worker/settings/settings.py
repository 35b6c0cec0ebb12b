"""The settings: one frozen dataclass, read from the environment and `.env`, validated once.

A field declares a setting in one place: its name, its type, what is allowed, what it is for and
its default. The variable's name is the field's in capitals, less the `_s` that marks seconds.
Settings are made at the start and passed on; nothing reads them as a global.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, get_type_hints
from urllib.parse import unquote, urlsplit

from worker.logs import redact
from worker.settings import values
from worker.settings.sources import ENVIRONMENT, Sources, Text
from worker.settings.values import Network, ValueKind, seconds, whole

MEBIBYTE = 1024 * 1024

CLOUD_API_URL = "https://api.telegram.org"
CLOUD_MAX_FILE_MB = 50  # Bot API, "Sending files"
LOCAL_MAX_FILE_MB = 2000  # Bot API, "Using a Local Bot API Server"

_DAY_S = 86_400
_TEBIBYTE_MB = 1024 * 1024
_TOKEN_FILE = "BOT_TOKEN_FILE"  # noqa: S105  # a name
_TOKEN_FILE_LIMIT = 4096


class SettingsError(Exception):
    """Settings that are wrong: `problems` has one line for each, and none shows a secret."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "; ".join(self.problems)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the operator has decided. `_s` is seconds and `_mb` is mebibytes.

    Except for `max_file_mb`, see `max_file_bytes`.
    """

    bot_token: Annotated[
        str, values.BOT_TOKEN, "the bot's token; or give `BOT_TOKEN_FILE`, a file that holds it"
    ] = field(repr=False)
    telegram_api_url: Annotated[str, values.URL, "the Bot API server"] = CLOUD_API_URL
    telegram_api_local: Annotated[
        bool, values.SWITCH, "that server runs with `--local`: files by path, up to 2000 MB"
    ] = False
    data_dir: Annotated[
        Path, values.PATH, "the journal and the downloads in hand; one bot for each"
    ] = Path("data")

    download_workers: Annotated[int, whole(1, 64), "downloads at a time"] = 2
    telegram_workers: Annotated[int, whole(1, 64), "Telegram calls at a time"] = 4
    download_memory_mb: Annotated[
        int, whole(64, _TEBIBYTE_MB, "MB"), "a download's memory, its yt-dlp and ffmpeg included"
    ] = 512
    telegram_memory_mb: Annotated[
        int, whole(64, _TEBIBYTE_MB, "MB"), "a Telegram worker's memory"
    ] = 256
    download_max_jobs: Annotated[
        int, whole(1, 100_000), "jobs after which a downloads worker is replaced"
    ] = 50
    telegram_max_jobs: Annotated[
        int, whole(1, 100_000), "jobs after which a Telegram worker is replaced"
    ] = 100
    worker_max_age_s: Annotated[
        float, seconds(1, 30 * _DAY_S), "age at which a worker is replaced"
    ] = 3600.0

    max_file_mb: Annotated[
        int, whole(1, LOCAL_MAX_FILE_MB, "MB"), "the largest file that is sent; 2000 when local"
    ] = CLOUD_MAX_FILE_MB
    allowed_users: Annotated[
        frozenset[int], values.USERS, "who may use the bot; everyone when empty"
    ] = frozenset()
    admins: Annotated[
        frozenset[int], values.USERS, "who gets the alerts and the admins' commands"
    ] = frozenset()

    user_max_running: Annotated[
        int, whole(1, 64), "one person's downloads at a time; others' go first"
    ] = 1
    chat_max_running: Annotated[int, whole(1, 64), "one chat's downloads at a time"] = 2
    user_max_waiting: Annotated[
        int, whole(1, 10_000), "one person's links without an answer; more are refused"
    ] = 20
    user_links_per_minute: Annotated[
        int, whole(1, 100_000), "links of one person in a minute; more are refused"
    ] = 20
    user_links_per_hour: Annotated[int, whole(1, 100_000), "the same for an hour"] = 100
    user_links_per_day: Annotated[int, whole(1, 100_000), "the same for a day"] = 500

    download_timeout_s: Annotated[float, seconds(1, _DAY_S), "yt-dlp's run"] = 60.0
    download_idle_timeout_s: Annotated[
        float, seconds(1, _DAY_S), "yt-dlp's run without progress"
    ] = 60.0
    download_job_timeout_s: Annotated[float, seconds(1, _DAY_S), "a whole download job"] = 120.0
    telegram_job_timeout_s: Annotated[
        float, seconds(1, _DAY_S), "a Telegram job; an upload gets more, by its size"
    ] = 30.0
    queue_retry_after_s: Annotated[
        float, seconds(0, _DAY_S), "wait before a failed download is tried again"
    ] = 120.0
    job_max_attempts: Annotated[int, whole(1, 100), "tries of a job before it counts as failed"] = 3
    orphan_max_age_s: Annotated[
        float, seconds(1, 30 * _DAY_S), "age at which a download directory of no job is removed"
    ] = 7200.0
    shutdown_grace_s: Annotated[
        float, seconds(0, 3600), "time for jobs in hand at a stop; below `stopwaitsecs`"
    ] = 30.0

    allowed_networks: Annotated[
        tuple[Network, ...], values.NETWORKS, "networks that downloads may reach though private"
    ] = ()
    proxy: Annotated[str | None, values.PROXY, "a proxy for downloads and Telegram"] = field(
        default=None, repr=False
    )
    cookies_file: Annotated[
        Path | None, values.PATH, "cookies for downloads, in Netscape format"
    ] = None

    warnings: tuple[str, ...] = ()
    """What is allowed but probably not meant, a sentence each."""

    @classmethod
    def load(
        cls, environ: Mapping[str, str], dotenv: Path | None = None, *, needs_token: bool = True
    ) -> "Settings":
        """The settings from `environ`, else from the `.env` file `dotenv`, else the defaults.

        An empty text stands for the default. Raises SettingsError with all that is wrong. What
        does not talk to Telegram `needs_token` not: none is looked for, and it is empty.
        """
        return _load(environ, dotenv, needs_token)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no log line and no message may show, for `worker.logs`."""
        found = [self.bot_token, self.bot_token.partition(":")[2]]
        if self.proxy is not None:
            password = urlsplit(self.proxy).password or ""
            # A shorter word is part of too many others, and `redact` knows logins by their form.
            if len(password) >= 6:
                found += [password, unquote(password)]
        return tuple(found)

    @property
    def max_file_bytes(self) -> int:
        """The largest file that is sent: 10^6 bytes to each of its megabytes.

        Telegram's limit, in mebibytes for the whole upload, leaves room for the rest of it.
        """
        return self.max_file_mb * 1_000_000

    @property
    def most_parts(self) -> int:
        """As how many files a video may be large that is too large for one, and is cut.

        Where its key frames are far apart it comes in a few more.
        """
        return 1 if self.telegram_api_local else 4


@dataclass(frozen=True)
class Variable:
    """How a setting is written down: what README, `.env.example` and messages know of it."""

    field: str
    name: str
    kind: ValueKind
    purpose: str
    default: Any

    def is_default(self, value: Any) -> bool:
        """Whether `value` is what stands when nobody sets anything."""
        default = self.default
        return bool(value == (default.absolute() if isinstance(default, Path) else default))

    @property
    def default_text(self) -> str:
        """The default as it would be written, empty when there is none."""
        return "" if self.default is None else self.kind.show(self.default)


def _variables() -> tuple[Variable, ...]:
    hints = get_type_hints(Settings, include_extras=True)
    found = []
    for declared in dataclasses.fields(Settings):
        metadata = getattr(hints[declared.name], "__metadata__", None)
        if metadata is None:
            continue
        kind, purpose = metadata
        default = None if declared.default is dataclasses.MISSING else declared.default
        name = declared.name.removesuffix("_s").upper()
        found.append(Variable(declared.name, name, kind, purpose, default))
    return tuple(found)


#: Every setting, in the order of the declaration.
VARIABLES = _variables()


def _load(environ: Mapping[str, str], dotenv: Path | None, needs_token: bool) -> Settings:
    names = {variable.name for variable in VARIABLES} | {_TOKEN_FILE}
    sources = Sources(environ, names)
    if dotenv is not None:
        secrets = [variable.name for variable in VARIABLES if variable.kind.secret]
        sources.add_dotenv(dotenv, secrets)
    problems = sources.problems

    found: dict[str, Any] = {}
    for variable in VARIABLES:
        text = sources.get(variable.name)
        if variable.field == "bot_token":
            if not needs_token:
                found["bot_token"] = ""
                continue
            text = _token_text(text, sources.get(_TOKEN_FILE), problems)
        if text is None:
            continue
        try:
            found[variable.field] = variable.kind.parse(text.value.strip())
        except ValueError:
            problems.append(_wrong(variable, text))

    if found.get("telegram_api_local"):
        found.setdefault("max_file_mb", LOCAL_MAX_FILE_MB)
    found.setdefault("data_dir", Path("data").absolute())
    if problems:
        raise SettingsError(tuple(problems))
    settings = Settings(**found, warnings=tuple(sources.warnings))
    contradictions = tuple(_contradictions(settings))
    if contradictions:
        raise SettingsError(contradictions)
    return settings


def _token_text(token: Text | None, file: Text | None, problems: list[str]) -> Text | None:
    """The token's text from whichever of its two variables counts."""
    if token is not None and file is not None:
        if token.source == file.source:
            problems.append(f"BOT_TOKEN and {_TOKEN_FILE} are both set: allowed is one of them")
            return None
        # The environment wins over the file for the two as if they were one.
        if token.source != ENVIRONMENT:
            token = None
    if token is not None:
        return token
    if file is None:
        problems.append(
            f"BOT_TOKEN is not set: allowed is {values.BOT_TOKEN.allowed}; or set {_TOKEN_FILE} "
            "to a file that holds it"
        )
        return None
    try:
        path: Path = values.PATH.parse(file.value)
        with path.open(encoding="utf-8") as opened:
            return Text(opened.read(_TOKEN_FILE_LIMIT), str(path), f"from {_TOKEN_FILE}")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no such path or not text"
        problems.append(f"{_TOKEN_FILE}={_quoted(file.value)} cannot be read: {reason}")
        return None


def _contradictions(settings: Settings) -> Iterator[str]:
    """What is wrong with values that are each allowed alone."""
    if settings.telegram_api_local and settings.telegram_api_url == CLOUD_API_URL:
        yield (
            "TELEGRAM_API_LOCAL='on': allowed with a TELEGRAM_API_URL of your own; "
            f"{CLOUD_API_URL} is not a local server"
        )
    if not settings.telegram_api_local and settings.max_file_mb > CLOUD_MAX_FILE_MB:
        yield (
            f"MAX_FILE_MB='{settings.max_file_mb}': allowed is at most {CLOUD_MAX_FILE_MB}, or "
            f"{LOCAL_MAX_FILE_MB} with TELEGRAM_API_LOCAL=on"
        )
    if settings.download_job_timeout_s < settings.download_timeout_s:
        yield (
            f"DOWNLOAD_JOB_TIMEOUT='{settings.download_job_timeout_s:g}': allowed is "
            f"DOWNLOAD_TIMEOUT ({settings.download_timeout_s:g}) or more"
        )
    if settings.orphan_max_age_s < settings.download_job_timeout_s:
        # A younger directory may belong to a job that is still at work.
        yield (
            f"ORPHAN_MAX_AGE='{settings.orphan_max_age_s:g}': allowed is "
            f"DOWNLOAD_JOB_TIMEOUT ({settings.download_job_timeout_s:g}) or more"
        )


def _wrong(variable: Variable, text: Text) -> str:
    shown = " (not shown)" if variable.kind.secret else f"={_quoted(text.value)}"
    return f"{variable.name}{shown} ({text.place}): allowed is {variable.kind.allowed}"


def _quoted(text: str) -> str:
    """`text` on one line, bounded, and without what may be a secret in the wrong place."""
    shown = redact(text)
    return repr(shown if len(shown) <= 60 else shown[:59] + "…")
