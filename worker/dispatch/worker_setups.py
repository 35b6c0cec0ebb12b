"""What a new worker does before its first job.

This stands apart from `worker.dispatch.pool_specs` so that no worker imports the ledger and the
settings, which are the main process's alone: 2 MB.
"""

from pathlib import Path

from worker import logs
from worker.downloads.confinement import landlock
from worker.downloads.limits import DownloadLimits
from worker.downloads.ytdlp.packages import copies
from worker.log_formats import LogFormat
from worker.pool.worker_main import Handler
from worker.processes.process_setup import refuse_inspection
from worker.telegram.api_access import ApiAccess


def set_up_telegram(
    secrets: tuple[str, ...],
    connection: ApiAccess,
    allowed_users: frozenset[int],
    admins: frozenset[int],
    data_dir: Path,
    form: LogFormat,
) -> Handler:
    """Prepare a telegram worker. Returns what runs its jobs."""
    copies.use()
    # Only a worker needs pyTelegramBotAPI; the main process, which reads this file too, is 5 MB
    # smaller.
    from worker.telegram.job import make_handler

    if not landlock.abi():
        # This process knows the token. Where nothing else keeps a download out of its memory,
        # it is closed even to a sweep that looks for the bot's tag.
        refuse_inspection()
    logs.configure(secrets, form=form)
    return make_handler(connection, allowed_users, admins, data_dir)


def set_up_downloads(rules: DownloadLimits, form: LogFormat = LogFormat.TEXT) -> Handler:
    """Prepare a downloads worker. Returns what runs its jobs."""
    copies.use()
    # Only a worker needs yt-dlp; the main process, which reads this file too, is 40 MB smaller.
    from worker.downloads.job import make_handler

    logs.configure((), form=form)
    return make_handler(rules)
