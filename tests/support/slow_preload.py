"""Imported by a fork server: takes until the file exists that `VARIABLE` names.

Another file, whose name ends in `BEGUN` behind that, tells that it has begun.
"""

import os
import time

VARIABLE = "TESTS_PRELOAD_UNTIL"
BEGUN = ".begun"

if until := os.environ.get(VARIABLE):
    with open(until + BEGUN, "w"):
        pass
    while not os.path.exists(until):
        time.sleep(0.01)
