"""Read the settings from the environment and `.env`, and say all that is wrong with them."""

import ipaddress
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from worker.settings import value_kinds
from worker.settings.problems import SettingsError, quoted
from worker.settings.settings import (
    CLOUD_API_URL,
    CLOUD_MAX_FILE_MB,
    LOCAL_MAX_FILE_MB,
    Settings,
)
from worker.settings.sources import ENVIRONMENT, RawValue, Sources
from worker.settings.variables import VARIABLES, Variable

_TOKEN_FILE = "BOT_TOKEN_FILE"  # noqa: S105  # a name
_TOKEN_FILE_MAX_CHARS = 4096


def load_settings(
    environ: Mapping[str, str], dotenv: Path | None = None, *, needs_token: bool = True
) -> Settings:
    """Read the settings from `environ`, else from the `.env` file `dotenv`, else the defaults.

    An empty value means the default. Raises SettingsError with all that is wrong. A program that
    does not talk to Telegram passes `needs_token=False`: the token is then empty.
    """
    settings, problems = read_settings(environ, dotenv, needs_token=needs_token)
    if problems:
        raise SettingsError(problems)
    return settings


def read_settings(
    environ: Mapping[str, str], dotenv: Path | None = None, *, needs_token: bool = True
) -> tuple[Settings, tuple[str, ...]]:
    """The settings, with the defaults of those that are wrong, and all that is wrong.

    There is no default for the token: it is then empty.
    """
    names = {variable.name for variable in VARIABLES} | {_TOKEN_FILE}
    sources = Sources(environ, names)
    if dotenv is not None:
        secrets = [variable.name for variable in VARIABLES if variable.kind.secret]
        sources.add_dotenv(dotenv, secrets)
    problems = sources.problems

    found: dict[str, Any] = {}
    for variable in VARIABLES:
        raw = sources.get(variable.name)
        if variable.field == "bot_token":
            if not needs_token:
                continue
            raw = _raw_token(raw, sources)
        if raw is None:
            continue
        try:
            found[variable.field] = variable.kind.parse(raw.text.strip())
        except ValueError:
            problems.append(_invalid(variable, raw))

    if found.get("telegram_api_local"):
        found.setdefault("max_file_mb", LOCAL_MAX_FILE_MB)
    found.setdefault("data_dir", Path("data").absolute())
    found.setdefault("bot_token", "")
    settings = Settings(**found, warnings=tuple(sources.warnings))
    if "download_job_timeout_s" not in found:
        longest_s = min(settings.longest_download_s, settings.orphan_max_age_s)
        longest_s = max(longest_s, settings.download_timeout_s)
        settings = replace(settings, download_job_timeout_s=longest_s)
    return settings, tuple(problems or _contradictions(settings))


def _raw_token(token: RawValue | None, sources: Sources) -> RawValue | None:
    """The token from BOT_TOKEN or BOT_TOKEN_FILE; None when a problem has been added."""
    problems, file = sources.problems, sources.get(_TOKEN_FILE)
    if token is not None and file is not None:
        if token.source == file.source:
            problems.append(f"BOT_TOKEN and {_TOKEN_FILE} are both set: allowed is one of them")
            return None
        # The two count as one variable: set in the environment, either overrides both in `.env`.
        if token.source != ENVIRONMENT:
            token = None
    if token is not None:
        return token
    if file is None and not sources.is_complete:
        return None  # It may be set there.
    if file is None:
        problems.append(
            f"BOT_TOKEN is not set: allowed is {value_kinds.BOT_TOKEN.allowed}; "
            f"or set {_TOKEN_FILE} to a file that contains it"
        )
        return None
    try:
        path: Path = value_kinds.PATH.parse(file.text.strip())
        with path.open(encoding="utf-8-sig") as opened:
            if os.fstat(opened.fileno()).st_mode & stat.S_IROTH:
                sources.warnings.append(f"everyone may read {path}: chmod 600 it")
            return RawValue(opened.read(_TOKEN_FILE_MAX_CHARS), str(path), f"from {_TOKEN_FILE}")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a path, or not a text file"
        problems.append(f"{_TOKEN_FILE}={quoted(file.text)} cannot be read: {reason}")
        return None


def _contradictions(settings: Settings) -> Iterator[str]:
    """Find values that are allowed one by one but not together."""
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
    if settings.live_max_minutes and settings.download_workers < 2:
        yield (
            f"LIVE_MAX_MINUTES='{settings.live_max_minutes}': allowed with DOWNLOAD_WORKERS of 2 "
            "or more; recordings leave one for downloads"
        )
    if settings.ytdlp_plugin_endpoints and not settings.ytdlp_plugins:
        yield "YTDLP_PLUGIN_ENDPOINTS: allowed with YTDLP_PLUGINS, whose plugins reach them"
    if settings.health_listen and not settings.health_listen_anywhere:
        host, port = settings.health_listen
        if not ipaddress.ip_address(host).is_loopback:
            yield (
                f"HEALTH_LISTEN='{host}:{port}': allowed is an address that only this machine"
                " reaches, such as 127.0.0.1, or any with HEALTH_LISTEN_ANYWHERE=on"
            )
    if settings.download_job_timeout_s < settings.download_timeout_s:
        yield (
            f"DOWNLOAD_JOB_TIMEOUT='{settings.download_job_timeout_s:g}': allowed is "
            f"DOWNLOAD_TIMEOUT ({settings.download_timeout_s:g}) or more"
        )
    if settings.orphan_max_age_s < settings.download_job_timeout_s:
        # A younger directory may belong to a job that still runs.
        yield (
            f"ORPHAN_MAX_AGE='{settings.orphan_max_age_s:g}': allowed is "
            f"DOWNLOAD_JOB_TIMEOUT ({settings.download_job_timeout_s:g}) or more"
        )


def _invalid(variable: Variable, raw: RawValue) -> str:
    shown = " (not shown)" if variable.kind.secret else f"={quoted(raw.text)}"
    return f"{variable.name}{shown} ({raw.place}): allowed is {variable.kind.allowed}"
