"""What the fork server has done before it forks the first worker, so that none does it again.

Workers then start in a hundredth of a second, a downloads worker's successor is warm when it
begins, and all of them share the memory. Nothing here may start a thread: what is forked would
lack it, and a lock that it held would stay locked.
"""

import gc
import logging

# Imported for its forks: a module that each of them loads costs its memory once for each.
from worker.downloads.ytdlp.warm import warm_up
from worker.telegram.rehearsal import rehearse

for step, without in (
    (warm_up, "Warming up failed; each downloads worker tries by itself."),
    (rehearse, "The rehearsal failed; each telegram worker takes a megabyte more."),
):
    try:
        step()
    except Exception:
        # multiprocessing forgives an ImportError alone: anything else would end the fork server.
        logging.getLogger(__name__).exception(without)
# As in `warm_up`, for what has been made since: a collector that visited it would copy its pages.
gc.collect()
gc.freeze()
