"""What runs in the judge's process."""

import contextlib
import os
import socket
from multiprocessing.connection import Connection

from worker import logs
from worker.downloads.confinement import landlock
from worker.downloads.judge.rules import Rules
from worker.downloads.judge.server import Server
from worker.downloads.ytdlp.packages import copies
from worker.log_formats import LogFormat
from worker.pool.worker_main import belong_to_owner
from worker.processes import process_setup

NAME = "judge"


def run(
    control: socket.socket,
    beat: Connection,
    rules: Rules,
    limits: process_setup.Limits,
    form: LogFormat = LogFormat.TEXT,
) -> None:
    """Judge until this process is killed. Each message in `beat` is a sign of life.

    Its log is written in this form.
    """
    belong_to_owner(NAME)
    copies.let_go()
    logs.configure(form=form)
    limits.apply()
    if not landlock.abi():
        # The proxy's password is here, and nothing else keeps a download out of this memory.
        process_setup.refuse_inspection()
    os.set_blocking(beat.fileno(), False)

    def show_life() -> None:
        with contextlib.suppress(BlockingIOError):  # who does not listen need not know
            os.write(beat.fileno(), b".")

    Server(control, rules, show_life).run()
