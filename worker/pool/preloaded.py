"""The last module that a fork server imports: by its name it says that it can start processes."""

from worker.pool.watched_process import FORK_SERVER
from worker.processes import process_setup

process_setup.set_name(FORK_SERVER)
