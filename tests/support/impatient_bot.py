"""The real `bot.py` with a circuit breaker of other numbers: CIRCUITS holds them as JSON."""

import json
import os
import sys

import bot
from worker.dispatch import circuit_breaker

if __name__ == "__main__":
    vars(circuit_breaker).update(json.loads(os.environ["CIRCUITS"]))
    sys.exit(bot.main(sys.argv[1:]))
