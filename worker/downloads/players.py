"""YouTube's players, each fetched and solved once for all downloads of a worker.

A player is a script of 2.6 MB. Finding what solves challenges in it takes seconds, and the result
serves every video. A download that needs one names its address. The worker has it solved by another
process, confined in the same way, that has read nothing but the script from that address, keeps the
result in memory, and writes a copy into the download's directory. Later downloads are forked with
it. So nothing that a download writes or says reaches another download, except the address, which
can only be that of one of YouTube's own scripts.
"""

import contextlib
import json
import os
import re
import secrets
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

from worker.downloads import workspace
from worker.downloads.channel import Sender
from worker.downloads.confinement.isolation import Confinement, isolate
from worker.downloads.limits import DownloadLimits
from worker.processes import process_setup

MAX_PLAYER_BYTES = 8 * 1024 * 1024
"""The largest solution that is kept; it is about as long as the script."""

MAX_TRIES = 2
"""How often a worker tries to have a player solved; the first failure may be the network's
fault."""

FILE_NAME = "player.json"
"""What a download finds in its directory once it has asked; "null" if there is no solution."""

_MAX_PLAYERS = 4
_ADDRESS = re.compile(
    r"https://www\.youtube\.com/s/player/[0-9a-f]{8}/[\w-]{1,60}(\.vflset)?/(\w{2,8}/)?[\w-]{1,40}\.js",
    re.ASCII,
)
_CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True)
class Player:
    """What is needed of a player: its timestamp, and the script that solves its challenges."""

    timestamp: int
    script: str


class Players:
    """The players that a worker knows, by address, and those that could not be solved."""

    def __init__(self) -> None:
        self._known: dict[str, Player] = {}
        self._failures: dict[str, int] = {}

    def is_settled(self, address: str) -> bool:
        """Whether the player at an address is solved, or has failed too often to be tried again."""
        return address in self._known or self._failures.get(address, 0) >= MAX_TRIES

    def get(self, address: str) -> Player | None:
        """The player at an address; None if there is none."""
        return self._known.get(address)

    def add(self, address: str, player: Player | None) -> None:
        """Keep a player, or with None note a failed try.

        Forget the oldest if there are too many.
        """
        if player:
            self._known[address] = player
        else:
            self._failures[address] = self._failures.get(address, 0) + 1
        for kept in (self._known, self._failures):
            if len(kept) > _MAX_PLAYERS:
                del kept[next(iter(kept))]


KNOWN = Players()
"""The players of this worker, which its downloads inherit."""


def is_address(address: str) -> bool:
    """Whether an address is that of a player."""
    return _ADDRESS.fullmatch(address) is not None


def parse(data: bytes) -> Player | None:
    """Read a player from JSON; None for anything else."""
    with contextlib.suppress(ValueError, TypeError, KeyError, RecursionError):
        fields = json.loads(data)
        player = Player(fields["timestamp"], fields["script"])
        if type(player.timestamp) is int and type(player.script) is str and player.script:
            return player
    return None


def put(player: Player | None, directory: Path) -> None:
    """Write a player into a download's directory, in one step and following no link.

    Raises OSError, for instance if the download is gone.
    """
    data = json.dumps(asdict(player) if player else None).encode()
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    directory_fd = os.open(directory, flags)
    try:
        name = f"player-{secrets.token_hex(8)}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(name, flags, 0o600, dir_fd=directory_fd), "wb") as file:
            file.write(data)
        os.rename(name, FILE_NAME, src_dir_fd=directory_fd, dst_dir_fd=directory_fd)
    finally:
        os.close(directory_fd)


class Solving:
    """A process that fetches and solves one player. It must be closed."""

    def __init__(
        self,
        address: str,
        confinement: Confinement,
        limits: DownloadLimits,
        solve: Callable[[str, DownloadLimits], Player | None],
    ) -> None:
        """Start it in a new directory of its own. Raises OSError."""
        self.address = address
        self.player: Player | None = None
        self._directory = confinement.directory
        self._data = b""
        self.fd, write_fd = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            workspace.create(self._directory)
            if os.fork() == 0:
                _run(address, confinement, limits, write_fd, solve)
        except OSError:
            self.close()
            raise
        finally:
            os.close(write_fd)

    def read(self) -> bool:
        """Read what there is. Returns whether it has ended; then `player` is its result."""
        try:
            chunk = os.read(self.fd, _CHUNK_BYTES)
        except BlockingIOError:
            return False
        self._data += chunk
        if chunk and len(self._data) <= MAX_PLAYER_BYTES:
            return False
        self.player = None if chunk else parse(self._data)
        return True

    def close(self) -> None:
        """Remove its directory; the session ends its process."""
        os.close(self.fd)
        with contextlib.suppress(OSError):
            workspace.remove(self._directory)


def _run(
    address: str,
    confinement: Confinement,
    limits: DownloadLimits,
    write_fd: int,
    solve: Callable[[str, DownloadLimits], Player | None],
) -> NoReturn:
    try:
        sender = Sender(write_fd)
        isolate(confinement, limits, sender)
        os.set_blocking(sender.fd, True)
        process_setup.set_title("yt-dlp: YouTube's player")
        if player := solve(address, limits):
            data: Any = memoryview(json.dumps(asdict(player)).encode())
            while data:
                data = data[os.write(sender.fd, data) :]
    except BaseException:  # noqa: BLE001 - the process's outer edge
        with contextlib.suppress(Exception):
            traceback.print_exc()
    finally:
        os._exit(0)
