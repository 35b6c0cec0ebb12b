"""The first module that a fork server imports: it ties its life to the thread that has started it.

Once it starts processes, a fork server sees by itself when its owner has ended. Until then, while
it imports what can take many seconds on a busy machine, it sees nothing.
"""

import os

from worker.processes import process_setup

process_setup.die_with_parent(os.getppid())
