"""What somebody would try who runs code of his own in a download process.

Each attack answers with what it got, or with the name of the error that stopped it. What it must
know about the machine the link's query tells it, so that no ignorance protects the bot.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import os
import re
import resource
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import parse_qs, urlsplit

from worker.errors import Fault, JobError, Reason

GOT = "got it"

_TOKEN = re.compile(rb"[0-9]{6,}:[A-Za-z0-9_-]{30,}")


def fetch(task: Any, rules: Any, report: Any, extractors: Any) -> NoReturn:
    """Takes yt-dlp's place: tries all of it and says what came of it as the job's failure."""
    targets = {name: values[0] for name, values in parse_qs(urlsplit(task.url).query).items()}
    # In order and without their names: a failure's words have a limit.
    results = [_outcome(attack, targets) for attack in ATTACKS.values()]
    raise JobError(Reason.NO_MEDIA, Fault.PERMANENT, json.dumps({"outcomes": results}))


def _outcome(attack: Callable[[dict[str, str]], object], targets: dict[str, str]) -> str:
    try:
        return "nothing" if attack(targets) is False else GOT
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, "?")
    except subprocess.CalledProcessError as error:
        return errno.errorcode.get(error.returncode, "?")


def _open(path: str, flags: int = os.O_RDONLY) -> bool:
    os.close(os.open(path, flags))
    return True


def _find_token(memory: str, maps: str) -> bool:
    found = False
    with open(memory, "rb", buffering=0) as file:
        for line in Path(maps).read_text().splitlines():
            span, mode = line.split()[:2]
            start, end = (int(part, 16) for part in span.split("-"))
            if not mode.startswith("rw") or end - start > 1 << 28:
                continue
            try:
                file.seek(start)
                found = found or bool(_TOKEN.search(file.read(end - start)))
            except OSError:
                continue  # a mapping without memory
    return found


def _environment(pid: str) -> bool:
    return b"BOT_TOKEN" in Path(f"/proc/{pid}/environ").read_bytes()


def _connect(family: socket.AddressFamily, address: Any) -> bool:
    with socket.socket(family) as made:
        made.connect(address)
    return True


def _through_a_descriptor(pid: str) -> bool:
    """Ask that `pid` gets the signals of a pipe of ours; no more than asked, it stays alive."""
    reading, writing = os.pipe()
    try:
        fcntl.fcntl(reading, fcntl.F_SETOWN, int(pid))
    finally:
        os.close(reading)
        os.close(writing)
    return True


def _limit(pid: str) -> bool:
    """Set one of its limits, to what it is."""
    now = resource.prlimit(int(pid), resource.RLIMIT_CPU)
    resource.prlimit(int(pid), resource.RLIMIT_CPU, now)
    return True


def _trace(pid: str) -> bool:
    """PTRACE_SEIZE, which does not stop it, until this process ends."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(0x4206, int(pid), None, None) != 0:
        raise OSError(ctypes.get_errno(), "ptrace")
    return True


def _connect_natively(family: socket.AddressFamily, place: bytes) -> bool:
    """As a library would that no audit hook hears of."""
    libc = ctypes.CDLL(None, use_errno=True)
    address = struct.pack("H", family) + place
    made = libc.socket(family, socket.SOCK_STREAM, 0)
    if made < 0 or libc.connect(made, address, len(address)) != 0:
        raise OSError(ctypes.get_errno(), "connect")
    return True


def _run_own_program() -> bool:
    own = os.open("own", os.O_WRONLY | os.O_CREAT, 0o700)  # chmod is refused
    os.write(own, b"#!/bin/sh\nexit 0\n")
    os.close(own)
    subprocess.run(["./own"], check=True)
    return True


def _in_a_program(code: str) -> bool:
    """Run Python without the audit hook; its exit code is the number of the error."""
    program = f"import os, socket\ntry:\n    {code}\nexcept OSError as e:\n    os._exit(e.errno)"
    subprocess.run([sys.executable, "-I", "-S", "-c", program], check=True)
    return True


ATTACKS: dict[str, Callable[[dict[str, str]], object]] = {
    "own environment": lambda to: any(map(_TOKEN.search, map(os.fsencode, os.environ.values()))),
    "own memory": lambda to: _find_token("/proc/self/mem", "/proc/self/maps"),
    "settings": lambda to: _open("../../../.env"),
    "ledger": lambda to: _open("../../ledger.sqlite3"),
    "change ledger": lambda to: _open("../../ledger.sqlite3", os.O_WRONLY),
    "look for jobs": lambda to: os.listdir(".."),
    "another job": lambda to: _open("../999-1/media.mp4"),
    "home": lambda to: os.listdir(to["home"]),
    "write outside": lambda to: _open("../../new", os.O_WRONLY | os.O_CREAT),
    "write to /tmp": lambda to: _open(to["temporary"], os.O_WRONLY | os.O_CREAT),
    "remove outside": lambda to: os.unlink("../999-1/media.mp4"),
    "a link out": lambda to: os.symlink("/etc/passwd", "media.mp4"),
    "a program of its own": lambda to: _run_own_program(),
    "bot's environment": lambda to: _environment(to["bot"]),
    "telegram's memory": lambda to: _find_token(
        f"/proc/{to['telegram']}/mem", f"/proc/{to['telegram']}/maps"
    ),
    "bot's descriptors": lambda to: os.listdir(f"/proc/{to['bot']}/fd"),
    "signal the bot": lambda to: os.kill(int(to["bot"]), 0),
    "signal by a program": lambda to: _in_a_program(f"os.kill({to['bot']}, 0)"),
    "signal everybody": lambda to: os.kill(-1, 0),
    "signal by a pidfd": lambda to: signal.pidfd_send_signal(os.pidfd_open(int(to["bot"])), 0),
    "signal by a descriptor": lambda to: _through_a_descriptor(to["bot"]),
    "limit the bot": lambda to: _limit(to["bot"]),
    "limit telegram by a program": lambda to: _in_a_program(
        f"import resource; resource.prlimit({to['telegram']}, resource.RLIMIT_CPU)"
    ),
    "slow the bot down": lambda to: os.setpriority(
        os.PRIO_PROCESS, int(to["bot"]), os.getpriority(os.PRIO_PROCESS, int(to["bot"]))
    ),
    "let the bot wait": lambda to: os.sched_setscheduler(
        int(to["bot"]), os.sched_getscheduler(int(to["bot"])), os.sched_param(0)
    ),
    "trace the bot": lambda to: _trace(to["bot"]),
    "telegram's memory by a program": lambda to: _in_a_program(
        f"open('/proc/{to['telegram']}/mem', 'rb').close()"
    ),
    "loopback": lambda to: _connect(socket.AF_INET, ("127.0.0.2", int(to["port"]))),
    "loopback by a program": lambda to: _in_a_program(
        f"socket.create_connection(('127.0.0.2', {int(to['port'])}), 5)"
    ),
    "a datagram by a program": lambda to: _in_a_program(
        f"socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.2', {int(to['port'])}))"
    ),
    "socket file by a program": lambda to: _in_a_program(
        f"socket.socket(socket.AF_UNIX).connect({to['socket']!r})"
    ),
    "loopback natively": lambda to: _connect_natively(
        socket.AF_INET,
        struct.pack("!H4s8x", int(to["port"]), socket.inet_aton("127.0.0.2")),
    ),
    "socket file natively": lambda to: _connect_natively(
        socket.AF_UNIX, struct.pack("108s", to["socket"].encode())
    ),
    "socket file": lambda to: _connect(socket.AF_UNIX, to["socket"]),
    "abstract socket": lambda to: _connect(socket.AF_UNIX, "\0" + to["abstract"]),
    "abstract by a program": lambda to: _in_a_program(
        f"socket.socket(socket.AF_UNIX).connect(chr(0) + {to['abstract']!r})"
    ),
}
