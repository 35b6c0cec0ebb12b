"""What runs in the judge's process."""

import contextlib
import os
import socket
from multiprocessing.connection import Connection

from worker.downloads.judge.rules import Rules
from worker.downloads.judge.server import Server
from worker.pool.worker_main import belong_to_owner
from worker.processes import process_setup

NAME = "judge"


def run(
    control: socket.socket, beat: Connection, rules: Rules, limits: process_setup.Limits
) -> None:
    """Judge until this process is killed. Each message in `beat` is a sign of life."""
    belong_to_owner(NAME)
    limits.apply()
    os.set_blocking(beat.fileno(), False)

    def show_life() -> None:
        with contextlib.suppress(BlockingIOError):  # who does not listen need not know
            os.write(beat.fileno(), b".")

    Server(control, rules, show_life).run()
