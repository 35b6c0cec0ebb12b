"""Gives the bot a circuit breaker of other numbers: CIRCUITS holds them as JSON."""

import json
import os

from worker.dispatch import circuit_breaker

vars(circuit_breaker).update(json.loads(os.environ["CIRCUITS"]))
