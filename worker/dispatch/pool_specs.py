"""The two pools and the judge: how many workers each has, what they run, what they may use."""

from worker.dispatch.worker_setups import set_up_downloads, set_up_telegram
from worker.downloads.confinement import network
from worker.downloads.judge.rules import Rules
from worker.downloads.limits import DownloadLimits
from worker.ledger import DOWNLOADS, TELEGRAM
from worker.pool import PoolSpec
from worker.processes.process_setup import Limits
from worker.processes.process_table import instance_tag
from worker.settings import MEBIBYTE, SLOWEST_DOWNLOAD_BPS, Settings
from worker.telegram.api_access import ApiAccess

OPEN_FILES = 256

OPEN_FILES_OF_A_DOWNLOAD = 256
"""How many files the judge may open for a download: two for a connection, more while it is dialed,
one for each silent client."""

JUDGE_MEMORY_BYTES = 96 * MEBIBYTE
"""Nearly all of it is the fork server's, and shared: 5 MB are the judge's own."""

JUDGE_MEMORY_OF_A_DOWNLOAD_BYTES = 16 * MEBIBYTE
"""The stacks of its lookups, and what its connections have not sent yet."""


def telegram_connection(settings: Settings) -> ApiAccess:
    """How to reach Telegram; holds the token."""
    return ApiAccess(
        token=settings.bot_token,
        api_url=settings.telegram_api_url,
        local=settings.telegram_api_local,
        proxy=settings.proxy_to_telegram,
    )


def telegram_spec(settings: Settings) -> PoolSpec:
    """The pool that reads updates and calls Telegram."""
    return PoolSpec(
        name=TELEGRAM,
        size=settings.telegram_workers,
        setup=set_up_telegram,
        setup_args=(
            settings.secrets,
            telegram_connection(settings),
            settings.allowed_users,
            settings.admins,
            settings.data_dir,
            settings.log_format,
        ),
        limits=Limits(settings.telegram_memory_mib * MEBIBYTE, open_files=OPEN_FILES),
        maxtasksperchild=settings.telegram_max_jobs,
        max_age_s=settings.worker_max_age_s,
    )


def judge_rules(settings: Settings) -> Rules:
    """What downloads may reach."""
    return Rules(
        allowed_networks=tuple(map(str, settings.allowed_networks)),
        endpoints=settings.ytdlp_plugin_endpoints,
        # Longer than a download may be silent: ffmpeg takes the end of a connection for the end of
        # a piece, so the worker is to end the download before.
        idle_timeout_s=2 * settings.download_idle_timeout_s,
        proxy=settings.proxy_to_sites,
    )


def judge_limits(settings: Settings) -> Limits:
    """What the judge may use."""
    downloads = settings.download_workers
    return Limits(
        JUDGE_MEMORY_BYTES + downloads * JUDGE_MEMORY_OF_A_DOWNLOAD_BYTES,
        open_files=OPEN_FILES + downloads * OPEN_FILES_OF_A_DOWNLOAD,
    )


def downloads_spec(settings: Settings, judge: str) -> PoolSpec:
    """The pool that runs yt-dlp. Its workers are told neither token nor ledger nor proxy.

    `judge` is the judge's address.
    """
    rules = DownloadLimits(
        instance=instance_tag(settings.data_dir),
        max_file_bytes=settings.max_file_bytes,
        max_parts=settings.max_parts,
        max_items=settings.playlist_max,
        timeout_s=settings.download_timeout_s,
        idle_timeout_s=settings.download_idle_timeout_s,
        job_timeout_s=settings.download_job_timeout_s,
        slowest_bps=SLOWEST_DOWNLOAD_BPS,
        memory_bytes=settings.download_memory_mib * MEBIBYTE,
        allowed_networks=tuple(map(str, settings.allowed_networks)),
        judge=judge,
        network=network.active(),
        cookies_file=str(settings.cookies_file) if settings.cookies_file else None,
        extractions=str(settings.data_dir.absolute() / "extractions"),
    )
    return PoolSpec(
        name=DOWNLOADS,
        size=settings.download_workers,
        setup=set_up_downloads,
        setup_args=(rules, settings.log_format),
        # The length of files is capped in each download's own process.
        limits=Limits(data_bytes=rules.memory_bytes, open_files=OPEN_FILES),
        maxtasksperchild=settings.download_max_jobs,
        max_age_s=settings.worker_max_age_s,
        # TERM, its grace, KILL, and the removal of the directory.
        stop_grace_s=rules.term_grace_s + 3,
    )
