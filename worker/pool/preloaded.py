"""The last module that a fork server imports: it renames the process.

A fork server of this name has imported everything and can start processes without a wait.
"""

from worker.pool.watched_process import FORK_SERVER
from worker.processes import process_setup

process_setup.set_name(FORK_SERVER)
