"""Imported by a fork server: takes until the file exists that `VARIABLE` names."""

import os
import time

VARIABLE = "TESTS_PRELOAD_UNTIL"

while not os.path.exists(os.environ.get(VARIABLE, os.curdir)):
    time.sleep(0.01)
