"""All settings, each declared as one field: type, allowed values, purpose and default.

A field's variable has its name in capitals, without the `_s` that marks seconds and with `_MB`
for `_mib`. MB of memory are mebibytes; MB of a file are 10^6 bytes.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit

from worker.form import MAX_RECORD_MINUTES
from worker.log_formats import LogFormat
from worker.protocol.lists import MAX_ITEMS
from worker.settings import value_kinds
from worker.settings.value_kinds import IpNetwork, YtDlpUpdates, seconds, whole

MEBIBYTE = 1024 * 1024

CLOUD_API_URL = "https://api.telegram.org"
CLOUD_MAX_FILE_MB = 50  # Bot API, "Sending files"
LOCAL_MAX_FILE_MB = 2000  # Bot API, "Using a Local Bot API Server"

SLOWEST_DOWNLOAD_BPS = 500_000
"""The slowest connection that timeouts allow for, in bytes per second; two may share it."""

_DAY_S = 86_400
_TEBIBYTE_MIB = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The operator's settings."""

    bot_token: Annotated[
        str,
        value_kinds.BOT_TOKEN,
        "the bot's token; or set `BOT_TOKEN_FILE` to a file that contains it",
    ] = field(repr=False)
    telegram_api_url: Annotated[str, value_kinds.URL, "the Bot API server"] = CLOUD_API_URL
    telegram_api_local: Annotated[
        bool, value_kinds.SWITCH, "whether that server runs with `--local` (files up to 2000 MB)"
    ] = False
    data_dir: Annotated[
        Path, value_kinds.PATH, "directory for the database and running downloads; one per bot"
    ] = Path("data")

    download_workers: Annotated[int, whole(1, 64), "how many downloads run at a time"] = 2
    telegram_workers: Annotated[int, whole(1, 64), "how many Telegram calls run at a time"] = 4
    download_memory_mib: Annotated[
        # With 96 a video of 60 kB just works, and with 160 a part of it that has to be encoded.
        int,
        whole(192, _TEBIBYTE_MIB, "MiB"),
        "memory for a download, yt-dlp and ffmpeg included",
    ] = 512
    telegram_memory_mib: Annotated[
        # Its first job takes a worker to 83, and above 80 % of the limit it is replaced.
        int,
        whole(128, _TEBIBYTE_MIB, "MiB"),
        "memory for a Telegram worker",
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
        int,
        whole(1, LOCAL_MAX_FILE_MB, "MB"),
        "the largest file to send; 2000 by default with `TELEGRAM_API_LOCAL`",
    ] = CLOUD_MAX_FILE_MB
    allowed_users: Annotated[
        frozenset[int], value_kinds.USERS, "who may use the bot; empty means everyone"
    ] = frozenset()
    admins: Annotated[
        frozenset[int], value_kinds.USERS, "who gets alerts and may use the admin commands"
    ] = frozenset()

    playlist_max: Annotated[
        int, whole(2, MAX_ITEMS), "how many items of a playlist or a channel may be taken"
    ] = 50
    live_max_minutes: Annotated[
        int,
        whole(0, MAX_RECORD_MINUTES),
        "how long a live stream may be recorded; 0 refuses them",
    ] = 0
    user_max_running: Annotated[
        int, whole(1, 64), "how many downloads one user may run at a time"
    ] = 1
    chat_max_running: Annotated[
        int, whole(1, 64), "how many downloads one chat may run at a time"
    ] = 2
    user_max_waiting: Annotated[
        int, whole(1, 10_000), "how many links of one user may wait; more are refused"
    ] = 20
    user_links_per_minute: Annotated[
        int, whole(1, 100_000), "how many links one user may send in a minute; more are refused"
    ] = 20
    user_links_per_hour: Annotated[int, whole(1, 100_000), "the same for an hour"] = 100
    user_links_per_day: Annotated[int, whole(1, 100_000), "the same for a day"] = 500

    download_timeout_s: Annotated[
        float,
        seconds(1, _DAY_S),
        "how long yt-dlp may run, besides what the size needs: a second for each 0.5 MB",
    ] = 60.0
    download_idle_timeout_s: Annotated[
        float, seconds(1, _DAY_S), "how long yt-dlp may run without progress"
    ] = 60.0
    download_job_timeout_s: Annotated[
        float,
        seconds(1, _DAY_S),
        "how long a whole download job may take; by default what `MAX_FILE_MB` needs",
    ] = 580.0
    telegram_job_timeout_s: Annotated[
        float, seconds(1, _DAY_S), "how long a Telegram job may take; large uploads get more"
    ] = 30.0
    queue_retry_after_s: Annotated[
        float, seconds(0, _DAY_S), "delay before a failed download is retried"
    ] = 120.0
    job_max_attempts: Annotated[int, whole(1, 100), "attempts before a job counts as failed"] = 3
    orphan_max_age_s: Annotated[
        float, seconds(1, 30 * _DAY_S), "age at which a download directory without a job is removed"
    ] = 7200.0
    shutdown_grace_s: Annotated[
        float, seconds(0, 3600), "time for running jobs when the bot stops; below `stopwaitsecs`"
    ] = 30.0

    allowed_networks: Annotated[
        tuple[IpNetwork, ...], value_kinds.NETWORKS, "private networks that downloads may reach"
    ] = ()
    proxy: Annotated[
        str | None, value_kinds.PROXY, "a proxy for downloads, Telegram and `HEALTH_URL`"
    ] = field(default=None, repr=False)
    telegram_proxy: Annotated[
        str | None, value_kinds.OWN_PROXY, "a proxy for Telegram, in place of `PROXY`"
    ] = field(default=None, repr=False)
    download_proxy: Annotated[
        str | None, value_kinds.OWN_PROXY, "a proxy for downloads, in place of `PROXY`"
    ] = field(default=None, repr=False)
    cookies_file: Annotated[
        Path | None, value_kinds.PATH, "cookies for links that fail without, in Netscape format"
    ] = None
    ytdlp_plugins: Annotated[
        tuple[str, ...], value_kinds.PACKAGES, "packages whose plugins yt-dlp loads; no others are"
    ] = ()
    ytdlp_plugin_endpoints: Annotated[
        tuple[tuple[str, int], ...],
        value_kinds.ENDPOINTS,
        "what these plugins may reach on this machine or in its network",
    ] = ()

    ytdlp_update: Annotated[
        YtDlpUpdates,
        value_kinds.YTDLP_UPDATES,
        "when the bot looks for a new yt-dlp by itself, tries it and uses it",
    ] = YtDlpUpdates.OFF

    daily_summary: Annotated[
        bool, value_kinds.SWITCH, "whether admins get a summary of the last day at 9 each morning"
    ] = True
    health_url: Annotated[
        str | None,
        value_kinds.SECRET_URL,
        "pinged each minute while all is well, and at `/fail` below it when not",
    ] = field(default=None, repr=False)
    health_listen: Annotated[
        tuple[str, int] | None,
        value_kinds.LISTEN,
        "where `/healthz` and `/metrics` are served, on this machine",
    ] = None
    health_listen_anywhere: Annotated[
        bool, value_kinds.SWITCH, "whether `HEALTH_LISTEN` may be an address that others reach"
    ] = False

    log_format: Annotated[
        LogFormat, value_kinds.LOG_FORMAT, "how the log is written: for people, or for programs"
    ] = LogFormat.TEXT

    warnings: tuple[str, ...] = ()
    """What is allowed but probably a mistake, a sentence each."""

    @property
    def bot_id(self) -> str:
        """The bot's id, the part of its token that is not secret."""
        return self.bot_token.partition(":")[0]

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no log line and no message may show."""
        found = [self.bot_token, self.bot_token.partition(":")[2]]
        for proxy in (self.proxy, self.telegram_proxy, self.download_proxy):
            password = urlsplit(proxy or "").password or ""
            # A shorter one occurs in too many words, and `redact` removes logins from URLs anyway.
            if len(password) >= 6:
                found += [password, unquote(password)]
        # Whoever knows its path can report that the bot is well.
        parts = urlsplit(self.health_url or "")
        found += [part for part in (parts.path.strip("/"), parts.query) if len(part) >= 6]
        return tuple(dict.fromkeys(found))

    @property
    def proxy_to_telegram(self) -> str | None:
        """The proxy by which Telegram is reached, if any."""
        return self._proxy_for(self.telegram_proxy)

    @property
    def proxy_to_sites(self) -> str | None:
        """The proxy by which downloads reach sites that have none of their own, if any."""
        return self._proxy_for(self.download_proxy)

    def _proxy_for(self, own: str | None) -> str | None:
        return None if own == value_kinds.DIRECT else own or self.proxy

    @property
    def max_file_bytes(self) -> int:
        """The largest file to send: `max_file_mb` times 10^6.

        Telegram counts the whole upload in mebibytes; the difference is room for the rest of it.
        """
        return self.max_file_mb * 1_000_000

    @property
    def max_parts(self) -> int:
        """How many parts an oversized video may be split into.

        It takes a few more where the key frames are far apart.
        """
        return 1 if self.telegram_api_local else 4

    @property
    def answer_bytes(self) -> int:
        """The most that the files of one link's answer may take."""
        return self.max_file_bytes * self.max_parts

    @property
    def longest_download_s(self) -> float:
        """How long the largest answer may take to find, to fetch from a slow site and to finish."""
        return 3 * self.download_timeout_s + self.answer_bytes / SLOWEST_DOWNLOAD_BPS
