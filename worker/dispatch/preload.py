"""What the fork server imports and prepares once, so that no worker has to.

Workers then start in about 10 ms and share the memory. Nothing here may start a thread: a forked
process would lack it, and a lock that the thread held would stay locked.
"""

import gc
import logging

# What a worker would import for itself, 3 MB each: its pool, its handler, psutil.
import worker.dispatch.pool_specs
import worker.downloads.job
import worker.pool.worker_main
import worker.telegram  # noqa: F401
from worker.downloads.ytdlp.warm import warm_up
from worker.processes import process_setup

process_setup.set_title(f"{process_setup.PROGRAM}: fork server")
try:
    warm_up()
except Exception:
    # multiprocessing ignores an ImportError only: anything else would end the fork server.
    logging.getLogger(__name__).exception("Warming up failed; each downloads worker will retry.")
# As in `warm_up`, for the objects made since: the garbage collector would write to their pages,
# and each forked process would get a copy.
gc.collect()
gc.freeze()
